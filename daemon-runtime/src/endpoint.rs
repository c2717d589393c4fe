//! An endpoint beside what a daemon does: `GET /metrics` gives its figures to Prometheus, and `GET /health`, where there
//! is something to say, tells in JSON how it does, with 200 if it does well and 503 if not.
//!
//! It asks nobody who they are. What it costs is limited: connections, each for a question and an answer, of which a
//! network gets its part; figures are made once a second however many ask.

mod answers;
mod guests;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use self::answers::Answers;
pub use self::answers::{Health, Tells};
use self::guests::Guests;

/// How long a connection may last: a question and its answer.
const CONNECTION_WITHIN: Duration = Duration::from_secs(10);
/// How long the question may take.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// The most that a request's head may hold, in bytes.
const LONGEST_HEAD: usize = 8 * 1024;
/// Pause after a failed accept: too many open files, mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Section `[health]` or `[metrics]` of a daemon's settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointSettings {
    /// Address and port of the endpoint; off unless set.
    pub listen: Option<SocketAddr>,
}

/// An endpoint that holds its port.
#[derive(Debug)]
pub struct Endpoint {
    listener: TcpListener,
}

impl Endpoint {
    /// Takes the port, if the settings name one; `section` is where, for what is said of it.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn bind(settings: &EndpointSettings, section: &str) -> anyhow::Result<Option<Self>> {
        let Some(address) = settings.listen else {
            return Ok(None);
        };
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}: set another address under {section} listen")
        })?;
        let address = listener.local_addr()?;
        tracing::info!(%address, "{section} listening");
        if !address.ip().to_canonical().is_loopback() {
            tracing::warn!(%address, "whoever reaches this address may read the figures under {section}");
        }
        Ok(Some(Self { listener }))
    }

    /// The address listened on: the real port if the settings say port 0.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("asking for the address of an endpoint")
    }

    /// Answers until `shutdown`.
    pub async fn serve(&self, tells: impl Tells, shutdown: CancellationToken) {
        let answers = Arc::new(Answers::new(tells));
        let guests = Arc::new(Guests::default());
        while let Some(accepted) = shutdown.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok((stream, from)) => {
                    let (guest, answered) = (guests.admit(from.ip()), answer(stream, answers.clone()));
                    let stay = tokio::time::timeout(CONNECTION_WITHIN, answered);
                    let shutdown = shutdown.clone();
                    tokio::spawn(async move {
                        let stay = guest.displaced.run_until_cancelled(stay);
                        shutdown.run_until_cancelled(stay).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection to the endpoint for figures");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// One question and its answer. Whoever asks may go away in all ways there are: no news.
async fn answer(stream: TcpStream, answers: Arc<Answers<impl Tells>>) {
    let service = service_fn(|request| {
        let answers = answers.clone();
        async move { Ok::<_, Infallible>(answers.answer(&request).await) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LONGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
