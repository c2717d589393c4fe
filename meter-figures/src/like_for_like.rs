//! Two periods compared by what was watched in both of them. Pure.

use std::ops::Range;

use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Minute, PeriodKind};

use crate::hours::nearly_all_watched;
use crate::period::{Period, pieces};

/// Minutes of a piece of an hour.
const PIECE_OF_HOUR: usize = 5;

/// A period up to some minute, and another one, in pieces that the clock shows alike: days of a year, hours of
/// anything shorter, five minutes of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideBySide {
    /// Where the pieces of the one begin, and where the last ends.
    pub this: Vec<Minute>,
    /// The same of the other. A piece that one of them has not got has no length there.
    pub other: Vec<Minute>,
}

impl SideBySide {
    /// The pieces of `this` that have begun by `until`.
    pub fn new(this: &Period, other: &Period, until: Minute, zone: &TimeZone) -> Self {
        let end = until.clamp(this.span.start, this.span.end);
        let mut both = Self { this: vec![this.span.start], other: vec![other.span.start] };
        for edge in edges(this, end, zone) {
            let there = other.by_the_time_of(this, edge, zone).end;
            // Where one of the clocks was set, a piece may end in the middle of an hour there.
            if this.kind == PeriodKind::Hour || is_edge(there, zone) {
                both.push(edge, there);
            }
        }
        if this.span.start < end {
            both.push(end, other.by_the_time_of(this, end, zone).end);
        }
        both
    }

    fn push(&mut self, this: Minute, other: Minute) {
        let before = self.other.last().copied().unwrap_or(other);
        self.this.push(this);
        // On a leap day the clock shows what it shows again a day later.
        self.other.push(other.max(before));
    }

    /// What both used where both were watched; `None` where that is nowhere. `sums` are those of the pieces.
    pub fn compared(&self, sums: (&[Sum], &[Sum])) -> Option<LikeForLike> {
        self.running(sums).pop().filter(|compared| compared.pieces > 0)
    }

    /// The same by the end of each piece, from the first on.
    pub fn running(&self, sums: (&[Sum], &[Sum])) -> Vec<LikeForLike> {
        let spans = |edges: &[Minute]| edges.windows(2).map(|two| two[0]..two[1]).collect::<Vec<_>>();
        let (this, other) = (spans(&self.this), spans(&self.other));
        let pieces = this.iter().zip(sums.0).zip(other.iter().zip(sums.1));
        let running = pieces.scan(LikeForLike::default(), |so_far, (this, other)| {
            so_far.add(this, other);
            Some(*so_far)
        });
        running.collect()
    }
}

/// The edges of pieces between the beginning of a period and a minute of it.
fn edges(period: &Period, end: Minute, zone: &TimeZone) -> Vec<Minute> {
    let start = period.span.start;
    let kind = match period.kind {
        PeriodKind::Hour => {
            let minutes = start.epoch_minutes()..end.epoch_minutes();
            return minutes.step_by(PIECE_OF_HOUR).skip(1).map(Minute::nearest).collect();
        }
        PeriodKind::Day | PeriodKind::Week | PeriodKind::Month => PeriodKind::Hour,
        PeriodKind::Year => PeriodKind::Day,
    };
    pieces(kind, &(start..end), zone).iter().map(|piece| piece.span.start).skip(1).collect()
}

fn is_edge(at: Minute, zone: &TimeZone) -> bool {
    Period::containing(PeriodKind::Hour, at, zone).span.start == at
}

/// What two periods used in those pieces that were watched in both.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LikeForLike {
    /// The energy or volume of the one.
    pub this: f64,
    /// That of the other.
    pub other: f64,
    /// How many pieces were watched in both.
    pub pieces: usize,
    /// Of so many.
    pub of: usize,
}

impl LikeForLike {
    fn add(&mut self, (this, sum): (&Range<Minute>, &Sum), (other, other_sum): (&Range<Minute>, &Sum)) {
        let counts = usize::from(!this.is_empty() && !other.is_empty());
        self.of += counts;
        if nearly_all_watched(this, sum) && nearly_all_watched(other, other_sum) {
            self.pieces += counts;
            self.this += sum.counted();
            self.other += other_sum.counted();
        }
    }

    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.pieces == self.of
    }

    /// By how many percent the one is above the other; `None` where the other used nothing.
    pub fn percent(&self) -> Option<f64> {
        (self.other > 0.0).then(|| (self.this / self.other - 1.0) * 100.0)
    }
}
