//! How long meters were not watched, for those who ask for all of them again and again: that reads years of days, so it is
//! worked out for some meters at a time, and kept for a while.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use meter_messages::Meter;

use crate::{Ledger, LedgerError, RecordedMeter, if_readable};

/// For so long it is good.
const TRUSTED_FOR: Duration = Duration::from_secs(600);

/// It is worked out for so many meters at a time.
const AT_ONCE: usize = 20;

/// When it was worked out for each meter, and how many seconds in how many gaps it was; nothing where its rows are damaged.
type Known = HashMap<Meter, (Instant, Option<(u64, u64)>)>;

/// What was not watched of meters, as it was worked out last.
#[derive(Debug, Default)]
pub struct Unwatched(Mutex<Known>);

impl Unwatched {
    /// Seconds and gaps of a meter, if they are known.
    pub fn of(&self, meter: &Meter) -> Option<(u64, u64)> {
        self.known().get(meter).and_then(|(_, unwatched)| *unwatched)
    }

    /// Those of these meters of which it is to be worked out now: it is not known, or has been for too long. Those come
    /// first that have waited longest, so that none waits for ever, however many there are.
    pub fn due<'a>(&self, meters: impl IntoIterator<Item = &'a RecordedMeter>) -> Vec<RecordedMeter> {
        let known = self.known();
        let since = |meter: &RecordedMeter| known.get(&meter.meter).map(|(since, _)| *since);
        let is_due = |since: Option<Instant>| since.is_none_or(|since| since.elapsed() > TRUSTED_FOR);
        let mut due: Vec<_> = meters.into_iter().filter(|meter| is_due(since(meter))).collect();
        due.sort_by_key(|meter| since(meter));
        due.into_iter().take(AT_ONCE).cloned().collect()
    }

    /// Works it out for a meter; of one whose rows are damaged nothing is known.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn work_out(&self, ledger: &Ledger, meter: &RecordedMeter) -> Result<(), LedgerError> {
        let trust = if_readable(&meter.meter, ledger.trust(meter, 0))?;
        let unwatched = trust.map(|trust| trust.map_or((0, 0), |trust| (trust.unwatched_s, trust.gaps)));
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::Info;

    use super::*;

    #[test]
    fn who_has_waited_longest_comes_first() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let info =
            br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        let info = Info::from_json(info).unwrap();
        let mut batch = ledger.batch().unwrap();
        for number in 100..400 {
            batch.register(&format!("hq/m{number}").parse().unwrap(), &info).unwrap();
        }
        batch.commit().unwrap();
        let (meters, unwatched) = (ledger.meters().unwrap(), Unwatched::default());
        // All but five are known, and for too long already; those behind for longer.
        let now = Instant::now();
        for (place, meter) in (0..).zip(&meters[..295]) {
            let Some(since) = now.checked_sub(TRUSTED_FOR + Duration::from_secs(place)) else { return };
            unwatched.known().insert(meter.meter.clone(), (since, Some((0, 0))));
        }
        let due: Vec<_> = unwatched.due(&meters).into_iter().map(|meter| meter.meter).collect();
        let expected = meters[295..].iter().chain(meters[280..295].iter().rev());
        assert_eq!(due, expected.map(|meter| meter.meter.clone()).collect::<Vec<_>>());
    }
}
