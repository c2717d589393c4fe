//! The answers to interactive charts that were worked out lately.

use std::sync::Arc;

use meter_figures::{Points, Series, SeriesRequest};
use meter_ledger::RecordedMeter;
use meter_messages::Minute;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;
use web_http::{Effort, Prepared};

use crate::ledger::reader::{LedgerReader, ReadError};

/// Answers kept in memory, at most some 50 KB each.
const MOST_KEPT: usize = 200;

/// For how many minutes.
const KEPT_MINUTES: i64 = 10;

/// A request, up to which minute it was answered, when, and how often a correction of the meter had been said or undone.
type Key = (SeriesRequest, Minute, i64, u64);

/// The answers that were given lately.
#[derive(Debug)]
pub(crate) struct SeriesStore {
    ledger: LedgerReader,
    /// Held while an answer is worked out: many who ask for the same let one do it.
    turn: Mutex<()>,
    kept: Cache<Key, Arc<Prepared>>,
}

impl SeriesStore {
    /// Nothing given yet.
    pub(crate) fn new(ledger: LedgerReader) -> Self {
        Self { ledger, turn: Mutex::default(), kept: Cache::new(MOST_KEPT) }
    }

    /// The answer to a request; made once for everybody until a minute is added.
    pub(crate) async fn answer(
        &self,
        request: SeriesRequest,
        meter: RecordedMeter,
        points: Points,
        until: Minute,
    ) -> Result<Arc<Prepared>, ReadError> {
        // Now and then anew: a lost ledger may be filled again.
        let round = until.epoch_minutes() / KEPT_MINUTES;
        let end = request.asked(until).end;
        let key = (request, end, round, meter.edition());
        if let Some(kept) = self.kept.get(&key) {
            return Ok(kept);
        }
        let _turn = self.turn.lock().await;
        if let Some(kept) = self.kept.get(&key) {
            return Ok(kept);
        }
        let mut series = Series::new(&key.0, meter, points, until);
        let text = loop {
            let read = self.ledger.ask_much(move |ledger| {
                let text = series.read_on(ledger)?;
                Ok((text, series))
            });
            match read.await? {
                (Some(text), _) => break text,
                (None, rest) => series = rest,
            }
        };
        let file = Arc::new(Prepared::text("application/json", text, Effort::Quick));
        self.kept.insert(key, file.clone());
        Ok(file)
    }
}
