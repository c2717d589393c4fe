//! How the records of all meters do, looked up once for all pages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use meter_ledger::{Ledger, LedgerError, RecordedMeter};
use meter_messages::{Meter, Minute};
use tokio::sync::Mutex;

use crate::ledger::reader::{LedgerReader, ReadError, minute_in_progress, tomorrow};

/// How long what was looked up is good enough.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// How long what was looked up tells whether a record goes on since.
const COMPARABLE_FOR: Duration = Duration::from_secs(60);

/// How long the recorder takes at most until it has some more of what is coming in.
const A_MOMENT: Duration = Duration::from_millis(700);

/// A record that ends so long ago is late: minutes are recorded within seconds.
pub(crate) const LATE_AFTER_S: i64 = 5 * 60;

/// How a meter's record does.
#[derive(Debug, Clone)]
pub(crate) struct RecordState {
    /// The meter.
    pub(crate) meter: Meter,
    /// Its name, as the ledger has it.
    pub(crate) name: String,
    /// The end of its newest minute; `None` before the first.
    pub(crate) recorded_until: Option<Timestamp>,
    /// Whether minutes of the past are coming in.
    pub(crate) is_catching_up: bool,
    /// Since when no minute is missing.
    pub(crate) whole_since: Option<Timestamp>,
    /// Whether two publishers count under its name.
    pub(crate) is_counted_twice: bool,
}

impl RecordState {
    /// Whether its record has moved on by more minutes than have passed since it did like that.
    fn goes_on_from(&self, before: &[Self], passed: Duration) -> bool {
        let Some(before) = before.iter().find(|before| before.meter == self.meter) else { return false };
        let Some(now) = self.recorded_until else { return false };
        let Some(then) = before.recorded_until else { return self.is_late() };
        now.duration_since(then).as_secs() > Minute::SECONDS + passed.as_secs() as i64
    }

    /// Whether nothing of now is recorded.
    fn is_late(&self) -> bool {
        let now = daemon_runtime::now();
        self.recorded_until.is_none_or(|until| now.duration_since(until).as_secs() > LATE_AFTER_S)
    }
}

/// What was looked up, and when.
type LookedUp = (Instant, Arc<[RecordState]>);

/// How the records of all meters do.
#[derive(Debug)]
pub(crate) struct Records {
    ledger: LedgerReader,
    looked_up: Mutex<Option<LookedUp>>,
}

impl Records {
    /// Of the meters of a ledger.
    pub(crate) fn new(ledger: LedgerReader) -> Self {
        Self { ledger, looked_up: Mutex::default() }
    }

    /// As they are, give or take some seconds. Where the record of a meter that may still be counted is late, and nobody
    /// has looked just before, they are looked up twice: what is coming in is no trouble.
    pub(crate) async fn all(
        &self,
        may_be_counted: impl Fn(&Meter) -> bool,
    ) -> Result<Arc<[RecordState]>, ReadError> {
        // Whoever asks meanwhile waits for the same answer.
        let mut looked_up = self.looked_up.lock().await;
        if let Some((_, known)) = looked_up.as_ref().filter(|(at, _)| at.elapsed() < GOOD_FOR) {
            return Ok(known.clone());
        }
        let mut before = looked_up.take().filter(|(at, _)| at.elapsed() < COMPARABLE_FOR);
        let mut all = self.look(before.as_ref()).await?;
        if before.is_none() && all.1.iter().any(|state| state.is_late() && may_be_counted(&state.meter)) {
            tokio::time::sleep(A_MOMENT).await;
            before = Some(all);
            all = self.look(before.as_ref()).await?;
        }
        let known = all.1.clone();
        *looked_up = Some(all);
        Ok(known)
    }

    async fn look(&self, before: Option<&LookedUp>) -> Result<LookedUp, ReadError> {
        let all = self.ledger.ask_much(read).await?.into_iter();
        let goes_on =
            |state: &RecordState| before.is_some_and(|(at, before)| state.goes_on_from(before, at.elapsed()));
        let as_set = |(known, state): (RecordedMeter, RecordState)| {
            let known = self.ledger.meters().as_set(known);
            RecordState { name: known.name, is_catching_up: goes_on(&state), ..state }
        };
        Ok((Instant::now(), all.map(as_set).collect()))
    }
}

fn read(ledger: &Ledger) -> Result<Vec<(RecordedMeter, RecordState)>, LedgerError> {
    let latest = tomorrow(minute_in_progress());
    let state = |known: RecordedMeter| {
        let newest = ledger.newest_up_to(&known, latest)?;
        let trust = ledger.trust(&known, 0)?;
        let state = RecordState {
            meter: known.meter.clone(),
            name: known.name.clone(),
            recorded_until: newest.and_then(|newest| Timestamp::from_second(newest.minute.end()).ok()),
            is_catching_up: false,
            whole_since: trust.as_ref().map(|trust| trust.whole_since.timestamp()),
            is_counted_twice: trust.is_some_and(|trust| trust.counted_twice > 0),
        };
        Ok((known, state))
    };
    ledger.meters()?.into_iter().map(state).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_record_goes_on_by_itself_only_if_it_is_faster_than_the_clock() {
        let now = daemon_runtime::now();
        let until = |ago_s: Option<i64>| RecordState {
            meter: "hq/main".parse().unwrap(),
            name: String::new(),
            recorded_until: ago_s.map(|ago_s| now - jiff::SignedDuration::from_secs(ago_s)),
            is_catching_up: false,
            whole_since: None,
            is_counted_twice: false,
        };
        let goes_on = |now: Option<i64>, before: Option<i64>, passed: u64| {
            until(now).goes_on_from(&[until(before)], Duration::from_secs(passed))
        };
        // A minute each minute is what it always does.
        assert!(!goes_on(Some(0), Some(60), 1) && !goes_on(Some(7200), Some(7200), 5));
        assert!(!goes_on(Some(600), Some(630), 30), "it stands still");
        assert!(goes_on(Some(7200), Some(9000), 1) && goes_on(Some(7200), None, 1), "the past is coming in");
        assert!(!goes_on(Some(30), None, 1) && !goes_on(None, None, 1), "the first minute of all");
        assert!(until(Some(301)).is_late() && until(None).is_late() && !until(Some(200)).is_late());
    }
}
