//! A real server, and a browser that takes nothing of what it is sent.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use hyper::Request;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use web_http::{Answers, Proxies, Reply, RequestQuota, Visit, reply};

/// Answers without end, and tells when an answer is given up.
struct Endless(CancellationToken);

impl Answers for Endless {
    async fn answer(&self, _: Request<Incoming>, _: Visit, _: &RequestQuota) -> Reply {
        let guard = self.0.clone().drop_guard();
        reply::streamed(stream::repeat_with(move || {
            let _held = &guard;
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 4096]))
        }))
    }
}

#[tokio::test]
async fn who_takes_nothing_is_disconnected() {
    let listener = web_http::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (given_up, shutdown) = (CancellationToken::new(), CancellationToken::new());
    let proxies = Proxies { base_path: Default::default(), trusted: Vec::new() };
    tokio::spawn(web_http::serve(listener, Endless(given_up.clone()), proxies, 10, shutdown));
    let mut browser = TcpStream::connect(address).await.unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
    let mut begun = [0; 12];
    browser.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    assert!(!given_up.is_cancelled());
    // From here on time goes by whenever there is nothing else to do.
    tokio::time::pause();
    tokio::time::timeout(Duration::from_secs(60), given_up.cancelled()).await.unwrap();
}
