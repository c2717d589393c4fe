//! The listener, its connections, and what happens with a request.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::answers::Site;
use crate::reply::{self, Reply};
use crate::stall_guard::StallGuard;

/// How long the lines before a request's body may take; also how long a
/// connection may idle.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// The most that the lines before a request's body may hold, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// How long connections may go on after the order to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// Pause after a failed accept: too many open files, mostly.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `shutdown`; then lets requests in work finish.
pub(crate) async fn serve(
    listener: TcpListener,
    site: Site,
    max_connections: usize,
    shutdown: CancellationToken,
) {
    let site = Arc::new(site);
    let places = Arc::new(Semaphore::new(max_connections));
    let connections = GracefulShutdown::new();
    while let Some((stream, peer, place)) = accepted(&listener, &places, &shutdown).await {
        let site = site.clone();
        let service = service_fn(move |request| {
            let site = site.clone();
            async move { Ok::<_, Infallible>(answer(&site, peer, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(StallGuard::new(stream)), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // Browsers go away in all ways there are: no news.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(FINISH_WITHIN, connections.shutdown()).await.is_err() {
        tracing::warn!("some connections did not finish within {FINISH_WITHIN:?}");
    }
}

/// The next connection, as soon as there is a place for it.
async fn accepted(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let next = async {
        let place = places.clone().acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((small_packets_at_once(stream), peer.ip(), place)),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    };
    tokio::select! {
        next = next => next,
        () = shutdown.cancelled() => None,
    }
}

/// Live values are small and shall not wait for more. Works without as well.
fn small_packets_at_once(stream: TcpStream) -> TcpStream {
    let _: io::Result<()> = stream.set_nodelay(true);
    stream
}

async fn answer(site: &Site, peer: IpAddr, request: Request<Incoming>) -> Reply {
    match *request.method() {
        // hyper leaves the body of an answer to HEAD away.
        Method::GET | Method::HEAD => site.answer(peer, request.uri(), request.headers()).await,
        Method::POST => site.take(peer, request).await,
        _ => reply::not_allowed(),
    }
}
