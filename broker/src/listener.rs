//! Accepts connections; who may stay is up to [`Admission`].

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::admission::{Admission, Place};
use crate::connection::{Surroundings, serve};
use crate::exchange::Request;
use crate::session::ConnectionId;

/// The pause after a failure to accept, such as too many open files.
const RECOVERY: Duration = Duration::from_millis(100);

/// Accepts until the shutdown; each connection becomes a task of `tasks`.
pub(crate) async fn listen(listener: &TcpListener, surroundings: &Surroundings, tasks: &TaskTracker) {
    let admission = Admission::new(&surroundings.settings);
    let mut last = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = surroundings.shutdown.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                last += 1;
                let (id, place) = (ConnectionId(last), admission.enter(peer.ip()));
                tasks.spawn(attend(stream, id, peer, surroundings.clone(), place));
            }
            Err(error) => {
                tracing::error!(%error, "accepting a connection");
                tokio::time::sleep(RECOVERY).await;
            }
        }
    }
}

/// Serves one connection and tells the exchange of its end, however it came.
async fn attend(
    stream: TcpStream,
    id: ConnectionId,
    peer: SocketAddr,
    surroundings: Surroundings,
    place: Place,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "setting TCP_NODELAY");
    }
    let exchange = surroundings.exchange.clone();
    // A task of its own: if it panics, the session must not stay connected.
    if let Err(error) = tokio::spawn(serve(stream, id, peer, surroundings, place)).await {
        tracing::error!(%peer, %error, "serving a connection");
    }
    // The exchange is gone only when the broker stops.
    let _ = exchange.send(Request::Closed(id)).await;
}
