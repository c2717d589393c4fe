//! How long a client may be silent, and how long it may not read.

use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Ending;
use crate::settings::MqttSettings;

/// How often deadlines are looked at, while something waits.
const TICK: Duration = Duration::from_secs(1);
/// So much after its time a deadline is over for sure.
const LATE: Duration = Duration::from_millis(1);

/// The deadlines of one connection.
#[derive(Debug)]
pub(super) struct Timing {
    /// One and a half times the keep-alive; `None` if the client wants none.
    silence: Option<Duration>,
    write_timeout: Duration,
    checked_at: Instant,
    heard_at: Instant,
    wrote_at: Instant,
    had_room_at: Instant,
}

impl Timing {
    pub(super) fn new(keep_alive: Duration, settings: &MqttSettings) -> Timing {
        let now = Instant::now();
        Timing {
            silence: (!keep_alive.is_zero()).then(|| keep_alive * 3 / 2),
            write_timeout: Duration::from_secs(settings.write_timeout_s),
            checked_at: now,
            heard_at: now,
            wrote_at: now,
            had_room_at: now,
        }
    }

    /// A packet has come.
    pub(super) fn heard(&mut self) {
        self.heard_at = Instant::now();
    }

    /// The client has taken something, or there is something new for it to take.
    pub(super) fn wrote(&mut self) {
        self.wrote_at = Instant::now();
    }

    /// There was room for what is to be read and written next.
    pub(super) fn had_room(&mut self) {
        self.had_room_at = Instant::now();
    }

    /// Whether [`check`](Self::check) was so long ago that it is due again.
    pub(super) fn is_due(&self) -> bool {
        self.checked_at.elapsed() >= TICK
    }

    /// When to check again if nothing happens before: soon, if something `is_stuck`; else only who says nothing for too
    /// long is of interest. A connection that rests costs nothing.
    pub(super) fn next_check(&self, is_stuck: bool) -> Option<Instant> {
        let silent = self.silence.map(|silence| self.heard_at + silence + LATE);
        let soon = is_stuck.then(|| self.checked_at + TICK);
        silent.into_iter().chain(soon).min()
    }

    /// Whether the client is in time. One that is not being read cannot be silent.
    pub(super) fn check(&mut self, reading: bool, writing: bool, has_room: bool) -> Result<(), Ending> {
        self.checked_at = Instant::now();
        if !reading {
            self.heard();
        }
        if has_room {
            self.had_room();
        }
        if writing && self.wrote_at.elapsed() > self.write_timeout {
            return Err(Ending::NotReading);
        }
        // The other connections of its user may make room in that time: those that nobody reads are closed.
        if !has_room && self.had_room_at.elapsed() > 2 * self.write_timeout {
            return Err(Ending::NoRoom);
        }
        if self.silence.is_some_and(|silence| self.heard_at.elapsed() > silence) {
            return Err(Ending::Silent);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rested(keep_alive_s: u64) -> Timing {
        let mut timing = Timing::new(Duration::from_secs(keep_alive_s), &MqttSettings::default());
        let before = Instant::now() - 5 * timing.write_timeout;
        (timing.checked_at, timing.had_room_at, timing.wrote_at) = (before, before, before);
        timing
    }

    #[test]
    fn who_rests_is_looked_at_when_it_could_be_silent_and_who_waits_each_second() {
        let timing = rested(60);
        assert_eq!(timing.next_check(false), Some(timing.heard_at + Duration::from_secs(90) + LATE));
        assert!(timing.next_check(true).unwrap() < Instant::now(), "at once");
        assert_eq!(rested(0).next_check(false), None);
    }

    #[test]
    fn who_rested_for_long_has_as_much_time_as_others() {
        let mut timing = rested(0);
        assert!(timing.is_due());
        // The check before its first packet since.
        timing.check(true, false, true).unwrap();
        timing.wrote();
        assert!(timing.check(true, true, false).is_ok() && !timing.is_due());
        assert_eq!(timing.next_check(true), Some(timing.checked_at + TICK));
    }
}
