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
//! - `store`, one SQLite file, and sends them on through each connection's `outlet`.
//!
//! After `kill -9` or a power cut everything that was acknowledged is there again, and the wills
//! of clients that were connected are published. On a clean stop the wills of connected clients are published, as on any other end of a
//! connection without DISCONNECT: whoever looks at a client's status finds it offline while the
//! broker is, and the client says that it is online when it comes back.

mod admission;
mod connection;
mod exchange;
mod health;
mod listener;
mod message;
mod open_files;
mod outlet;
mod owed;
mod packets;
mod retained;
mod router;
mod session;
mod sessions;
mod settings;
mod store;
mod topics;
mod traffic;

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use daemon_runtime::HealthEndpoint;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Surroundings;
use crate::exchange::{Exchange, REQUESTS_WAITING, Request};
pub use crate::settings::{MqttSettings, Settings, StoreSettings};
use crate::store::{Journal, Restored, Store};
use crate::traffic::Traffic;

/// How long connections may take to end on a stop.
const STOP_WITHIN: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_secs(1);

/// A broker that holds its port and is about to serve.
#[derive(Debug)]
pub struct Broker {
    listener: TcpListener,
    settings: Arc<MqttSettings>,
    kept: (Restored, Journal),
    health: Option<HealthEndpoint>,
}

/// Binds and serves until `shutdown` is cancelled.
///
/// # Errors
///
/// If the address cannot be listened on, the store cannot be used, or the router does not start.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let broker = Broker::bind(&settings).await?;
    tracing::info!(address = %broker.local_addr()?, "listening");
    daemon_runtime::ready();
    broker.run(shutdown).await
}

impl Broker {
    /// Takes the port and reads the store; clients can connect from now on, and are served by
    /// [`run`](Broker::run).
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, or the store's file cannot be used.
    pub async fn bind(settings: &Settings) -> anyhow::Result<Broker> {
        let address = settings.mqtt.listen;
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!(
                "cannot listen on {address}: stop what uses this address (another broker?), \
                 or set another one under [mqtt] listen"
            )
        })?;
        let kept = match Store::open(&settings.store)? {
            Some(store) => store.restore()?,
            None => {
                tracing::warn!("[store] in_memory: nothing survives the end of the broker");
                (Restored::default(), Journal::in_memory())
            }
        };
        let health = HealthEndpoint::bind(&settings.health).await?;
        Ok(Broker { listener, settings: Arc::new(settings.mqtt.clone()), kept, health })
    }

    /// The address listened on: the real port if the settings say port 0.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("asking for the address listened on")
    }

    /// The address of the health endpoint, if there is one.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn health_addr(&self) -> anyhow::Result<Option<SocketAddr>> {
        self.health.as_ref().map(HealthEndpoint::local_addr).transpose()
    }

    /// Serves until `shutdown` is cancelled, then ends all connections and publishes their
    /// wills.
    ///
    /// # Errors
    ///
    /// If the router does not start, or the settings have no room for the subscriptions kept.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        open_files::allow(self.settings.max_connections + self.settings.max_half_open);
        let (exchange, requests) = exchange::requests();
        let traffic = Arc::new(Traffic::default());
        let (now, stop) = (Instant::now(), shutdown.clone());
        let owner = Exchange::start(&self.settings, self.kept, Arc::clone(&traffic), now, stop)?;
        let overview = owner.watch();
        let thread = run_exchange(owner, requests)?;
        let surroundings = Surroundings {
            exchange: exchange.clone(),
            settings: self.settings,
            traffic,
            shutdown: shutdown.clone(),
        };
        let tasks = TaskTracker::new();
        if let Some(endpoint) = self.health {
            tasks.spawn(endpoint.serve(move || health::health(&overview.borrow()), shutdown.clone()));
        }
        tasks.spawn(tell_the_time(exchange, shutdown));
        listener::listen(&self.listener, &surroundings, &tasks).await;
        drop(surroundings);
        tasks.close();
        if tokio::time::timeout(STOP_WITHIN, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "some connections did not end in time");
            return Ok(());
        }
        tokio::task::spawn_blocking(|| thread.join())
            .await
            .context("waiting for the exchange")?
            .map_err(|_| anyhow::anyhow!("the exchange panicked"))
    }
}

async fn tell_the_time(exchange: mpsc::Sender<Request>, shutdown: CancellationToken) {
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
) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("exchange".to_owned())
        .spawn(move || {
            match catch_unwind(AssertUnwindSafe(|| exchange.run(&mut requests))) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::error!("aborting: {error}"),
                Err(_) => tracing::error!("aborting: the exchange panicked"),
            }
            std::process::abort();
        })
        .context("starting the exchange's thread")
}
