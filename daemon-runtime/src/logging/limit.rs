//! How many lines of one cause go to the log.
//!
//! A cause is a place in the code: whatever a remote can cause again and again is logged somewhere, and
//! wherever that is, no more of it is written than somebody could read. Nothing has to be remembered
//! where lines are logged; only what is to be counted apart has to be logged apart.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Lines of one cause that are written at once.
const AT_ONCE: u32 = 60;
/// The time after which one more may be written.
const ONE_MORE_AFTER: Duration = Duration::from_secs(1);

/// Lines of this target are about those that were left out, and are never left out themselves.
pub(super) const TARGET: &str = "left_out";

/// Lines of one cause that were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) lines: u64,
    /// The first one of them.
    pub(super) first: String,
}

/// Lets lines pass as long as there are not too many of one cause. Whoever asks for `debug` wants to
/// see all of it.
pub(super) struct Limited;

impl<S: Subscriber> Layer<S> for Limited {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO || metadata.target() == TARGET {
            return true;
        }
        with_causes(|causes| causes.take(metadata.callsite(), Instant::now(), || super::text_of(event)))
    }
}

/// What was left out since the last time.
pub(super) fn left_out(now: Instant) -> Vec<LeftOut> {
    with_causes(|causes| causes.left_out(now))
}

fn with_causes<T>(act: impl FnOnce(&mut Causes<Identifier>) -> T) -> T {
    static CAUSES: OnceLock<Mutex<Causes<Identifier>>> = OnceLock::new();
    let causes = CAUSES.get_or_init(Mutex::default);
    act(&mut causes.lock().unwrap_or_else(PoisonError::into_inner))
}

/// All causes so far: no more than there are places in the code. Pure: time is an argument.
#[derive(Debug)]
struct Causes<K> {
    by_key: HashMap<K, Cause>,
}

#[derive(Debug)]
struct Cause {
    /// How many lines may still be written.
    may_write: u32,
    /// Since when.
    since: Instant,
    left_out: Option<LeftOut>,
}

impl<K> Default for Causes<K> {
    fn default() -> Self {
        Self { by_key: HashMap::new() }
    }
}

impl<K: Eq + Hash> Causes<K> {
    /// Whether one more line of a cause is written; if not, `text` says what it would have been.
    fn take(&mut self, cause: K, now: Instant, text: impl FnOnce() -> String) -> bool {
        let cause =
            self.by_key.entry(cause).or_insert(Cause { may_write: AT_ONCE, since: now, left_out: None });
        cause.earn(now);
        if cause.may_write > 0 {
            cause.may_write -= 1;
            return true;
        }
        match &mut cause.left_out {
            Some(left_out) => left_out.lines += 1,
            None => cause.left_out = Some(LeftOut { lines: 1, first: text() }),
        }
        false
    }

    fn left_out(&mut self, now: Instant) -> Vec<LeftOut> {
        let told = self.by_key.values_mut().filter_map(|cause| cause.left_out.take()).collect();
        // One that is as it was in the beginning need not be remembered.
        self.by_key.retain(|_, cause| {
            cause.earn(now);
            cause.may_write < AT_ONCE
        });
        told
    }
}

impl Cause {
    fn earn(&mut self, now: Instant) {
        let earned = now.duration_since(self.since).as_secs() / ONE_MORE_AFTER.as_secs();
        if let Ok(earned @ 1..) = u32::try_from(earned) {
            self.may_write = self.may_write.saturating_add(earned).min(AT_ONCE);
            self.since += ONE_MORE_AFTER * earned;
        }
        if self.may_write == AT_ONCE {
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flood(causes: &mut Causes<&'static str>, cause: &'static str, lines: usize, now: Instant) -> usize {
        (0..lines).filter(|line| causes.take(cause, now, || format!("{cause} {line}"))).count()
    }

    #[test]
    fn a_flood_of_one_cause_writes_a_few_lines_and_takes_nothing_from_others() {
        let (mut causes, start) = (Causes::default(), Instant::now());
        assert_eq!(flood(&mut causes, "flood", 100_000, start), 60);
        assert_eq!(flood(&mut causes, "other", 60, start), 60);
        let told = LeftOut { lines: 99_940, first: "flood 60".to_owned() };
        assert_eq!(causes.left_out(start), [told]);
        assert_eq!(causes.left_out(start), []);
        // From then on one a second, and after a pause as many as at first.
        let later = start + Duration::from_millis(3_500);
        assert_eq!(flood(&mut causes, "flood", 10, later), 3);
        assert_eq!(flood(&mut causes, "flood", 10, later + Duration::from_millis(500)), 1);
        assert_eq!(flood(&mut causes, "flood", 100, later + Duration::from_secs(3_600)), 60);
        assert_eq!(causes.left_out(later).iter().map(|left_out| left_out.lines).sum::<u64>(), 7 + 9 + 40);
    }

    #[test]
    fn what_is_quiet_again_is_forgotten() {
        let (mut causes, start) = (Causes::default(), Instant::now());
        flood(&mut causes, "flood", 61, start);
        flood(&mut causes, "one", 1, start);
        causes.left_out(start + Duration::from_secs(1));
        assert_eq!(causes.by_key.keys().collect::<Vec<_>>(), [&"flood"]);
        causes.left_out(start + Duration::from_secs(60));
        assert!(causes.by_key.is_empty());
    }
}
