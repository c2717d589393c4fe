//! What one meter has counted and the outbox does not have yet, and where it survives a kill meanwhile.

use daemon_runtime::TrustedClock;
use meter_messages::OutboxId;
use tokio::sync::watch;

use crate::interim::{Interim, KnownClock, MOST_FINISHED, Resumed};
use crate::outbox_keeper::Extent;
use crate::pulse_counter::FinishedMinute;
use crate::safekeeping::Safekeeping;

/// Where what is counted is kept until it is in the outbox.
#[derive(Debug)]
pub struct Keeping {
    /// The outbox.
    pub outbox: OutboxId,
    /// How far it reaches.
    pub extent: watch::Receiver<Extent>,
    /// The kernel's id of this boot.
    pub boot: String,
    /// Where the rest goes.
    pub safekeeping: Safekeeping,
}

/// One meter's count since its outbox was last written.
#[derive(Debug)]
pub(crate) struct Unkept {
    /// As it is stored.
    pub(crate) interim: Interim,
    /// The kernel's id of this boot.
    pub(crate) boot: String,
    safekeeping: Safekeeping,
    extent: watch::Receiver<Extent>,
    /// The `seq` of the first finished minute in the interim count.
    first_unkept: u64,
}

impl Unkept {
    /// Goes on from what an earlier run left.
    pub(crate) fn new(keeping: Keeping, resumed: &Resumed) -> Self {
        let interim = Interim {
            outbox: keeping.outbox,
            finished: resumed.finished.clone(),
            in_progress: resumed.in_progress,
            waiting: None,
            line: None,
            clock: None,
            counter: resumed.counter.clone(),
        };
        let first_unkept = keeping.extent.borrow().last_seq + 1;
        let Keeping { boot, safekeeping, extent, .. } = keeping;
        Self { interim, boot, safekeeping, extent, first_unkept }
    }

    /// Adds minutes that are over, and drops those that the outbox has by now.
    pub(crate) fn add(&mut self, finished: &[FinishedMinute]) {
        let on_disk = (self.extent.borrow().last_seq + 1).saturating_sub(self.first_unkept);
        let on_disk = usize::try_from(on_disk).unwrap_or(usize::MAX).min(self.interim.finished.len());
        self.interim.finished.drain(..on_disk);
        self.first_unkept += on_disk as u64;
        self.interim.finished.extend_from_slice(finished);
    }

    /// Stores it, with the UTC that is trusted.
    pub(crate) fn store(&mut self, clock: &TrustedClock) {
        self.interim.clock = clock
            .utc_of_boot_ns()
            .map(|utc_of_boot_ns| KnownClock { boot: self.boot.clone(), utc_of_boot_ns });
        // While a simulated past runs by quickly, or the disk is full for an hour, an
        // older version stays: it has all but the newest minutes.
        if self.interim.finished.len() <= MOST_FINISHED {
            self.safekeeping.keep(&self.interim);
        }
    }
}
