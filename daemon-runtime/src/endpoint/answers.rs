//! What an endpoint answers.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::metrics::{Metrics, MetricsForm};

/// For so long figures are good: whoever asks meanwhile gets the same ones.
const GOOD_FOR: Duration = Duration::from_secs(1);
const JSON: &str = "application/json";

/// What a daemon says of itself.
pub trait Tells: Send + Sync + 'static {
    /// How it does; there is no `/health` where it says nothing.
    fn health(&self) -> Option<Health> {
        None
    }

    /// Its figures of now.
    fn metrics(&self) -> impl Future<Output = Metrics> + Send;
}

/// How a daemon does.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether it does what it is there for.
    pub well: bool,
    /// The answer: figures, and what is wrong.
    pub told: Value,
}

/// What is told, and the figures that were told last.
#[derive(Debug)]
pub(super) struct Answers<T> {
    tells: Arc<T>,
    open: Made,
    plain: Made,
}

/// When figures were made in a form, and what they were.
type Made = Arc<Mutex<Option<(Instant, Bytes)>>>;

impl<T: Tells> Answers<T> {
    pub(super) fn new(tells: T) -> Self {
        Self { tells: Arc::new(tells), open: Made::default(), plain: Made::default() }
    }

    /// The answer to a question.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let (method, path) = (request.method(), request.uri().path());
        let health = if path == "/health" { self.tells.health() } else { None };
        if path != "/metrics" && health.is_none() {
            return plain(StatusCode::NOT_FOUND, "there is only /metrics, and /health of the broker\n");
        }
        if ![Method::GET, Method::HEAD].contains(method) {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is supported\n");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match health {
            Some(Health { well: true, told }) => response(StatusCode::OK, JSON, format!("{told}\n")),
            Some(Health { told, .. }) => response(StatusCode::SERVICE_UNAVAILABLE, JSON, format!("{told}\n")),
            None => {
                let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
                let form = MetricsForm::accepted(accept.unwrap_or_default());
                match self.metrics(form).await {
                    Some(text) => response(StatusCode::OK, form.content_type(), text),
                    None => plain(StatusCode::INTERNAL_SERVER_ERROR, "the figures could not be made\n"),
                }
            }
        }
    }

    /// The figures of now; nothing if making them has failed.
    async fn metrics(&self, form: MetricsForm) -> Option<Bytes> {
        let made = match form {
            MetricsForm::Open => &self.open,
            MetricsForm::Plain => &self.plain,
        };
        // Whoever asks meanwhile waits for the same answer.
        let mut made = made.clone().lock_owned().await;
        if let Some((_, text)) = made.as_ref().filter(|(at, _)| at.elapsed() < GOOD_FOR) {
            return Some(text.clone());
        }
        let tells = self.tells.clone();
        // In a task of its own: if whoever asked goes away, it is there for who asks next, and not begun anew each time.
        let making = tokio::spawn(async move {
            let text = Bytes::from(tells.metrics().await.text(form));
            *made = Some((Instant::now(), text.clone()));
            text
        });
        making.await.ok()
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain", text)
}

fn response(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::BodyExt;

    use super::*;

    #[derive(Default)]
    struct Slow(AtomicUsize);

    impl Tells for Slow {
        async fn metrics(&self) -> Metrics {
            let asked = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut metrics = Metrics::default();
            metrics.gauge("asked", "How often", None, asked as f64);
            metrics
        }
    }

    fn question(method: Method, path: &str) -> Request<()> {
        Request::builder().method(method).uri(path).body(()).expect("a request")
    }

    #[tokio::test]
    async fn figures_are_made_once_however_many_ask() {
        let answers = std::sync::Arc::new(Answers::new(Slow::default()));
        let asked = (0..50).map(|_| {
            let answers = answers.clone();
            tokio::spawn(async move { answers.answer(&question(Method::GET, "/metrics")).await })
        });
        for asked in asked.collect::<Vec<_>>() {
            let body =
                asked.await.expect("an answer").into_body().collect().await.expect("a body").to_bytes();
            assert!(body.ends_with(b"\nasked 1.0\n"), "{body:?}");
        }
    }

    #[tokio::test]
    async fn figures_are_made_to_the_end_though_who_asked_has_gone() {
        let answers = Answers::new(Slow::default());
        let asked = question(Method::GET, "/metrics");
        assert!(tokio::time::timeout(Duration::from_millis(5), answers.answer(&asked)).await.is_err());
        let body = answers.answer(&asked).await.into_body().collect().await.expect("a body").to_bytes();
        assert!(body.ends_with(b"\nasked 1.0\n"), "{body:?}");
    }

    #[tokio::test]
    async fn there_is_no_health_where_nothing_is_said_of_it() {
        let answers = Answers::new(Slow::default());
        for (method, path, status) in [
            (Method::GET, "/metrics", 200),
            (Method::HEAD, "/metrics", 200),
            (Method::POST, "/metrics", 405),
            (Method::GET, "/health", 404),
            (Method::POST, "/health", 404),
            (Method::GET, "/", 404),
        ] {
            assert_eq!(
                answers.answer(&question(method.clone(), path)).await.status(),
                status,
                "{method} {path}"
            );
        }
    }
}
