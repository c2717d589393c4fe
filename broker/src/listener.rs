//! Accepts connections; who may stay is up to [`Admission`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Entrance;
use crate::account::Transit;
use crate::admission::{Admission, NoSlot};
use crate::connection::{Accepted, Ending, Surroundings, log, serve};
use crate::exchange::Request;
use crate::reloading::Current;
use crate::session::ConnectionId;
use crate::tls;
use crate::traffic::Traffic;
use crate::web_socket::{self, Duplex};

/// The pause after a failure to accept, such as too many open files.
const RECOVERY: Duration = Duration::from_millis(100);

/// One address listened on.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    pub(crate) entrance: Entrance,
}

impl Listener {
    /// Takes the port; `key` is where the settings name it.
    pub(crate) async fn bind(
        address: SocketAddr,
        tls: bool,
        web_socket: bool,
        key: &str,
    ) -> anyhow::Result<Listener> {
        let socket = TcpListener::bind(address).await.with_context(|| {
            format!(
                "cannot listen on {address}: stop the program that uses it (another broker?), \
                 or set another address under {key}"
            )
        })?;
        Ok(Listener { socket, entrance: Entrance::new(address, tls, web_socket) })
    }

    pub(crate) fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.socket.local_addr().context("reading the address listened on")
    }
}

/// What all listeners share.
#[derive(Debug)]
pub(crate) struct Accepting {
    pub(crate) current: Arc<Current>,
    pub(crate) admission: Admission,
    pub(crate) exchange: mpsc::Sender<Request>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) transit: Transit,
    pub(crate) shutdown: CancellationToken,
    pub(crate) last: AtomicU64,
}

impl Accepting {
    /// Accepts until the shutdown; each connection becomes a task of `tasks`.
    pub(crate) async fn listen(&self, listener: &Listener, tasks: &TaskTracker) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.socket.accept() => accepted,
                () = self.shutdown.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (acceptor, client_trust) = self.acceptor().unzip();
                    let accepted = Accepted {
                        id: ConnectionId(self.last.fetch_add(1, Ordering::Relaxed) + 1),
                        peer,
                        entrance: listener.entrance,
                        certified: Vec::new(),
                        client_trust: client_trust.unwrap_or_default(),
                        slot: self.admission.enter(peer.ip()),
                    };
                    tasks.spawn(attend(stream, accepted, self.surroundings(), acceptor));
                }
                Err(error) => {
                    tracing::error!(%error, "accepting a connection");
                    tokio::time::sleep(RECOVERY).await;
                }
            }
        }
    }

    /// What a connection that comes now lives by.
    fn surroundings(&self) -> Surroundings {
        Surroundings {
            exchange: self.exchange.clone(),
            settings: self.current.settings(),
            origins: self.current.origins(),
            traffic: Arc::clone(&self.traffic),
            transit: self.transit.clone(),
            gate: Arc::clone(&self.current.gate),
            shutdown: self.shutdown.clone(),
        }
    }

    fn acceptor(&self) -> Option<(TlsAcceptor, u64)> {
        self.current.tls().map(|(tls, client_trust)| (TlsAcceptor::from(tls), client_trust))
    }
}

/// Serves one connection and tells the exchange of its end, however it came.
async fn attend(
    stream: TcpStream,
    accepted: Accepted,
    surroundings: Surroundings,
    acceptor: Option<TlsAcceptor>,
) {
    let (id, peer) = (accepted.id, accepted.peer);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "setting TCP_NODELAY");
    }
    let exchange = surroundings.exchange.clone();
    // A task of its own: if it panics, the session must not stay connected.
    if let Err(error) = tokio::spawn(receive(stream, accepted, surroundings, acceptor)).await {
        tracing::error!(%peer, %error, "serving a connection");
    }
    // The exchange is gone only when the broker stops.
    let _ = exchange.send(Request::Closed(id)).await;
}

/// What lies between TCP and MQTT, in the connection's own task: nobody waits for a client that
/// takes its time.
async fn receive(
    stream: TcpStream,
    mut accepted: Accepted,
    surroundings: Surroundings,
    acceptor: Option<TlsAcceptor>,
) {
    let Entrance { tls, web_socket, .. } = accepted.entrance;
    if !tls && !web_socket {
        return serve(stream, accepted, surroundings).await;
    }
    let patience = Duration::from_secs(surroundings.settings.connect_timeout_s);
    let unwrapping = async {
        let mut certified = Vec::new();
        let mut stream: Box<dyn Duplex> = if tls {
            let acceptor = acceptor.ok_or(Ending::Tls(std::io::Error::other("no certificate is set")))?;
            let stream = acceptor.accept(stream).await.map_err(Ending::Tls)?;
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            certified = shown.map(tls::names).unwrap_or_default();
            Box::new(stream)
        } else {
            Box::new(stream)
        };
        if web_socket {
            let accepted = web_socket::accept(stream, &surroundings.origins).await;
            stream = accepted.map_err(|error| Ending::WebSocket(Box::new(error)))?;
        }
        Ok((stream, certified))
    };
    let unwrapped = tokio::select! {
        // What has come already counts.
        biased;
        unwrapped = tokio::time::timeout(patience, unwrapping) => unwrapped.unwrap_or(Err(Ending::NoConnect)),
        () = accepted.slot.displaced() => Err(NoSlot::Displaced.into()),
        () = surroundings.shutdown.cancelled() => Err(Ending::Stopping),
    };
    match unwrapped {
        Ok((stream, certified)) => {
            accepted.certified = certified;
            serve(stream, accepted, surroundings).await;
        }
        Err(ending) => log(&ending, accepted.peer, ""),
    }
}
