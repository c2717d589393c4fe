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
    /// Whether its record has moved on by more than a minute since it did like that.
    fn goes_on_from(&self, before: &[Self]) -> bool {
        let before = before.iter().find(|before| before.meter == self.meter);
        let (Some(now), Some(then)) = (self.recorded_until, before.and_then(|before| before.recorded_until))
        else {
            return false;
        };
        now.duration_since(then).as_secs() > Minute::SECONDS
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

    /// As they are, give or take some seconds.
    pub(crate) async fn all(&self) -> Result<Arc<[RecordState]>, ReadError> {
        // Whoever asks meanwhile waits for the same answer.
        let mut looked_up = self.looked_up.lock().await;
        if let Some((_, known)) = looked_up.as_ref().filter(|(at, _)| at.elapsed() < GOOD_FOR) {
            return Ok(known.clone());
        }
        let before = looked_up.as_ref().map_or_else(Arc::default, |(_, known)| known.clone());
        let all = self.ledger.ask_much(read).await?.into_iter();
        let as_set = |(known, state): (RecordedMeter, RecordState)| {
            let known = self.ledger.meters().as_set(known);
            RecordState { name: known.name, is_catching_up: state.goes_on_from(&before), ..state }
        };
        let all: Arc<[RecordState]> = all.map(as_set).collect();
        *looked_up = Some((Instant::now(), all.clone()));
        Ok(all)
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
