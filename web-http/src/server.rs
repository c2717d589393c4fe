//! The listener, its connections, and what happens with a request. Ours around hyper, because a
//! connection's slot, its browser's quota and the answer that is being sent belong together.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use daemon_runtime::most_of_network;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode, Version, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::forwarded::{Proxies, Visit};
use crate::quotas::{RequestQuota, RequestQuotas};
use crate::reply::{self, EventStream, Reply};
use crate::sent_body::SentBody;
use crate::slots::{Slot, Slots};

/// How long the lines before a request's body may take; also how long a
/// connection may idle.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// The most that the lines before a request's body may hold, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// How long connections may go on after the order to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// How long a browser may take nothing of what it is sent: slow readers shall not hold connections (and
/// what waits to be sent to them) for ever.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause after a failed accept: too many open files, mostly.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// How many connections may wait to be accepted: a flood shall not keep others waiting for their
/// second try. The kernel may hold fewer to be enough.
const BACKLOG: u32 = 4_096;

/// What is said where there is no slot, before any request was read.
const NO_SLOT: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    retry-after: 5\r\nconnection: close\r\ncontent-length: 46\r\n\r\n\
    There are too many connections; try again soon";

/// The same to a browser that uses all of its quota.
const QUOTA_USED_UP: &str = "Too many requests from your address are in progress; try again soon.\n";

/// What answers requests.
pub trait Answers: Send + Sync + 'static {
    /// The answer to a request: a GET or HEAD without a body, or a POST. What has to be worked out
    /// waits for a turn of the quota.
    fn answer(
        &self,
        request: Request<Incoming>,
        visit: Visit,
        quota: &RequestQuota,
    ) -> impl Future<Output = Reply> + Send;
}

/// Takes an address; port 0 is any free one.
///
/// # Errors
/// If another program uses it, or it is none of this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown`; then lets requests in work finish.
pub async fn serve(
    listener: TcpListener,
    site: impl Answers,
    proxies: Proxies,
    max_connections: usize,
    shutdown: CancellationToken,
) {
    let slots = Slots::new(max_connections);
    // However much one asks for, another browser behind the same proxy comes in.
    let quotas = RequestQuotas::new(most_of_network(max_connections) / 2);
    let served = Arc::new(Served { site, proxies, slots: slots.clone(), quotas, shutdown });
    let connections = TaskTracker::new();
    while let Some((stream, peer, slot)) = accepted(&listener, &slots, &served.shutdown).await {
        connections.spawn(attend(stream, (peer, slot), served.clone()));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(FINISH_WITHIN, connections.wait()).await.is_err() {
        tracing::warn!("some connections did not finish within {FINISH_WITHIN:?}");
    }
}

/// What all connections share.
struct Served<S> {
    site: S,
    proxies: Proxies,
    slots: Slots,
    quotas: RequestQuotas,
    shutdown: CancellationToken,
}

/// The next connection that gets a slot.
async fn accepted(
    listener: &TcpListener,
    slots: &Slots,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, IpAddr, Slot)> {
    let next = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => match slots.take(peer.ip()) {
                    Some(slot) => return (small_packets_at_once(stream), peer.ip(), slot),
                    None => refuse(&stream),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
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
fn refuse(stream: &TcpStream) {
    let _ = stream.try_write(NO_SLOT);
}

/// Answers a connection's requests until it ends, is displaced, or all shall end.
async fn attend<S: Answers>(stream: TcpStream, (peer, slot): (IpAddr, Slot), served: Arc<Served<S>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (busy, served) = (slot.busy(), &served);
        // In a box, or each idle connection would have room for it.
        Box::pin(async move {
            let visit = served.proxies.visit(peer, request.headers());
            let browser = visit.address;
            let make_room = || served.slots.end_stream(peer, browser);
            let quota = served.quotas.take(peer, browser, make_room);
            let reply = match &quota {
                Some(quota) => answer(&served.site, visit, request, quota).await,
                None => quota_used_up(),
            };
            let is_stream = reply.extensions().get::<EventStream>().is_some();
            let displaced = is_stream.then(|| Box::pin(busy.stream_to(browser).cancelled_owned()));
            Ok::<_, Infallible>(reply.map(|body| SentBody { body, _busy: busy, _quota: quota, displaced }))
        })
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = pin!(connection);
    let ordered = async {
        tokio::select! {
            () = served.shutdown.cancelled() => {}
            () = slot.displaced() => {}
        }
        slot.has_asked()
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

fn quota_used_up() -> Reply {
    let mut reply = reply::reply(StatusCode::SERVICE_UNAVAILABLE, QUOTA_USED_UP);
    reply::set(&mut reply, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    reply::set(&mut reply, header::RETRY_AFTER, "5");
    reply
}

async fn answer(
    site: &impl Answers,
    visit: Visit,
    request: Request<Incoming>,
    quota: &RequestQuota,
) -> Reply {
    // Whoever checks it: a proxy that asks for a password hands it on.
    let says_who_asks = request.headers().contains_key(header::AUTHORIZATION);
    let mut reply = match (refused(&request), request.method()) {
        (Some(refused), _) => refused,
        // hyper leaves the body of an answer to HEAD away.
        (None, &Method::GET | &Method::HEAD | &Method::POST) => site.answer(request, visit, quota).await,
        (None, _) => reply::not_allowed(),
    };
    if says_who_asks {
        reply::keep_private(&mut reply);
    }
    reply
}

/// What is wrong with a request, whatever its address.
fn refused(request: &Request<Incoming>) -> Option<Reply> {
    // Nothing here reads one, and where it ends is what smugglers of requests lie about.
    if matches!(*request.method(), Method::GET | Method::HEAD) && !request.body().is_end_stream() {
        return Some(reply::bad_request("A GET or HEAD request must not have a body.\n"));
    }
    // Browsers take it for a slash, we would not.
    if request.uri().path().contains('\\') {
        return Some(reply::bad_request("A path must not have a backslash.\n"));
    }
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Some(reply::bad_request("A request must name exactly one host.\n"));
    }
    None
}
