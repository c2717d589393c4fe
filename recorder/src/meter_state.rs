//! How far one meter is recorded, in memory.

use std::collections::HashMap;

use meter_ledger::{Batch, LedgerError, OutboxMark};
use meter_messages::{Info, Meter, Minute, OutboxId};

use crate::progress::Progress;

/// One meter's recording state.
#[derive(Debug, Clone)]
pub(crate) struct MeterState {
    /// The outbox of its last `info`: minutes that do not say theirs belong to it.
    pub(crate) current: OutboxId,
    /// Those that minutes have come of since the start, and the current one.
    pub(crate) outboxes: HashMap<OutboxId, Progress>,
    /// The connection over which its `info` came as it was published: a retained one that comes later over
    /// the same is older.
    pub(crate) info_received: Option<u64>,
    /// Whether its `info` has not come yet, over any connection.
    pub(crate) is_unheard: bool,
    /// The newest minute that two outboxes have counted.
    pub(crate) counted_twice: Option<Minute>,
    /// What the meter is called now whose former name this is.
    pub(crate) now: Option<Meter>,
}

/// For so long after a minute that was counted twice marks say so.
const RIVALS_FOR_MINUTES: i64 = 10;

impl MeterState {
    /// With its current outbox.
    pub(crate) fn new(progress: Progress) -> Self {
        let current = progress.mark.outbox.clone();
        let outboxes = HashMap::from([(current.clone(), progress)]);
        Self { outboxes, current, info_received: None, is_unheard: false, counted_twice: None, now: None }
    }

    /// The meter of a name that was renamed, or merged, or is no longer so: its rows are other ones by now.
    pub(crate) fn move_to(&mut self, progress: Progress, now: Option<Meter>) {
        self.current = progress.mark.outbox.clone();
        self.outboxes = HashMap::from([(self.current.clone(), progress)]);
        self.now = now;
    }

    /// Whether another outbox counts what the one of a mark does.
    pub(crate) fn has_rival(&self, mark: &OutboxMark) -> bool {
        let since = |twice: Minute| Some(mark.mark_minute?.epoch_minutes() - twice.epoch_minutes());
        self.counted_twice.and_then(since).is_some_and(|minutes| minutes.abs() <= RIVALS_FOR_MINUTES)
    }

    /// How many runs of numbers beyond the marks of its outboxes are remembered.
    pub(crate) fn runs(&self) -> usize {
        self.outboxes.values().map(Progress::runs).sum()
    }

    /// Forgets its outboxes but the current one and those that `keeps` names: the ledger knows how far they are recorded.
    pub(crate) fn forget_outboxes(&mut self, keeps: impl Fn(&OutboxId) -> bool) {
        let current = &self.current;
        self.outboxes.retain(|outbox, _| outbox == current || keeps(outbox));
        self.outboxes.shrink_to_fit();
    }

    /// However many outboxes there are, together they remember no more than one may: those that remember most
    /// forget what comes last.
    pub(crate) fn forget_beyond(&mut self, most: usize) {
        if self.outboxes.len() == 1 {
            return;
        }
        for _ in most..self.runs() {
            let largest = self.outboxes.values_mut().max_by_key(|progress| progress.runs());
            largest.into_iter().for_each(Progress::forget_last_run);
        }
    }

    /// Whether a retained `info` is older than one received since, over the same connection.
    pub(crate) fn is_newer(&self, retained: &Info, connection: u64) -> bool {
        self.info_received == Some(connection) && self.current != retained.outbox
    }
}

/// How far an outbox is recorded, in the words of the ledger.
pub(crate) fn progress_from(batch: &mut Batch<'_>, mark: OutboxMark) -> Result<Progress, LedgerError> {
    let (beyond, lost) = (batch.beyond(&mark)?, batch.lost(&mark)?);
    Ok(Progress::new(mark, beyond, lost))
}
