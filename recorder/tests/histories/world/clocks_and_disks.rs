//! Clocks that are wrong or not set, and disks that are full.

use meter_messages::Minute;

use super::{AHEAD, FIRST_MINUTE, World};

impl World {
    /// The publisher starts with a clock that is so many minutes ahead, or (`None`) not set.
    pub(crate) fn publisher_starts_at(&mut self, ahead: Option<i64>) {
        self.clock = ahead;
        self.publisher_killed();
    }

    /// There is room on the publisher's disk, or none.
    pub(crate) fn card_is_full(&mut self, is_full: bool) {
        self.is_full = is_full;
        self.write_to_card();
        self.send();
    }

    /// A recorder's clock is so many minutes ahead, or (`None`) not set. It may have been right all the time.
    pub(crate) fn recorder_clock(&mut self, which: usize, ahead: Option<i64>) {
        let minute = |ahead: i64| Minute::nearest(FIRST_MINUTE + self.passed + ahead + AHEAD);
        self.recorders[which].latest = ahead.map(minute);
    }

    pub(crate) fn fill_ledgers_disk(&mut self, which: usize, table: usize) {
        self.recorders[which].fill_disk(table);
    }

    pub(crate) fn make_ledgers_room(&mut self, which: usize) {
        self.recorders[which].make_room();
        if self.recorders[which].connects_later {
            self.recorder_connects(which);
        }
    }
}
