//! What programs and the scripts of our pages ask for.

use hyper::StatusCode;
use meter_figures::SeriesRequest;
use meter_messages::Meter;
use web_http::Lasts;
use web_http::reply::{self, Reply};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::Site;
use crate::api::{self, events};

impl Site {
    pub(super) async fn meters(&self, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let meters = self.known(asked).await?;
        let entry = |known| api::MeterEntry::new(known, &asked.visit.base_path);
        let entries: Vec<_> = meters.iter().map(entry).collect();
        Ok(reply::json(StatusCode::OK, &serde_json::json!({ "meters": entries })))
    }

    pub(super) async fn state(&self, meter: Meter, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let figures = self.figures(meter.clone()).await?;
        let presence = self.live.of(&meter);
        let state = api::meter_state(&figures, &presence, &self.ledger, &asked.visit.base_path);
        Ok(reply::json(StatusCode::OK, &state))
    }

    pub(super) async fn trust(&self, meter: Meter) -> Result<Reply, NoAnswer> {
        let figures = self.figures(meter).await?;
        let trust = figures.trust.as_ref().map(api::TrustState::from);
        Ok(reply::json(StatusCode::OK, &trust))
    }

    pub(super) async fn corrections(&self, meter: Meter, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let (known, ..) = self.reach(meter).await?;
        let corrections = self.ledger.ask(move |ledger| ledger.corrections(&known)).await?;
        let names = asked.visitor.may_see_all();
        let corrections: Vec<_> =
            corrections.iter().map(|said| api::CorrectionState::new(said, names)).collect();
        Ok(reply::json(StatusCode::OK, &serde_json::json!({ "corrections": corrections })))
    }

    pub(super) async fn series(&self, request: SeriesRequest, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let (meter, _, until) = self.reach(request.meter.clone()).await?;
        let points = request.points(until, self.ledger.zone())?;
        // Where somebody corrects, it may be done again.
        let over = request.to <= until.start() && meter.edition() == 0;
        let file = self.series.answer(request, meter, points, until).await?;
        let lasts = if over { Lasts::closed() } else { Lasts::a_moment() };
        Ok(self.keep(file, lasts, asked))
    }

    /// Live values of one meter.
    pub(super) async fn live(&self, meter: Meter, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        self.figures(meter.clone()).await?;
        let presence = self.live.watch(&meter);
        let (ledger, base_path) = (self.ledger.clone(), asked.visit.base_path.clone());
        Ok(events::events(meter, presence, ledger, base_path, asked.term.clone()))
    }

    /// Live values of all meters, or of the only one that is wanted.
    pub(super) async fn lives(&self, only: Option<Meter>, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let meters = self.known(asked).await?;
        let wanted = meters
            .into_iter()
            .map(|known| known.meter)
            .filter(|meter| only.as_ref().is_none_or(|only| only == meter));
        let watched: Vec<_> = wanted.map(|meter| (meter.clone(), self.live.watch(&meter))).collect();
        if watched.is_empty() && only.is_some() {
            return Err(NoAnswer::UnknownMeter);
        }
        Ok(events::of_all(watched, self.live.turns(), asked.term.clone()))
    }

    /// Whether there is anything to show; live values may be missing.
    pub(super) async fn health(&self) -> Reply {
        let meters = self.ledger.ask(|ledger| ledger.meters()).await;
        let (status, ledger) = match &meters {
            Ok(_) => (StatusCode::OK, "readable".to_owned()),
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        };
        let broker = if self.live.is_connected() { "connected" } else { "away" };
        reply::json(status, &serde_json::json!({ "ledger": ledger, "broker": broker }))
    }
}
