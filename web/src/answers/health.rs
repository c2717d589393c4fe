//! The verdict on the whole, for the pages of a visitor.

use std::collections::HashSet;

use meter_messages::{Meter, SiteId, Status};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::Site;
use crate::health::{Facts, MeterFacts, Verdict};
use crate::ledger::records::RecordState;
use crate::live::alarms::AlarmSaid;
use crate::pages::HealthView;

/// What the broker says of its store when it takes nothing in.
const FULL: &str = "full";

/// What a publisher says of a clock that was never set.
pub(super) const NO_CLOCK: &str = "unsynchronised";

impl Site {
    /// What is known of all that the visitor may see.
    pub(super) async fn facts(&self, asked: &Asked<'_>) -> Result<Facts, NoAnswer> {
        let is_online = |meter: &Meter| self.live.status(&meter.site) == Some(Status::Online);
        let records = self.records.all(is_online).await?;
        let catching_up: HashSet<&SiteId> =
            records.iter().filter(|record| record.is_catching_up).map(|record| &record.meter.site).collect();
        let seen = records.iter().filter(|record| asked.visitor.may_see(&record.meter));
        let of_meter = |record: &RecordState| MeterFacts {
            is_catching_up: catching_up.contains(&record.meter.site),
            ..self.meter_facts(record)
        };
        let broker_away = self.live.away_since();
        let store = self.live.broker().store.filter(|_| asked.visitor.may_see_all() && broker_away.is_none());
        Ok(Facts {
            meters: seen.map(|record| (record.meter.clone(), of_meter(record))).collect(),
            broker_away,
            broker_is_full: store.is_some_and(|store| store == FULL),
            alarms: self.alarms(asked),
        })
    }

    /// The alarms of meters that the visitor may see.
    pub(super) fn alarms(&self, asked: &Asked<'_>) -> Vec<AlarmSaid> {
        let mut alarms = self.live.alarms();
        alarms.retain(|alarm| asked.visitor.may_see(&alarm.meter));
        alarms
    }

    fn meter_facts(&self, record: &RecordState) -> MeterFacts {
        let diag = self.live.publisher(&record.meter).diag;
        let mut presence = self.live.of(&record.meter);
        // A meter that has never said a value has no presence of its own.
        presence.status = presence.status.or_else(|| self.live.status(&record.meter.site));
        MeterFacts {
            name: record.name.clone(),
            recorded_until: record.recorded_until,
            is_catching_up: record.is_catching_up,
            whole_since: record.whole_since,
            is_counted_twice: record.is_counted_twice,
            has_no_clock: diag.is_some_and(|diag| diag.clock == NO_CLOCK),
            presence,
        }
    }

    /// Has the pages of this request say whether all is well. While there is no ledger they do not.
    pub(super) async fn judge(&self, asked: &Asked<'_>) {
        if let Ok(facts) = self.facts(asked).await {
            let verdict = Verdict::of(&facts, daemon_runtime::now());
            let view = HealthView::new(&verdict, asked.language().texts(), self.ledger.zone());
            let _ = asked.health.set(view);
        }
    }
}
