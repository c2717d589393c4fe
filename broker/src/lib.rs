//! A broker for MQTT 3.1.1 and MQTT 5 around rumqttd's routing core.
//!
//! Accept, route, keep, acknowledge: a message gets its PUBACK only after it is on disk for every
//! lasting session that it is owed to. The way of a packet:
//!
//! - `listener` accepts; each connection is a task (`connection`) that reads and writes packets
//!   (`packets`) and hands them to
//! - `exchange`, one thread that owns what clients share: it has messages matched by
//! - `router` (the only place that knows rumqttd), keeps them in `sessions` and `retained`, has
//!   the round's changes committed to
//! - `store`, one SQLite file, and sends them on through each connection's `outgoing`.
//!
//! After `kill -9` or a power cut everything that was acknowledged is there again, and the wills
//! of clients that were connected are published. On a clean stop the wills of connected clients are published, as on any other end of a
//! connection without DISCONNECT: whoever looks at a client's status finds it offline while the
//! broker is, and the client says that it is online when it comes back.

mod access;
mod account;
mod admission;
mod connection;
mod exchange;
mod health;
mod identifiers;
mod listener;
mod message;
mod openings;
mod outgoing;
mod owed;
mod packets;
mod publication;
mod reloading;
mod retained;
mod router;
mod session;
mod sessions;
mod settings;
mod store;
mod tls;
mod topic_tree;
mod topics;
mod traffic;
mod web_socket;
mod work;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::Context;
use daemon_runtime::{Endpoint, OwnerThread, Reloads, SettingsError};
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::account::Account;
use crate::admission::Admission;
use crate::exchange::{Exchange, REQUESTS_WAITING, Request};
use crate::listener::{Accepting, Listener};
use crate::reloading::{Current, reload};
pub use crate::settings::{
    AccessSettings, Anonymous, MqttSettings, Settings, StoreSettings, TlsSettings, WebSocketSettings,
};
use crate::store::{Journal, Restored, Store};
use crate::traffic::Traffic;

/// How long connections may take to end on a stop.
const STOP_WITHIN: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_secs(1);

/// A broker that holds its port and is about to serve.
#[derive(Debug)]
pub struct Broker {
    /// The first one is that of `[mqtt] listen`.
    listeners: Vec<Listener>,
    settings: Settings,
    current: Arc<Current>,
    reloads: Option<Reloads<Settings>>,
    kept: (Account, Restored, Journal),
    health: Option<Endpoint>,
}

/// Binds and serves until `shutdown` is cancelled; SIGHUP reloads.
///
/// # Errors
///
/// If an address cannot be listened on, a file of users or certificates is wrong, the store cannot
/// be used, or the router does not start.
pub async fn run(
    settings: Settings,
    reloads: Reloads<Settings>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut broker = Broker::bind(&settings).await?;
    broker.reloads = Some(reloads);
    for listener in &broker.listeners {
        let (tls, web_socket) = (listener.entrance.tls, listener.entrance.web_socket);
        tracing::info!(address = %listener.local_addr()?, tls, web_socket, "listening");
    }
    daemon_runtime::ready();
    broker.run(shutdown).await
}

impl Broker {
    /// Takes the ports and reads users, certificates and the store; clients can connect from now
    /// on, and are served by [`run`](Broker::run).
    ///
    /// # Errors
    ///
    /// If an address cannot be listened on, or a file cannot be used.
    pub async fn bind(settings: &Settings) -> anyhow::Result<Broker> {
        let (access, current) = (Access::read(&settings.access)?, Current::read(settings)?);
        let listeners = listeners(settings).await?;
        let mut entrances = Vec::new();
        for listener in &listeners {
            if !access.is_open(listener.entrance) {
                return Err(nobody_could_come(listener.local_addr()?).into());
            }
            if !access.admits_anonymous(listener.entrance) && !access.has_users() {
                // The last one may have been removed: that must not keep out who needs no user elsewhere.
                let address = listener.local_addr()?;
                tracing::warn!(%address, "nobody can log in here yet: `powerpi invite` and `powerpi passwd` add users");
            }
            entrances.push((listener.local_addr()?, listener.entrance));
        }
        openings::warn(settings, &access, &entrances);
        let mut account = Account::new(&settings.mqtt, current.users());
        let (restored, journal) = match Store::open(&settings.store)? {
            Some(store) => store.restore(&mut account)?,
            None => {
                tracing::warn!("[store] in_memory: nothing survives a restart of the broker");
                (Restored::default(), Journal::in_memory())
            }
        };
        let health = Endpoint::bind(&settings.health, "[health]").await?;
        let kept = (account, restored, journal);
        let (settings, current) = (settings.clone(), Arc::new(current));
        Ok(Broker { listeners, settings, current, reloads: None, kept, health })
    }

    /// The address listened on: the real port if the settings say port 0.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.listeners[0].local_addr()
    }

    /// The address of the health endpoint, if there is one.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn health_addr(&self) -> anyhow::Result<Option<SocketAddr>> {
        self.health.as_ref().map(Endpoint::local_addr).transpose()
    }

    /// Serves until `shutdown` is cancelled, then ends all connections and publishes their
    /// wills.
    ///
    /// # Errors
    ///
    /// If the router does not start, or the settings have no room for the subscriptions kept.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mqtt = &self.settings.mqtt;
        daemon_runtime::allow_open_files(
            mqtt.max_connections + 2 * mqtt.max_half_open,
            "[mqtt] max_connections",
        );
        let (exchange, requests) = exchange::requests();
        let access = (Arc::clone(&self.current.gate.refusals), self.current.gate.access());
        let transit = self.kept.0.transit();
        let (traffic, now, stop) = (Arc::new(Traffic::default()), Instant::now(), shutdown.clone());
        let owner = Exchange::start(mqtt, self.kept, Arc::clone(&traffic), now, access, stop)?;
        let overview = owner.watch();
        let thread = run_exchange(owner, requests)?;
        let admission = Admission::new(mqtt);
        let reloading = self.reloads.map(|reloads| {
            let (current, exchange) = (Arc::clone(&self.current), exchange.clone());
            reload(reloads, self.settings.clone(), current, admission.clone(), exchange)
        });
        let tasks = TaskTracker::new();
        if let Some(reloading) = reloading {
            tasks.spawn(shutdown.clone().run_until_cancelled_owned(reloading));
        }
        if let Some(endpoint) = self.health {
            let shutdown = shutdown.clone();
            tasks.spawn(async move { endpoint.serve(health::Said(overview), shutdown).await });
        }
        tasks.spawn(send_ticks(exchange.clone(), shutdown.clone()));
        let (current, last) = (self.current, AtomicU64::new(0));
        let accepting = Accepting { current, admission, exchange, traffic, transit, shutdown, last };
        join_all(self.listeners.iter().map(|listener| accepting.listen(listener, &tasks))).await;
        drop(accepting);
        tasks.close();
        if tokio::time::timeout(STOP_WITHIN, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "some connections did not close in time");
            return Ok(());
        }
        thread.join().await
    }
}

/// Takes the ports of all listeners that are on.
async fn listeners(settings: &Settings) -> anyhow::Result<Vec<Listener>> {
    let Settings { mqtt, tls, websocket, .. } = settings;
    let has_certificate = tls.certificate.is_some();
    let mut listeners = vec![Listener::bind(mqtt.listen, false, false, "[mqtt] listen").await?];
    if has_certificate {
        listeners.push(Listener::bind(tls.listen, true, false, "[tls] listen").await?);
    }
    if let Some(address) = websocket.listen {
        listeners.push(Listener::bind(address, false, true, "[websocket] listen").await?);
    }
    if let Some(address) = websocket.tls_listen {
        if !has_certificate {
            let said = "websocket.tls_listen needs a certificate: set certificate and key under [tls]";
            return Err(SettingsError::new(said).into());
        }
        listeners.push(Listener::bind(address, true, true, "[websocket] tls_listen").await?);
    }
    Ok(listeners)
}

fn nobody_could_come(address: SocketAddr) -> SettingsError {
    SettingsError::new(format!(
        "nobody could log in at {address}: set [access] users to a users file and create it with \
         `powerpi passwd`, or set [access] anonymous = \"everywhere\""
    ))
}

async fn send_ticks(exchange: mpsc::Sender<Request>, shutdown: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shutdown.cancelled() => return,
        }
        // An exchange that is behind, or waits for its disk, needs no more of them.
        if exchange.capacity() < REQUESTS_WAITING / 2 {
            continue;
        }
        if exchange.send(Request::Tick(Instant::now())).await.is_err() {
            return;
        }
    }
}

/// Runs the exchange in a thread of its own, since it blocks on the router and the disk.
///
/// Without it, or without rumqttd's thread, nothing can be acknowledged any more while clients
/// still believe to be connected; so then the process ends, and whoever supervises it starts
/// a new one.
fn run_exchange(
    mut exchange: Exchange,
    mut requests: mpsc::Receiver<Request>,
) -> anyhow::Result<OwnerThread> {
    OwnerThread::spawn("exchange", move |alive| Ok(exchange.run(&mut requests, alive)?))
        .context("starting the exchange's thread")
}
