//! An SD card with a publisher's outbox, as the publisher treats it.

use meter_messages::{Mark, Minute, OutboxId, PulseCount};
use pi_publisher::old_copy::shows_old_copy;

/// An outbox: its minutes ascend, and so do their numbers.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) outbox: OutboxId,
    minutes: Vec<PulseCount>,
    /// The last number that was given out.
    last_seq: u64,
    total: u64,
    /// The mark that the publisher knows.
    pub(super) mark: u64,
    /// The mark that is on the card: it is written with the next minute.
    kept_mark: u64,
}

impl Card {
    pub(super) fn new(outbox: OutboxId) -> Self {
        Self { outbox, minutes: Vec::new(), last_seq: 0, total: 0, mark: 0, kept_mark: 0 }
    }

    pub(super) fn count(&mut self, minute: Minute, pulses: u32) {
        self.last_seq += 1;
        self.total += u64::from(pulses);
        let (seq, total) = (self.last_seq, self.total);
        self.minutes.push(PulseCount { minute, watched_s: 60, seq, pulses, total });
        self.kept_mark = self.mark;
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The lowest number that is kept, or would be.
    pub(super) fn oldest_seq(&self) -> u64 {
        self.minutes.first().map_or(self.last_seq + 1, |first| first.seq)
    }

    pub(super) fn minutes(&self) -> &[PulseCount] {
        &self.minutes
    }

    /// Its minutes with these numbers, as far as they are there.
    pub(super) fn between(&self, after: u64, to: u64) -> &[PulseCount] {
        let from = self.minutes.partition_point(|count| count.seq <= after);
        let end = self.minutes.partition_point(|count| count.seq <= to);
        &self.minutes[from..end.max(from)]
    }

    /// The publisher is killed: it knows what is on the card.
    pub(super) fn forget_mark(&mut self) {
        self.mark = self.kept_mark;
    }

    /// Old minutes that are marked make room; the newest stays.
    pub(super) fn prune(&mut self) {
        let keep_from = self.last_seq.min(self.mark);
        self.minutes.retain(|count| count.seq >= keep_from);
    }

    /// Whether a mark shows that this is an old copy of its outbox.
    pub(super) fn is_old_copy(&self, mark: &Mark) -> bool {
        let row = self.minutes.iter().find(|count| count.seq == mark.seq);
        shows_old_copy(mark, row, self.last_seq)
    }

    /// What lies after the mark goes on in a new outbox.
    pub(super) fn begin_anew(&mut self, mark: &Mark, outbox: OutboxId) {
        self.outbox = outbox;
        self.minutes.retain(|count| mark.minute.is_none_or(|recorded| count.minute > recorded));
        for (seq, count) in (1..).zip(&mut self.minutes) {
            count.seq = seq;
        }
        self.last_seq = self.minutes.len() as u64;
        (self.mark, self.kept_mark) = (0, 0);
    }
}
