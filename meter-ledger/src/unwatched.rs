//! How long meters were not watched, for those who ask for all of them again and again: that reads years of days, so it is
//! worked out for some meters at a time, and kept for a while.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use meter_messages::Meter;

use crate::{Ledger, LedgerError, RecordedMeter};

/// For so long it is good.
const TRUSTED_FOR: Duration = Duration::from_secs(600);

/// It is worked out for so many meters at a time.
const AT_ONCE: usize = 20;

/// When it was worked out for each meter, and how many seconds in how many gaps it was.
type Known = HashMap<Meter, (Instant, (u64, u64))>;

/// What was not watched of meters, as it was worked out last.
#[derive(Debug, Default)]
pub struct Unwatched(Mutex<Known>);

impl Unwatched {
    /// Seconds and gaps of a meter, if they are known.
    pub fn of(&self, meter: &Meter) -> Option<(u64, u64)> {
        self.known().get(meter).map(|(_, unwatched)| *unwatched)
    }

    /// Those of these meters of which it is to be worked out now: it is not known, or has been for too long.
    pub fn due<'a>(&self, meters: impl IntoIterator<Item = &'a RecordedMeter>) -> Vec<RecordedMeter> {
        let known = self.known();
        let is_due = |meter: &Meter| known.get(meter).is_none_or(|(since, _)| since.elapsed() > TRUSTED_FOR);
        meters.into_iter().filter(|known| is_due(&known.meter)).take(AT_ONCE).cloned().collect()
    }

    /// Works it out for a meter.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn work_out(&self, ledger: &Ledger, meter: &RecordedMeter) -> Result<(), LedgerError> {
        let trust = ledger.trust(meter, 0)?;
        let unwatched = trust.map_or((0, 0), |trust| (trust.unwatched_s, trust.gaps));
        self.known().insert(meter.meter.clone(), (Instant::now(), unwatched));
        Ok(())
    }

    /// Forgets meters that are no longer there.
    pub fn keep_only(&self, meters: &[RecordedMeter]) {
        let mut known = self.known();
        // There may be as many as are recorded, so it is looked only where some have gone.
        if known.len() > meters.len() {
            let there: HashSet<&Meter> = meters.iter().map(|known| &known.meter).collect();
            known.retain(|meter, _| there.contains(meter));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
