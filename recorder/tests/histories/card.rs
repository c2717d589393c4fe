//! An SD card with a publisher's outbox, as the publisher treats it.

use meter_messages::{Mark, Minute, OutboxId, PulseCount};
use pi_publisher::old_copy::{Verdict, judge};

/// An outbox: its minutes ascend, and so do their numbers.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) outbox: OutboxId,
    minutes: Vec<PulseCount>,
    /// The last number that was given out.
    last_seq: u64,
    last_minute: Option<Minute>,
    total: u64,
    /// Pulses of the minute that goes on, because the clock was set back.
    unfinished: u32,
    /// The mark that the publisher knows.
    pub(super) mark: u64,
    /// The mark that is on the card: it is written with the next minute.
    kept_mark: u64,
}

/// An image of a card.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) card: Card,
    /// Whether it is a card that was in use, and has counted what no other one holds.
    pub(super) was_in_use: bool,
}

impl Card {
    /// An empty one whose count begins at `total`.
    pub(super) fn new(outbox: OutboxId, total: u64) -> Self {
        Self {
            outbox,
            minutes: Vec::new(),
            last_seq: 0,
            last_minute: None,
            total,
            unfinished: 0,
            mark: 0,
            kept_mark: 0,
        }
    }

    /// What was counted in a minute by the publisher's clock; the minute that is finished by it. One that is not
    /// later than the last makes that one longer, unless minutes may come `twice`.
    pub(super) fn count(
        &mut self,
        minute: Minute,
        (watched_s, pulses): (u8, u32),
        twice: bool,
    ) -> Option<PulseCount> {
        if self.last_minute.is_some_and(|last| minute <= last) && !twice {
            self.unfinished += pulses;
            return None;
        }
        let pulses = pulses + std::mem::take(&mut self.unfinished);
        self.last_seq += 1;
        self.last_minute = Some(minute);
        self.total += u64::from(pulses);
        self.kept_mark = self.mark;
        let count = PulseCount { minute, watched_s, seq: self.last_seq, pulses, total: self.total };
        self.minutes.push(count);
        Some(count)
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

    /// Old minutes make room up to the mark, or up to `to`; the newest stays. Returns those that are gone.
    pub(super) fn prune(&mut self, to: u64) -> Vec<PulseCount> {
        let keep_from = self.last_seq.min(to);
        self.keep(|count| count.seq >= keep_from)
    }

    /// Only some of its minutes stay. Returns those that are gone.
    pub(super) fn keep(&mut self, stays: impl Fn(&PulseCount) -> bool) -> Vec<PulseCount> {
        let (kept, gone) = std::mem::take(&mut self.minutes).into_iter().partition(stays);
        self.minutes = kept;
        gone
    }

    /// Whether a mark shows that this is an old copy of its outbox.
    pub(super) fn judge(&self, mark: &Mark, has_room: bool) -> Verdict {
        let row = self.minutes.iter().find(|count| count.seq == mark.seq);
        judge(mark, row, self.last_seq, has_room)
    }

    /// All that it holds goes on in a new outbox.
    pub(super) fn begin_anew(&mut self, outbox: OutboxId) {
        self.outbox = outbox;
        for (seq, count) in (1..).zip(&mut self.minutes) {
            count.seq = seq;
        }
        self.last_seq = self.minutes.len() as u64;
        (self.mark, self.kept_mark) = (0, 0);
    }
}
