//! Pieces of a meter's record, as they are read.

use std::ops::Range;

use meter_messages::Minute;

use crate::OutboxMinute;
use crate::sum::Counted;

/// A minute. If two outboxes have it, their pulses are added; if it is corrected, they are what the correction says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedMinute {
    /// The minute.
    pub minute: Minute,
    /// Pulses that fell in it.
    pub pulses: u32,
    /// How many of its seconds the line was watched, at most 60.
    pub watched_s: u8,
    /// The meter's total at its end, as it was counted; of a minute that a correction has replaced, the total before
    /// the correction.
    pub total: u64,
}

impl RecordedMinute {
    /// What several outboxes say of the same minute; `None` if there are none.
    pub(crate) fn of_all(rows: &[OutboxMinute]) -> Option<Self> {
        rows.iter().map(Self::of).reduce(merged)
    }

    pub(crate) fn of(row: &OutboxMinute) -> Self {
        let OutboxMinute { minute, pulses, watched_s, total, .. } = *row;
        Self { minute: Minute::nearest(minute), pulses, watched_s, total }
    }

    /// Itself, in minutes since 1970.
    fn span(&self) -> Range<i64> {
        let minute = self.minute.epoch_minutes();
        minute..minute + 1
    }

    pub(crate) fn counted(&self) -> Counted {
        let pulses = self.pulses.into();
        Counted { pulses, minutes: 1, watched_s: self.watched_s.into(), least: pulses, most: pulses }
    }
}

/// A piece of a meter's record.
pub(crate) enum Stretch {
    /// A day of UTC, or a quarter of an hour, of which nothing is corrected: its minutes since 1970, and its sum.
    Sum(Range<i64>, Counted),
    /// A minute.
    Minute(RecordedMinute),
}

impl Stretch {
    /// Its minutes since 1970, and what was counted in them.
    pub(crate) fn counted(self) -> (Range<i64>, Counted) {
        match self {
            Self::Sum(minutes, sum) => (minutes, sum),
            Self::Minute(minute) => (minute.span(), minute.counted()),
        }
    }
}

/// What two outboxes say of the same minute.
pub(crate) fn merged(one: RecordedMinute, other: RecordedMinute) -> RecordedMinute {
    RecordedMinute {
        minute: one.minute,
        pulses: one.pulses.saturating_add(other.pulses),
        watched_s: (one.watched_s + other.watched_s).min(60),
        total: one.total.max(other.total),
    }
}
