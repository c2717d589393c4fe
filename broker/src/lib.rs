//! An MQTT 3.1.1 broker around rumqttd's routing core.
//!
//! Accept, keep, route, acknowledge: a message gets its PUBACK only after it is kept for every
//! session that it is owed to. The way of a packet:
//!
//! - `listener` accepts; each connection is a task (`connection`) that reads and writes packets
//!   (`packets`) and hands them to
//! - `exchange`, one thread that owns what clients share: it has messages matched by
//! - `router` (the only place that knows rumqttd), keeps them in `sessions` and `retained`, and
//!   sends them on through each connection's `outlet`.
//!
//! On a clean stop the wills of connected clients are published, as on any other end of a
//! connection without DISCONNECT: whoever looks at a client's status finds it offline while the
//! broker is, and the client says that it is online when it comes back.

mod connection;
mod exchange;
mod listener;
mod outlet;
mod packets;
mod retained;
mod router;
mod session;
mod sessions;
mod settings;
mod store;
mod topics;

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Surroundings;
use crate::exchange::{Exchange, Request};
pub use crate::settings::{MqttSettings, Settings};

/// How long connections may take to end on a stop.
const STOP_WITHIN: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_secs(1);

/// A broker that holds its port and is about to serve.
#[derive(Debug)]
pub struct Broker {
    listener: TcpListener,
    settings: Arc<MqttSettings>,
}

/// Binds and serves until `shutdown` is cancelled.
///
/// # Errors
///
/// If the address cannot be listened on, or the router does not start.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let broker = Broker::bind(&settings).await?;
    tracing::info!(address = %broker.local_addr()?, "listening");
    daemon_runtime::ready();
    broker.run(shutdown).await
}

impl Broker {
    /// Takes the port; clients can connect from now on, and are served by [`run`](Broker::run).
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn bind(settings: &Settings) -> anyhow::Result<Broker> {
        let address = settings.mqtt.listen;
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!(
                "cannot listen on {address}: stop what uses this address (another broker?), \
                 or set another one under [mqtt] listen"
            )
        })?;
        Ok(Broker { listener, settings: Arc::new(settings.mqtt.clone()) })
    }

    /// The address listened on: the real port if the settings say port 0.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("asking for the address listened on")
    }

    /// Serves until `shutdown` is cancelled, then ends all connections and publishes their
    /// wills.
    ///
    /// # Errors
    ///
    /// If the router does not start.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let (exchange, requests) = exchange::requests();
        let thread = start_exchange(&self.settings, requests)?;
        let surroundings =
            Surroundings { exchange: exchange.clone(), settings: self.settings, shutdown: shutdown.clone() };
        let tasks = TaskTracker::new();
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
        if exchange.send(Request::Tick(Instant::now())).await.is_err() {
            return;
        }
    }
}

/// Starts the exchange in a thread of its own, since it blocks on the router.
///
/// Without it, or without rumqttd's thread, nothing can be acknowledged any more while clients
/// still believe to be connected; so then the process ends, and whoever supervises it starts
/// a new one.
fn start_exchange(
    settings: &MqttSettings,
    mut requests: mpsc::Receiver<Request>,
) -> anyhow::Result<JoinHandle<()>> {
    let mut exchange = Exchange::start(settings, Instant::now()).context("starting rumqttd's router")?;
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
