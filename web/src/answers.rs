//! From a route to its answer.

use hyper::{HeaderMap, StatusCode, Uri, header};
use meter_messages::Meter;
use tokio_util::sync::CancellationToken;

use crate::energy::{self, Rows};
use crate::figures::Figures;
use crate::graphs::{Graphs, PictureError, PictureKey};
use crate::ledger_thread::{LedgerReader, ReadError, minute_in_progress};
use crate::live::LiveValues;
use crate::pages::{self, Frame, MessagePage, MeterPage, MeterView, StartPage};
use crate::reply::{self, Reply};
use crate::route::{EnergyRequest, PictureRequest, Query, Route, RouteError};
use crate::texts::Language;
use crate::{api, assets, events};

/// Everything answers are made from.
#[derive(Debug)]
pub(crate) struct Site {
    /// What was recorded.
    pub(crate) ledger: LedgerReader,
    /// Its pictures.
    pub(crate) graphs: Graphs,
    /// What the meters say of now.
    pub(crate) live: LiveValues,
    /// Ends streams of events.
    pub(crate) shutdown: CancellationToken,
}

/// Why there is no proper answer.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error("nobody recorded this meter")]
    UnknownMeter,
    #[error(transparent)]
    Ledger(#[from] ReadError),
}

/// A request: its address and what its browser can do.
struct Asked<'a> {
    path: &'a str,
    query: Query<'a>,
    headers: &'a HeaderMap,
}

impl Asked<'_> {
    fn language(&self) -> Language {
        let accept = self.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        self.query.language().unwrap_or_else(|| Language::preferred(accept.unwrap_or_default()))
    }

    fn frame(&self) -> Frame {
        Frame::new(self.language(), self.query.language().is_some(), self.path)
    }

    fn by_a_program(&self) -> bool {
        self.path.starts_with("/api/")
    }
}

impl Site {
    /// The answer to a request of an address.
    pub(crate) async fn answer(&self, uri: &Uri, headers: &HeaderMap) -> Reply {
        let asked = Asked { path: uri.path(), query: Query(uri.query().unwrap_or_default()), headers };
        let answer = match Route::parse(asked.path, asked.query) {
            Ok(route) => self.route(route, &asked).await,
            Err(error) => Err(error.into()),
        };
        answer.unwrap_or_else(|refusal| refused(&refusal, &asked))
    }

    async fn route(&self, route: Route, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        match route {
            Route::Start => self.start(asked).await,
            Route::Meter(meter) => self.meter(meter, asked).await,
            Route::Picture(picture) => self.picture(picture, asked).await,
            Route::Meters => self.meters().await,
            Route::Figures(meter) => {
                let figures = self.figures(meter.clone()).await?;
                let state = api::meter_state(&figures, &self.live.of(&meter), &self.ledger);
                Ok(reply::json(StatusCode::OK, &state))
            }
            Route::Energy(request) => self.energy(request, asked).await,
            Route::Live(meter) => {
                self.figures(meter.clone()).await?;
                let presence = self.live.watch(&meter);
                Ok(events::events(meter, presence, self.ledger.clone(), self.shutdown.clone()))
            }
            Route::Health => Ok(self.health().await),
            Route::Asset(name) => {
                let version = asked.query.get("v");
                assets::reply(&name, version.as_deref(), asked.headers).ok_or(RouteError::NotFound.into())
            }
        }
    }

    async fn figures(&self, meter: Meter) -> Result<std::sync::Arc<Figures>, Refusal> {
        self.ledger.figures(meter).await?.ok_or(Refusal::UnknownMeter)
    }

    /// All meters; or the only one, at once.
    async fn start(&self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let meters = self.ledger.ask(|ledger| ledger.meters()).await?;
        if let [only] = meters.as_slice() {
            return self.meter(only.meter.clone(), asked).await;
        }
        let texts = asked.language().texts();
        let mut views = Vec::new();
        for known in meters {
            let figures = self.figures(known.meter.clone()).await?;
            views.push(MeterView::new(&figures, &self.live.of(&known.meter), texts, self.ledger.zone()));
        }
        let page = StartPage { frame: asked.frame(), meters: views };
        Ok(pages::show(StatusCode::OK, &page, asked.headers))
    }

    async fn meter(&self, meter: Meter, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let figures = self.figures(meter.clone()).await?;
        let others = self.ledger.ask(|ledger| ledger.meters()).await?.len() > 1;
        let texts = asked.language().texts();
        let view = MeterView::new(&figures, &self.live.of(&meter), texts, self.ledger.zone());
        let page = MeterPage::new(asked.frame(), view, &figures, minute_in_progress(), others);
        Ok(pages::show(StatusCode::OK, &page, asked.headers))
    }

    async fn picture(&self, asked_for: PictureRequest, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let PictureRequest { meter, span, picture, theme, size } = asked_for;
        let key = PictureKey { meter, span, picture, theme, size, language: asked.language() };
        match self.graphs.picture(key).await {
            Ok(drawn) => {
                let cache = format!("public, max-age={}", drawn.max_age_s());
                Ok(drawn.file.reply(asked.headers, &cache))
            }
            Err(error) if matches!(*error, PictureError::NotFound) => Err(Refusal::UnknownMeter),
            Err(error) => {
                tracing::warn!(%error, path = asked.path, "a picture could not be drawn");
                let mut reply = reply::reply(StatusCode::SERVICE_UNAVAILABLE, "");
                reply::set(&mut reply, header::RETRY_AFTER, "60");
                Ok(reply)
            }
        }
    }

    async fn meters(&self) -> Result<Reply, Refusal> {
        let meters = self.ledger.ask(|ledger| ledger.meters()).await?;
        let entries: Vec<api::MeterEntry> = meters.iter().map(Into::into).collect();
        Ok(reply::json(StatusCode::OK, &serde_json::json!({ "meters": entries })))
    }

    async fn energy(&self, request: EnergyRequest, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let zone = self.ledger.zone().clone();
        let span = energy::span(&request, minute_in_progress(), &zone)?;
        let meter = request.meter.clone();
        let known = self.ledger.ask(move |ledger| ledger.meter(&meter)).await?;
        let known = known.ok_or(Refusal::UnknownMeter)?;
        let form = api::form(&request, asked.headers);
        let rows = Rows::new(known, request.step, form, span, zone);
        Ok(api::rows(rows, form, &request.meter, self.ledger.clone()))
    }

    /// Whether there is anything to show; live values may be missing.
    async fn health(&self) -> Reply {
        let meters = self.ledger.ask(|ledger| ledger.meters()).await;
        let (status, ledger) = match &meters {
            Ok(_) => (StatusCode::OK, "readable".to_owned()),
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        };
        let broker = if self.live.is_connected() { "connected" } else { "away" };
        reply::json(status, &serde_json::json!({ "ledger": ledger, "broker": broker }))
    }
}

fn refused(refusal: &Refusal, asked: &Asked<'_>) -> Reply {
    let status = match refusal {
        Refusal::Route(RouteError::Parameter { .. }) => StatusCode::BAD_REQUEST,
        Refusal::Route(RouteError::NotFound) | Refusal::UnknownMeter => StatusCode::NOT_FOUND,
        Refusal::Ledger(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    if let Refusal::Ledger(error) = refusal {
        tracing::warn!(%error, path = asked.path, "the ledger could not be read");
    }
    if asked.by_a_program() {
        let parameter = match refusal {
            Refusal::Route(RouteError::Parameter { parameter, .. }) => Some(*parameter),
            _ => None,
        };
        return api::error(status, parameter, &refusal.to_string());
    }
    let page = match refusal {
        Refusal::Route(RouteError::Parameter { parameter, why }) => {
            MessagePage::refused(asked.frame(), parameter, why.to_string())
        }
        Refusal::Ledger(_) => MessagePage::not_yet(asked.frame()),
        _ => MessagePage::not_found(asked.frame()),
    };
    pages::show(status, &page, asked.headers)
}
