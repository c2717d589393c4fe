//! A reading that was entered by mistake is taken back.

use jiff::Timestamp;
use meter_ledger::RecordedMeter;
use meter_messages::TakenBack;

use super::{Asked, Refusal, Site};
use crate::pages::Outcome;
use crate::reading_form::Fields;
use crate::reading_sender;
use crate::reply::{self, Reply};

impl Site {
    /// Hands it over to be taken back; where there is none of that time, none is left.
    pub(super) async fn take_back(
        &self,
        known: RecordedMeter,
        asked: &Asked<'_>,
        taken_back: TakenBack,
    ) -> Result<Reply, Refusal> {
        if let Err(error) = reading_sender::send(&self.mqtt, &known.meter, taken_back.to_json()).await {
            tracing::warn!("a reading of {} cannot be taken back: {error:#}", known.meter);
            let empty = Fields::at(self.ledger.zone().to_datetime(Timestamp::now()));
            return self.again(&known, asked, empty, Outcome::NotSent).await;
        }
        let path = format!("/m/{}/readings?taken_back={}", known.meter, taken_back.at);
        self.await_ledger(known, |readings| {
            readings.iter().all(|checked| checked.entered.reading.at != taken_back.at)
        })
        .await?;
        Ok(reply::see_other(&asked.frame().link(&path)))
    }
}
