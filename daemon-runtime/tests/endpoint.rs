//! The endpoint for figures, over real connections: what others do there keeps Prometheus from nothing.
#![cfg(feature = "endpoint")]
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use daemon_runtime::{Endpoint, EndpointSettings, Metrics, Tells};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Counts how often it is asked.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Tells for Counting {
    async fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        let made = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        metrics.counter("made", "How often figures were made", None, made as f64);
        metrics
    }
}

struct Serving {
    address: SocketAddr,
    made: Arc<AtomicUsize>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn serving() -> Serving {
    let settings = EndpointSettings { listen: Some(([127, 0, 0, 1], 0).into()) };
    let endpoint = Endpoint::bind(&settings, "[metrics]").await.unwrap().unwrap();
    let (address, shutdown, counting) =
        (endpoint.local_addr().unwrap(), CancellationToken::new(), Counting::default());
    let (made, stop) = (counting.0.clone(), shutdown.clone());
    let task = tokio::spawn(async move { endpoint.serve(counting, stop).await });
    Serving { address, made, shutdown, task }
}

/// Sends something; all that comes back until the connection ends.
async fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be closed before all is said.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn it_is_off_unless_it_is_asked_for() {
    assert!(Endpoint::bind(&EndpointSettings::default(), "[metrics]").await.unwrap().is_none());
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_what_to_do() {
    let serving = serving().await;
    let again = EndpointSettings { listen: Some(serving.address) };
    let refused = Endpoint::bind(&again, "[metrics]").await.unwrap_err().to_string();
    let expected =
        format!("cannot listen on {}: set another address under [metrics] listen", serving.address);
    assert_eq!(refused, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_prometheus_gets_its_figures() {
    let serving = serving().await;
    // More than there are places for, who say nothing, or never end what they say.
    let mut idle = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(serving.address).await.unwrap();
        if number % 2 == 0 {
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nX-Slow: ").await;
        }
        idle.push(stream);
    }
    let began = Instant::now();
    let answer = timeout(Duration::from_secs(5), ask(serving.address, SCRAPE)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\nmade_total 1"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());

    for (hostile, status) in [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc".to_vec(), "HTTP/1.1 400"),
        (
            [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &vec![b'x'; 200_000], b"\r\n\r\n"].concat(),
            "HTTP/1.1 431",
        ),
        (b"X: y\r\n".repeat(50_000), "HTTP/1.1 400"),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n".to_vec(), "HTTP/1.1 405"),
        (b"GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "HTTP/1.1 404"),
    ] {
        let answer = timeout(Duration::from_secs(15), ask(serving.address, &hostile)).await.unwrap();
        let shown = String::from_utf8_lossy(&hostile[..hostile.len().min(60)]).into_owned();
        // A connection that is closed with something unread may lose the answer on its way.
        assert!(answer.starts_with(status) || answer.is_empty(), "{shown:?}: {answer}");
    }
    // One question each: who asks for more over a connection has to come again.
    let several = ask(serving.address, &SCRAPE.repeat(3)).await;
    assert_eq!(several.matches("HTTP/1.1 200 OK").count(), 1, "{several}");
    drop(idle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_made_once_a_second_however_many_ask() {
    let serving = serving().await;
    let began = Instant::now();
    let mut asked = 0;
    while began.elapsed() < Duration::from_millis(2_500) {
        assert!(ask(serving.address, SCRAPE).await.contains("made_total"));
        asked += 1;
    }
    let (made, most) = (serving.made.load(Ordering::Relaxed), began.elapsed().as_secs() as usize + 1);
    assert!(made <= most && asked > 2 * made, "{asked} asked, {made} made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_at_once_with_whoever_is_there() {
    let Serving { address, shutdown, task, .. } = serving().await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    assert!(ask(address, SCRAPE).await.contains("made_total"));
    shutdown.cancel();
    timeout(Duration::from_secs(2), task).await.unwrap().unwrap();
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(2), idle.read_to_end(&mut rest)).await.unwrap();
    assert!(ended.is_err() || rest.is_empty(), "{rest:?}");
    assert!(TcpStream::connect(address).await.is_err());
}
