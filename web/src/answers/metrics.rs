//! What other machinery asks for regularly: Prometheus its figures, and the directories of hackerspaces the space's JSON.

use std::sync::Arc;

use daemon_runtime::Metrics;
use hyper::{StatusCode, header};
use meter_ledger::{Ledger, LedgerError, RecordedMeter, RecordedMinute, if_readable};
use web_http::reply::{self, Reply};
use web_http::{Effort, Lasts, Prepared};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::Site;
use crate::api::metrics::{MeterFigures, add_meters};
use crate::ledger::reader::{minute_in_progress, tomorrow};
use crate::live::values::Freshness;
use crate::route::RouteError;

/// Of so many meters the ledger is asked in one go.
const METERS_AT_ONCE: usize = 50;

/// The total and the newest minute of a meter.
type Counted = (Option<f64>, Option<RecordedMinute>);

impl Site {
    /// `/metrics`, made once a second however many ask.
    pub(super) async fn metrics(&self, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let meters = self.known(asked).await?;
        self.work_out_unwatched(&meters).await?;
        let mut figures = Vec::with_capacity(meters.len());
        for some in meters.chunks(METERS_AT_ONCE) {
            let asked_for = some.to_vec();
            let counted = self.ledger.ask_much(move |ledger| counted(ledger, &asked_for)).await?;
            figures.extend(some.iter().zip(counted).map(|(meter, (total, newest))| MeterFigures {
                total,
                newest,
                unwatched: self.unwatched.of(&meter.meter),
                presence: self.live.of(&meter.meter),
                diag: self.live.publisher(&meter.meter).diag,
                meter: meter.clone(),
            }));
        }
        // What is said of the server is for those who may see all of it.
        let mut metrics = Metrics::default();
        if asked.visitor.may_see_all() {
            metrics = Metrics::of_process("powerpi-web");
            let connected = f64::from(u8::from(self.live.is_connected()));
            metrics.gauge("powerpi_web_broker_connected", "1 if live values come", None, connected);
        }
        add_meters(&mut metrics, &figures, daemon_runtime::now());
        let form = asked.metrics_form();
        let file = Prepared::text(form.content_type(), metrics.text(form), Effort::Quick);
        Ok(self.keep(Arc::new(file), Lasts::a_moment(), asked))
    }

    /// `/spaceapi.json`, for everybody and for the pages of everybody: it says nothing but what is public.
    pub(super) async fn spaceapi(&self) -> Result<Reply, NoAnswer> {
        let space = self.space.as_ref().ok_or(RouteError::NotFound)?;
        let stranger = self.access.stranger();
        let mut meters = self.ledger.ask(|ledger| ledger.meters()).await.unwrap_or_default();
        meters.retain(|known| stranger.may_see(&known.meter));
        let meters: Vec<_> = meters.into_iter().map(|known| self.ledger.meters().as_set(known)).collect();
        let now = daemon_runtime::now();
        let fresh = meters.iter().filter_map(|known| {
            let presence = self.live.of(&known.meter);
            let is_fresh = presence.freshness(now) == Freshness::Live;
            Some((known, presence.value.filter(|_| is_fresh)?))
        });
        let mut reply = reply::json(StatusCode::OK, &space.with_power(fresh));
        reply::set(&mut reply, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        reply::set(&mut reply, header::CACHE_CONTROL, "no-cache");
        Ok(reply)
    }

    /// Works out of some meters what was not watched: those of which it is not known, or for too long.
    async fn work_out_unwatched(&self, meters: &[RecordedMeter]) -> Result<(), NoAnswer> {
        for known in self.unwatched.due(meters) {
            let unwatched = self.unwatched.clone();
            self.ledger.ask_much(move |ledger| unwatched.work_out(ledger, &known)).await?;
        }
        Ok(())
    }
}

/// A meter whose rows are damaged must not keep the others' figures away.
fn counted(ledger: &Ledger, meters: &[RecordedMeter]) -> Result<Vec<Counted>, LedgerError> {
    let latest = tomorrow(minute_in_progress());
    let read = |known: &RecordedMeter| Ok((ledger.reading(known)?, ledger.newest_up_to(known, latest)?));
    let one = |known: &RecordedMeter| Ok(if_readable(&known.meter, read(known))?.unwrap_or_default());
    meters.iter().map(one).collect()
}
