//! What has come of the messages since the start: counted with each batch, for the figures. Pure.

use std::ops::AddAssign;
use std::time::Duration;

use daemon_runtime::Durations;

/// What came of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Minutes that are new in the ledger.
    pub recorded: u64,
    /// Minutes that were in it before.
    pub repeated: u64,
    /// Minutes that were put aside with their reason: of the far future, or another count of one that was recorded.
    pub set_aside: u64,
    /// Messages that were not taken: their publisher keeps what they say.
    pub refused: u64,
    /// Messages that were passed over: they mean nothing here.
    pub ignored: u64,
}

impl Outcome {
    /// Messages of which nothing is kept here.
    pub(crate) fn not_taken(&self) -> u64 {
        self.refused + self.ignored
    }
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, more: Self) {
        self.recorded += more.recorded;
        self.repeated += more.repeated;
        self.set_aside += more.set_aside;
        self.refused += more.refused;
        self.ignored += more.ignored;
    }
}

/// All since the start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts {
    /// What came of messages whose batch is on disk.
    pub outcome: Outcome,
    /// How long commits took.
    pub commits: Durations,
    /// Commits that the disk refused; they are tried again.
    pub failed_commits: u64,
    /// Meters that are recorded now, by their names on the wire.
    pub meters: u64,
}

impl Counts {
    /// A batch is on disk.
    pub(crate) fn committed(&mut self, outcome: Outcome, took: Duration, meters: usize) {
        self.outcome += outcome;
        self.commits.took(took);
        self.meters = meters as u64;
    }
}
