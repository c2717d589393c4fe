//! From a route to its answer.

mod api;
mod asked;
mod exports;
mod pages;
mod periods;
mod readings;
mod refusals;

use std::path::PathBuf;
use std::sync::Arc;

use daemon_runtime::MqttSettings;
use hyper::{HeaderMap, StatusCode, Uri, header};
use meter_ledger::RecordedMeter;
use meter_messages::{Meter, Minute};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::answers::asked::Asked;
use crate::answers::refusals::{Refusal, refused};
use crate::assets;
use crate::http::answer_cache::Finished;
use crate::http::forwarded::{Proxies, Visit};
use crate::http::quotas::Share;
use crate::http::reply::{self, Reply};
use crate::ledger::hours::Hours;
use crate::ledger::reader::{LedgerReader, minute_in_progress};
use crate::ledger::series::SeriesStore;
use crate::live::values::LiveValues;
use crate::pages::manifest;
use crate::pictures::graphs::Graphs;
use crate::reckoning::figures::Figures;
use crate::route::{Route, RouteError};

/// Everything answers are made from.
#[derive(Debug)]
pub(crate) struct Site {
    /// Who may see what.
    pub(crate) access: Arc<Access>,
    /// Where readings go that somebody types in.
    pub(crate) mqtt: MqttSettings,
    /// What was recorded.
    pub(crate) ledger: LedgerReader,
    /// Sums of it that are asked for often.
    pub(crate) hours: Hours,
    /// Data of the interactive charts.
    pub(crate) series: SeriesStore,
    /// Its pictures.
    pub(crate) graphs: Graphs,
    /// What the meters say of now.
    pub(crate) live: LiveValues,
    /// How browsers come here.
    pub(crate) proxies: Proxies,
    /// What is finished and still true.
    pub(crate) kept: Finished,
    /// Whose turn it is to have a workbook written.
    pub(crate) workbooks: Arc<Semaphore>,
    /// The ledger's file, on the disk that people worry about.
    pub(crate) disk: PathBuf,
    /// Ends streams of events.
    pub(crate) shutdown: CancellationToken,
}

impl Site {
    /// The answer to a request of an address; what is not finished waits for a turn of who asks.
    pub(crate) async fn answer(&self, visit: Visit, uri: &Uri, headers: &HeaderMap, share: &Share) -> Reply {
        let mut asked = Asked::new(uri, headers, visit, self.access.stranger(), share);
        let route = Route::parse(asked.path, asked.query);
        if route.as_ref().is_ok_and(Route::is_for_everybody) {
            let answer = async { self.route(route?, &asked).await };
            return answer.await.unwrap_or_else(|refusal| refused(&refusal, &asked));
        }
        let answer = match self.access.visitor(headers, asked.visit.address).await {
            Ok(visitor) => {
                asked.visitor = visitor;
                self.permitted(route, &asked).await
            }
            Err(denied) => Err(denied.into()),
        };
        self.finished(answer, &asked)
    }

    /// The answer, or why there is none; where there are users it is for nobody else.
    fn finished(&self, answer: Result<Reply, Refusal>, asked: &Asked<'_>) -> Reply {
        let mut reply = answer.unwrap_or_else(|refusal| refused(&refusal, asked));
        if self.access.is_restricted() {
            reply::keep_private(&mut reply);
        }
        reply
    }

    /// The answer to those who may have it. A meter that a visitor may not see is answered
    /// before anybody looks whether it is there.
    async fn permitted(&self, route: Result<Route, RouteError>, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let route = route?;
        let visitor = &asked.visitor;
        let permitted = match route.meter() {
            Some(meter) => visitor.may_see(meter),
            None => visitor.may_see_some(),
        };
        if !permitted {
            return Err(Refusal::LoginNeeded);
        }
        if let Some(reply) = self.kept.reply(asked.key(), asked.headers) {
            return Ok(reply);
        }
        let _turn = asked.share.turn().await;
        // Somebody else may have asked for the same meanwhile.
        match self.kept.reply(asked.key(), asked.headers) {
            Some(reply) => Ok(reply),
            None => self.route(route, asked).await,
        }
    }

    /// The meters that the visitor may see.
    async fn known(&self, asked: &Asked<'_>) -> Result<Vec<RecordedMeter>, Refusal> {
        let mut meters = self.ledger.ask(|ledger| ledger.meters()).await?;
        meters.retain(|known| asked.visitor.may_see(&known.meter));
        Ok(meters.into_iter().map(|known| self.ledger.meters().named(known)).collect())
    }

    async fn route(&self, route: Route, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        match route {
            Route::Login if !asked.visitor.may_see_all() => Err(Refusal::LoginNeeded),
            Route::Login => Ok(reply::see_other(&asked.frame().link("/"))),
            Route::Start | Route::Kiosk | Route::Status | Route::Meter(_) | Route::Period(_) => {
                self.page(route, asked).await
            }
            Route::Manifest => {
                let mut reply = reply::json(StatusCode::OK, &manifest::manifest(&asked.frame()));
                reply::set(&mut reply, header::CONTENT_TYPE, "application/manifest+json");
                Ok(reply)
            }
            Route::Go(request) => self.go(request, asked).await,
            Route::Picture(picture) => self.picture(picture, asked).await,
            Route::Meters => self.meters(asked).await,
            Route::Figures(meter) => self.state(meter, asked).await,
            Route::Readings(meter) => self.readings(meter, asked).await,
            Route::ReadingsData(meter) => self.readings_data(meter, asked).await,
            Route::Trust(meter) => self.trust(meter).await,
            Route::Energy(request) => self.energy(request, asked).await,
            Route::Statistics(request) => self.statistics(request).await,
            Route::Series(request) => self.series(request, asked).await,
            Route::Live(meter) => self.live(meter, asked).await,
            Route::Lives(meter) => self.lives(meter, asked).await,
            Route::Health => Ok(self.health().await),
            Route::Asset(name) => {
                let version = asked.query.get("v");
                assets::reply(&name, version.as_deref(), asked.headers).ok_or(RouteError::NotFound.into())
            }
        }
    }

    async fn figures(&self, meter: Meter) -> Result<Arc<Figures>, Refusal> {
        self.ledger.figures(meter).await?.ok_or(Refusal::UnknownMeter)
    }

    /// A meter, its first minute, and the first that is not recorded yet.
    async fn reach(&self, meter: Meter) -> Result<(RecordedMeter, Minute, Minute), Refusal> {
        let now = minute_in_progress();
        let known = self.ledger.ask(move |ledger| {
            let Some(known) = ledger.meter(&meter)? else { return Ok(None) };
            let (first, newest) = (ledger.first(&known)?, ledger.newest(&known)?);
            Ok(Some((known, first, newest)))
        });
        let (known, first, newest) = known.await?.ok_or(Refusal::UnknownMeter)?;
        let until = crate::reckoning::figures::until(newest.as_ref(), now);
        Ok((self.ledger.meters().named(known), first.unwrap_or(until), until))
    }
}
