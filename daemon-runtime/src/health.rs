//! A health endpoint: `GET /health` says in JSON how a daemon does, with 200 if it does well and
//! 503 if not, for monitoring; and `GET /metrics` gives its figures to Prometheus.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::metrics::{METRICS_CONTENT_TYPE, Metrics};

/// Connections at the same time; others wait.
const CONNECTIONS: usize = 16;
/// How long one connection may last: a question and its answer.
const CONNECTION_WITHIN: Duration = Duration::from_secs(10);
/// The most that a request's head may hold, in bytes.
const LONGEST_HEAD: usize = 8 * 1024;
/// Pause after a failed accept: too many open files, mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Section `[health]` of a daemon's settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthSettings {
    /// Address and port of the health endpoint; off unless set.
    pub listen: Option<SocketAddr>,
}

/// How a daemon does.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether it does what it is there for.
    pub well: bool,
    /// The answer: figures, and what is wrong.
    pub told: Value,
}

/// An endpoint that holds its port.
#[derive(Debug)]
pub struct HealthEndpoint {
    listener: TcpListener,
}

impl HealthEndpoint {
    /// Takes the port, if the settings name one.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn bind(settings: &HealthSettings) -> anyhow::Result<Option<HealthEndpoint>> {
        let Some(address) = settings.listen else {
            return Ok(None);
        };
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}: set another address under [health] listen")
        })?;
        tracing::info!(address = %listener.local_addr()?, "health endpoint listening");
        Ok(Some(HealthEndpoint { listener }))
    }

    /// The address listened on: the real port if the settings say port 0.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("asking for the address of the health endpoint")
    }

    /// Answers until `shutdown`. `health` or `metrics` is called for each request.
    pub async fn serve(
        self,
        health: impl Fn() -> Health + Send + Sync + 'static,
        metrics: impl Fn() -> Metrics + Send + Sync + 'static,
        shutdown: CancellationToken,
    ) {
        let told = Arc::new((health, metrics));
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let accept =
            async || Some((places.clone().acquire_owned().await.ok()?, self.listener.accept().await));
        loop {
            let accepted = tokio::select! {
                accepted = accept() => accepted,
                () = shutdown.cancelled() => return,
            };
            match accepted {
                Some((place, Ok((stream, _)))) => {
                    let told = told.clone();
                    let service = service_fn(move |request| {
                        let reply = answer(&request, &told.0, &told.1);
                        async { Ok::<_, Infallible>(reply) }
                    });
                    let connection = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .max_buf_size(LONGEST_HEAD)
                        .serve_connection(TokioIo::new(stream), service);
                    tokio::spawn(async move {
                        // Whoever asks may go away in all ways there are: no news.
                        let _ = tokio::time::timeout(CONNECTION_WITHIN, connection).await;
                        drop(place);
                    });
                }
                Some((_, Err(error))) => {
                    tracing::warn!(%error, "accepting a connection to the health endpoint");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                None => return,
            }
        }
    }
}

fn answer(
    request: &Request<Incoming>,
    health: &impl Fn() -> Health,
    metrics: &impl Fn() -> Metrics,
) -> Response<Full<Bytes>> {
    let plain = |status, text| (status, "text/plain", String::from(text));
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/health") => {
            let Health { well, told } = health();
            let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, "application/json", format!("{told}\n"))
        }
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, METRICS_CONTENT_TYPE, metrics().text())
        }
        (_, "/health" | "/metrics") => plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is supported\n"),
        _ => plain(StatusCode::NOT_FOUND, "there are only /health and /metrics\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
