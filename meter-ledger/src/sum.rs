//! Sums between two minutes.

use std::ops::Range;

use meter_messages::MeterConstant;

use crate::OutboxMinute;

/// The sum between two minutes. Pulses are kept apart by meter constant: a
/// meter that was replaced has more than one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sum {
    /// Pulses.
    pub pulses: u64,
    /// Minutes that were recorded.
    pub minutes: u64,
    /// Seconds during which the line was watched.
    pub watched_s: u64,
    shares: Vec<(MeterConstant, u64)>,
    highest_rate: f64,
}

/// Minutes under one constant, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    pub(crate) pulses: u64,
    pub(crate) minutes: u64,
    pub(crate) watched_s: u64,
    /// The fewest pulses in one minute.
    pub(crate) least: u64,
    /// The most pulses in one minute.
    pub(crate) most: u64,
}

impl Counted {
    /// Whether each second of these minutes was watched.
    pub(crate) fn is_watched_throughout(&self, minutes: &Range<i64>) -> bool {
        i64::try_from(self.watched_s) == Ok(60 * (minutes.end - minutes.start))
    }

    /// Adds two sums.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let least = match (self.minutes, other.minutes) {
            (0, _) => other.least,
            (_, 0) => self.least,
            _ => self.least.min(other.least),
        };
        Self {
            pulses: self.pulses + other.pulses,
            minutes: self.minutes + other.minutes,
            watched_s: self.watched_s + other.watched_s,
            least,
            most: self.most.max(other.most),
        }
    }
}

/// Minutes of outboxes, in order, added up: one that several share is one minute.
pub(crate) fn shared_minutes(rows: &[OutboxMinute]) -> Counted {
    let minutes = rows.chunk_by(|one, next| one.minute == next.minute).map(shared);
    minutes.fold(Counted::default(), |sum, minute| sum.and(&minute))
}

/// One minute of several outboxes.
fn shared(rows: &[OutboxMinute]) -> Counted {
    let pulses = rows.iter().map(|row| u64::from(row.pulses)).sum();
    let watched_s = rows.iter().map(|row| u64::from(row.watched_s)).sum::<u64>().min(60);
    Counted { pulses, minutes: 1, watched_s, least: pulses, most: pulses }
}

impl Sum {
    /// The energy in kWh, or the volume in m³; `None` where nobody watched, which is not the same as zero.
    pub fn quantity(&self) -> Option<f64> {
        self.is_known().then(|| self.counted())
    }

    /// The energy in kWh, or the volume in m³, that was counted, to be added to others: 0 where nobody watched.
    pub fn counted(&self) -> f64 {
        // Not `sum()`, which is -0 where there is nothing to add.
        self.shares.iter().fold(0.0, |all, (constant, pulses)| all + constant.quantity(*pulses))
    }

    /// Whether anything is known of that time. Pulses may have been counted although nobody can say how long the
    /// line was watched.
    pub fn is_known(&self) -> bool {
        self.watched_s > 0 || self.pulses > 0
    }

    /// The mean power of the watched time in W, or flow in l/h; `None` where nobody watched.
    pub fn mean_rate(&self) -> Option<f64> {
        (self.watched_s > 0).then(|| self.counted() * 3_600_000.0 / self.watched_s as f64)
    }

    /// The mean power of the peak minute in W, or flow in l/h; `None` where nobody watched.
    pub fn highest_rate(&self) -> Option<f64> {
        self.is_known().then_some(self.highest_rate)
    }

    /// The pulses under each meter constant.
    pub fn shares(&self) -> impl Iterator<Item = (MeterConstant, u64)> {
        self.shares.iter().copied()
    }

    /// Adds two sums.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.minutes += other.minutes;
        both.watched_s += other.watched_s;
        both.highest_rate = both.highest_rate.max(other.highest_rate);
        other.shares.iter().for_each(|(constant, pulses)| both.count(*constant, *pulses));
        both
    }

    pub(crate) fn add(&mut self, constant: MeterConstant, counted: Counted) {
        self.minutes += counted.minutes;
        self.watched_s += counted.watched_s;
        self.highest_rate = self.highest_rate.max(constant.rate(counted.most, 60.0));
        self.count(constant, counted.pulses);
    }

    fn count(&mut self, constant: MeterConstant, pulses: u64) {
        self.pulses += pulses;
        match self.shares.binary_search_by_key(&constant, |(known, _)| *known) {
            Ok(at) => self.shares[at].1 += pulses,
            Err(_) if pulses == 0 => {}
            Err(at) => self.shares.insert(at, (constant, pulses)),
        }
    }
}
