//! The listener, its connections, and what happens with a request.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode, Version, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answers::Site;
use crate::http::forwarded::Visit;
use crate::http::quotas::{Share, Shares};
use crate::http::reply::{self, Reply};
use crate::http::sent_body::WhileSent;
use crate::http::slots::{Place, Places, most_of_address};
use crate::http::stall_guard::StallGuard;

/// How long the lines before a request's body may take; also how long a
/// connection may idle.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// The most that the lines before a request's body may hold, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// How long connections may go on after the order to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// Pause after a failed accept: too many open files, mostly.
const BREATH: Duration = Duration::from_millis(100);

/// What is said where there is no place, before any request was read.
const CROWDED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    retry-after: 5\r\nconnection: close\r\ncontent-length: 46\r\n\r\n\
    There are too many connections; try again soon";

/// The same to a browser that uses all of its share.
const TOO_MUCH: &str = "Too many requests from your address are in progress; try again soon.\n";

/// Serves until `shutdown`; then lets requests in work finish.
pub(crate) async fn serve(
    listener: TcpListener,
    site: Site,
    max_connections: usize,
    shutdown: CancellationToken,
) {
    let site = Arc::new(site);
    let places = Places::new(max_connections);
    // However much one asks for, another browser behind the same proxy comes in.
    let shares = Shares::new(most_of_address(max_connections) / 2);
    let connections = TaskTracker::new();
    while let Some((stream, peer, place)) = accepted(&listener, &places, &shutdown).await {
        connections.spawn(attend(stream, (peer, place), shares.clone(), site.clone(), shutdown.clone()));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(FINISH_WITHIN, connections.wait()).await.is_err() {
        tracing::warn!("some connections did not finish within {FINISH_WITHIN:?}");
    }
}

/// The next connection that gets a place.
async fn accepted(
    listener: &TcpListener,
    places: &Places,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, IpAddr, Place)> {
    let next = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => match places.enter(peer.ip()) {
                    Some(place) => return (small_packets_at_once(stream), peer.ip(), place),
                    None => crowded(&stream),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    };
    tokio::select! {
        next = next => Some(next),
        () = shutdown.cancelled() => None,
    }
}

/// Live values are small and shall not wait for more. Works without as well.
fn small_packets_at_once(stream: TcpStream) -> TcpStream {
    let _: io::Result<()> = stream.set_nodelay(true);
    stream
}

/// Says so, to who is there to hear it: a new connection takes that much at once.
fn crowded(stream: &TcpStream) {
    let _ = stream.try_write(CROWDED);
}

/// Answers a connection's requests until it ends, is displaced, or all shall end.
async fn attend(
    stream: TcpStream,
    (peer, place): (IpAddr, Place),
    shares: Shares,
    site: Arc<Site>,
    shutdown: CancellationToken,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let in_work = place.in_work();
        let (site, shares) = (&site, &shares);
        // In a box, or each idle connection would have room for it.
        Box::pin(async move {
            let visit = site.proxies.visit(peer, request.headers());
            let share = shares.take(peer, visit.address);
            let reply = match &share {
                Some(share) => answer(site, visit, request, share).await,
                None => too_much(),
            };
            Ok::<_, Infallible>(reply.map(|body| WhileSent { body, _in_work: in_work, _share: share }))
        })
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(StallGuard::new(stream)), service);
    let mut connection = pin!(connection);
    let ordered = async {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = place.displaced() => {}
        }
        place.has_asked()
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Who is being sent an answer gets the rest of it; who said nothing yet, nothing.
        has_asked = ordered => match has_asked {
            true => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(FINISH_WITHIN, connection).await.unwrap_or(Ok(()))
            }
            false => Ok(()),
        },
    };
    // Browsers go away in all ways there are: no news.
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

fn too_much() -> Reply {
    let mut reply = reply::reply(StatusCode::SERVICE_UNAVAILABLE, TOO_MUCH);
    reply::set(&mut reply, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    reply::set(&mut reply, header::RETRY_AFTER, "5");
    reply
}

async fn answer(site: &Site, visit: Visit, request: Request<Incoming>, share: &Share) -> Reply {
    if let Some(refused) = refused(&request) {
        return refused;
    }
    match *request.method() {
        // hyper leaves the body of an answer to HEAD away.
        Method::GET | Method::HEAD => site.answer(visit, request.uri(), request.headers(), share).await,
        Method::POST => site.take(visit, request, share).await,
        _ => reply::not_allowed(),
    }
}

/// What is wrong with a request, whatever its address.
fn refused(request: &Request<Incoming>) -> Option<Reply> {
    // Nothing here reads one, and where it ends is what smugglers of requests lie about.
    if matches!(*request.method(), Method::GET | Method::HEAD) && !request.body().is_end_stream() {
        return Some(reply::bad_request("A GET or HEAD request must not have a body.\n"));
    }
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Some(reply::bad_request("A request must name exactly one host.\n"));
    }
    None
}
