//! How long a client may be silent, and how long it may not read.

use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Ending;
use crate::settings::MqttSettings;

/// The deadlines of one connection.
#[derive(Debug)]
pub(super) struct Timing {
    /// One and a half times the keep-alive; `None` if the client wants none.
    silence: Option<Duration>,
    write_timeout: Duration,
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

    /// Whether the client is in time. One that is not being read cannot be silent.
    pub(super) fn check(&mut self, reading: bool, writing: bool, has_room: bool) -> Result<(), Ending> {
        if !reading {
            self.heard();
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
