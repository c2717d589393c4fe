//! How long a site is without a recorder that can do its work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(250);

/// An answer that takes longer was no answer: the database was away.
const PATIENCE: Duration = Duration::from_millis(750);

/// Who holds each site.
const HOLDERS: &str =
    "SELECT site, coalesce(name, '') FROM lease LEFT JOIN recorder ON recorder.id = lease.recorder";

/// Watches the leases from a thread of its own.
pub(super) struct Watch {
    away: Arc<Mutex<BTreeSet<String>>>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Watch {
    pub(super) fn start(database: String) -> Self {
        let (away, over) = (Arc::<Mutex<BTreeSet<String>>>::default(), Arc::<AtomicBool>::default());
        let (seen, end) = (Arc::clone(&away), Arc::clone(&over));
        let thread = thread::spawn(move || {
            let mut alone = Alone::default();
            while !end.load(Ordering::Relaxed) {
                thread::sleep(EVERY);
                let began = Instant::now();
                let holders = postgres_for_tests::try_rows(&database, HOLDERS);
                let holders = holders.filter(|_| began.elapsed() < PATIENCE);
                let away = seen.lock().unwrap_or_else(PoisonError::into_inner);
                alone.look(Instant::now(), holders.as_deref(), &away);
            }
            alone.longest
        });
        Self { away, over, thread }
    }

    /// Says whether a recorder has been killed, stopped or cut off.
    pub(super) fn set_away(&self, recorder: String, is_away: bool) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        if is_away {
            away.insert(recorder)
        } else {
            away.remove(&recorder)
        };
    }

    /// Ends it; returns how long a site was alone at most, without the time in which the database was away.
    pub(super) fn end(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Sites that nobody looks after. Pure.
#[derive(Debug, Default)]
struct Alone {
    /// For how long, at the last look.
    now: BTreeMap<String, Duration>,
    looked: Option<Instant>,
    longest: Duration,
}

impl Alone {
    /// Takes in who holds what, or that the database does not answer.
    fn look(&mut self, now: Instant, holders: Option<&[Vec<String>]>, away: &BTreeSet<String>) {
        let since = self.looked.replace(now).map_or(Duration::ZERO, |looked| now - looked);
        for row in holders.into_iter().flatten() {
            let (site, holder) = (&row[0], &row[1]);
            let alone = self.now.entry(site.clone()).or_default();
            *alone = if holder.is_empty() || away.contains(holder) { *alone + since } else { Duration::ZERO };
            self.longest = self.longest.max(*alone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_alone_while_its_holder_is_away_and_nobody_is_blamed_for_the_database() {
        let (start, mut alone) = (Instant::now(), Alone::default());
        let rows = |holder: &str| [vec!["s0".to_owned(), holder.to_owned()]];
        let away = BTreeSet::from(["a".to_owned()]);
        let mut look = |second, holder: Option<&str>| {
            let rows = holder.map(rows);
            alone.look(start + Duration::from_secs(second), rows.as_ref().map(|rows| &rows[..]), &away);
            alone.longest.as_secs()
        };
        assert_eq!(
            [look(0, Some("b")), look(1, Some("b")), look(2, Some("a")), look(3, Some(""))],
            [0, 0, 1, 2]
        );
        assert_eq!(
            [look(9, None), look(10, Some("")), look(11, Some("b")), look(12, Some("a"))],
            [2, 3, 3, 3]
        );
    }
}
