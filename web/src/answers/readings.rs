//! Readings: their page, and the form by which somebody types one in.

use hyper::StatusCode;
use jiff::Timestamp;
use meter_figures::{CheckedReading, checked_readings};
use meter_ledger::RecordedMeter;
use meter_messages::{Meter, TakenBack, Topic};
use web_http::Prepared;
use web_http::reply::{self, Reply};

use super::asked::Asked;
use super::entering::{Patience, not_kept, status_of};
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::api;
use crate::pages::{Outcome, Reader, ReadingsPage};
use crate::readings::form::{Fields, Sent};

impl Site {
    /// What becomes of a form of `by`, who may enter readings.
    pub(super) async fn reading_sent(
        &self,
        meter: Meter,
        asked: &Asked<'_>,
        body: &[u8],
        by: &str,
    ) -> Result<Reply, NoAnswer> {
        let sent = Sent::of(body).ok_or(NoAnswer::Form(StatusCode::BAD_REQUEST))?;
        let (known, ..) = self.reach(meter).await?;
        match sent {
            Sent::Reading(fields) => self.enter(known, asked, fields, by).await,
            Sent::TakeBack(at) => self.take_back(known, asked, TakenBack { at, by: by.to_owned() }).await,
        }
    }

    async fn enter(
        &self,
        known: RecordedMeter,
        asked: &Asked<'_>,
        fields: Fields,
        by: &str,
    ) -> Result<Reply, NoAnswer> {
        let reading = match fields.reading(by, known.medium.unit(), self.ledger.zone(), daemon_runtime::now())
        {
            Ok(reading) => reading,
            Err(wrong) => return self.again(&known, asked, fields, Outcome::Wrong(wrong)).await,
        };
        let (payload, told) = (reading.to_json(), format!("entered={}", reading.at));
        let is_there = |checked: &CheckedReading| checked.entered.reading == reading;
        self.hand_over(known, asked, (payload, fields), &told, |there| there.iter().any(is_there)).await
    }

    /// Where there is none of that time, none is left.
    async fn take_back(
        &self,
        known: RecordedMeter,
        asked: &Asked<'_>,
        taken_back: TakenBack,
    ) -> Result<Reply, NoAnswer> {
        let empty = Fields::at(self.ledger.zone().to_datetime(daemon_runtime::now()));
        let (payload, told) = (taken_back.to_json(), format!("taken_back={}", taken_back.at));
        let is_other = |checked: &CheckedReading| checked.entered.reading.at != taken_back.at;
        self.hand_over(known, asked, (payload, empty), &told, |there| there.iter().all(is_other)).await
    }

    /// Sends what is to be recorded, and waits for the recorder, but not for long: the broker owes it
    /// to it. Then the page says what was `told`; or the form is shown again.
    async fn hand_over(
        &self,
        known: RecordedMeter,
        asked: &Asked<'_>,
        (payload, typed): (Vec<u8>, Fields),
        told: &str,
        is_done: impl Fn(&[CheckedReading]) -> bool,
    ) -> Result<Reply, NoAnswer> {
        if !self.has_sent(&Topic::Reading(known.meter.clone()), payload).await {
            return self.again(&known, asked, typed, Outcome::NotSent).await;
        }
        let patience = Patience::new();
        while !is_done(&self.checked(known.clone()).await?) && patience.lasts().await {}
        let path = format!("/m/{}/readings?{told}", known.meter);
        Ok(reply::see_other(&asked.frame().link(&path)))
    }

    /// The form with what was typed in, and what is wrong with it.
    async fn again(
        &self,
        known: &RecordedMeter,
        asked: &Asked<'_>,
        fields: Fields,
        outcome: Outcome,
    ) -> Result<Reply, NoAnswer> {
        let readings = self.checked(known.clone()).await?;
        let page = self.readings_page(known, &readings, asked, Some((outcome, Some(fields))))?;
        not_kept(page, asked, status_of(outcome == Outcome::NotSent))
    }

    async fn checked(&self, known: RecordedMeter) -> Result<Vec<CheckedReading>, NoAnswer> {
        Ok(self.ledger.ask(move |ledger| checked_readings(ledger, &known)).await?)
    }

    /// The page of a meter's readings.
    /// It is made anew for each who asks: who has entered something looks at once whether it is there.
    pub(super) async fn readings(&self, meter: Meter, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let (known, ..) = self.reach(meter).await?;
        let readings = self.checked(known.clone()).await?;
        let named = |name| asked.query.get(name).and_then(|at| at.parse::<Timestamp>().ok());
        let there = |at| readings.iter().any(|checked| checked.entered.reading.at == at);
        let entered = || named("entered").map(|at| Outcome::of_entering(there(at)));
        let outcome = named("taken_back").map(|at| Outcome::of_taking_back(there(at))).or_else(entered);
        self.judge(asked).await;
        let page = self.readings_page(&known, &readings, asked, outcome.map(|outcome| (outcome, None)))?;
        Ok(Prepared::html(page).reply(asked.headers, reply::ASK_AGAIN))
    }

    fn readings_page(
        &self,
        known: &RecordedMeter,
        readings: &[CheckedReading],
        asked: &Asked<'_>,
        outcome: Option<(Outcome, Option<Fields>)>,
    ) -> Result<String, NoAnswer> {
        let zone = self.ledger.zone();
        let (outcome, typed) = outcome.map_or((None, None), |(outcome, typed)| (Some(outcome), typed));
        let fields = || typed.unwrap_or_else(|| Fields::at(zone.to_datetime(daemon_runtime::now())));
        let form = self.form_or_why_not(asked.visitor.may_enter(), asked).map(|()| fields());
        let outcome = outcome.filter(|_| form.is_ok());
        let reader = Reader { sees_names: asked.visitor.may_see_all(), form, outcome };
        filled(&ReadingsPage::new(asked.frame(), known, readings, reader, zone))
    }

    /// The same for programs.
    pub(super) async fn readings_data(&self, meter: Meter, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let (known, ..) = self.reach(meter).await?;
        let readings = self.checked(known).await?;
        let names = asked.visitor.may_see_all();
        let readings: Vec<_> =
            readings.iter().map(|checked| api::ReadingState::new(checked, names)).collect();
        Ok(reply::json(StatusCode::OK, &serde_json::json!({ "readings": readings })))
    }
}
