//! Accepts connections, as many as may be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::connection::{Surroundings, serve};
use crate::exchange::Request;
use crate::session::ConnectionId;

/// The pause after a failure to accept, such as too many open files.
const RECOVERY: Duration = Duration::from_millis(100);

/// Accepts until the shutdown; each connection becomes a task of `tasks`.
pub(crate) async fn listen(listener: &TcpListener, surroundings: &Surroundings, tasks: &TaskTracker) {
    let places = Arc::new(Semaphore::new(surroundings.settings.max_connections));
    let mut last = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = surroundings.shutdown.cancelled() => return,
        };
        match (accepted, Arc::clone(&places).try_acquire_owned()) {
            (Ok((stream, peer)), Ok(place)) => {
                last += 1;
                let id = ConnectionId(last);
                tasks.spawn(attend(stream, id, peer, surroundings.clone(), place));
            }
            (Ok((_, peer)), Err(_)) => {
                tracing::warn!(%peer, "connection refused: there are too many");
            }
            (Err(error), _) => {
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
    place: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "setting TCP_NODELAY");
    }
    let exchange = surroundings.exchange.clone();
    // A task of its own: if it panics, the session must not stay connected.
    if let Err(error) = tokio::spawn(serve(stream, id, peer, surroundings)).await {
        tracing::error!(%peer, %error, "serving a connection");
    }
    // The exchange is gone only when the broker stops.
    let _ = exchange.send(Request::Closed(id)).await;
    drop(place);
}
