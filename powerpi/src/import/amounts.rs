//! From readings of another system to times of which the quantity is known. Pure.
//!
//! A time gets as short as the readings allow and no shorter: where they are dense, minutes; where one is an hour after the
//! other, an hour. So a cut is made at each whole minute that lies between two readings up to 90 seconds apart, the
//! quantity between them being spread evenly, and otherwise at the whole minute nearest to a reading.

use anyhow::bail;
use meter_messages::Minute;

/// So many readings are held at most: 40 years of minutes, and 320 MB.
const MOST: usize = 20_000_000;

/// Readings up to so many ms apart are dense.
const DENSE_MS: i64 = 90_000;

const MINUTE_MS: i64 = 60_000;

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A total at a time.
    Total,
    /// A quantity since the reading before.
    Since,
    /// A quantity from a time on, until the next.
    From,
    /// A rate since the reading before.
    RateSince,
    /// A rate from a time on, until the next.
    RateFrom,
}

/// Readings, as they come.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// In ms since 1970; `NaN` where there is none.
    all: Vec<(i64, f64)>,
}

impl Readings {
    /// Adds one.
    ///
    /// # Errors
    /// If there are too many.
    pub(super) fn add(&mut self, at_ms: i64, value: f64) -> anyhow::Result<()> {
        if self.all.len() >= MOST {
            bail!("these are more than {MOST} readings; import them in parts, with --from and --to");
        }
        self.all.push((at_ms, value));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Only those of a span of ms since 1970.
    pub(super) fn keep(&mut self, span: std::ops::Range<i64>) {
        self.all.retain(|(at, _)| span.contains(at));
    }

    /// In the order of time; of two of the same time the first.
    pub(super) fn sort(&mut self) {
        if !self.all.is_sorted_by_key(|(at, _)| *at) {
            self.all.sort_by_key(|(at, _)| *at);
        }
        self.all.dedup_by_key(|(at, _)| *at);
    }

    /// The time between most readings, in ms: that of the middle of the first ones.
    fn usual_ms(&self) -> i64 {
        let mut apart: Vec<i64> = self.all.windows(2).take(10_000).map(|two| two[1].0 - two[0].0).collect();
        apart.sort_unstable();
        apart.get(apart.len() / 2).copied().unwrap_or(MINUTE_MS)
    }

    /// Times with their quantities in kWh or m³, if one in the readings is `unit` of them; `reports` counts what is left
    /// out.
    pub(super) fn stretches<'a>(
        &'a self,
        meaning: Meaning,
        unit: f64,
        left_out: &'a mut LeftOut,
    ) -> impl Iterator<Item = Stretch> + 'a {
        let usual = self.usual_ms();
        let usual_or = move |apart: i64| if apart <= 3 * usual { apart } else { usual };
        // The first one has none before it, the last one none after it.
        let ends = |at: usize| {
            let this = self.all.get(at)?;
            Some((at.checked_sub(1).and_then(|before| self.all.get(before)), this, self.all.get(at + 1)))
        };
        (0..self.all.len()).filter_map(ends).filter_map(move |(before, &(at, value), after)| {
            let since = |apart: i64| (at - apart, at);
            let until = |apart: i64| (at, at + apart);
            let to_next = || after.map_or(usual, |(next, _)| usual_or(next - at));
            let ((from, to), quantity) = match meaning {
                Meaning::Total => {
                    let (then, total) = *before?;
                    if value < total {
                        left_out.falls += 1;
                        return None;
                    }
                    (since(at - then), (value - total) * unit)
                }
                Meaning::Since => (since(at - before?.0), value * unit),
                Meaning::From => (until(to_next()), value * unit),
                Meaning::RateSince => {
                    let apart = before.map_or(usual, |(then, _)| usual_or(at - then));
                    (since(apart), value * unit * apart as f64 / 3.6e6)
                }
                Meaning::RateFrom => {
                    let apart = to_next();
                    (until(apart), value * unit * apart as f64 / 3.6e6)
                }
            };
            if quantity.is_nan() {
                left_out.without += 1;
                return None;
            }
            if quantity < 0.0 {
                left_out.negative += 1;
                return None;
            }
            (from < to).then_some(Stretch { from, to, quantity })
        })
    }
}

/// What could not be taken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Totals that are lower than the one before.
    pub(super) falls: u64,
    /// Quantities below zero.
    pub(super) negative: u64,
    /// Readings without a number.
    pub(super) without: u64,
}

/// A time in ms since 1970, and how much there was in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) quantity: f64,
}

/// A time of whole minutes, and how much there was in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Amount {
    /// The first minute, since 1970.
    pub(super) from: i64,
    pub(super) minutes: i64,
    /// Of a single minute, how much of it is known.
    pub(super) watched_ms: i64,
    /// In kWh or m³.
    pub(super) quantity: f64,
}

/// Cuts stretches, which ascend, at whole minutes.
#[derive(Debug, Default)]
pub(super) struct Cutting {
    open: Option<Open>,
}

/// What is not cut off yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// From where, and up to where.
    from: i64,
    to: i64,
    quantity: f64,
    /// How much of it is known.
    known: i64,
}

impl Cutting {
    /// Takes the next one; tells `each` of what is cut off. One that overlaps the one before counts from its end.
    pub(super) fn take(&mut self, stretch: Stretch, each: &mut impl FnMut(Amount)) {
        let is_dense = stretch.to - stretch.from <= DENSE_MS;
        let nearest = |at: i64| (at + MINUTE_MS / 2).div_euclid(MINUTE_MS) * MINUTE_MS;
        let Stretch { mut from, mut to, mut quantity } = stretch;
        if !is_dense {
            (from, to) = (nearest(from), nearest(to));
        }
        let end = self.open.map_or(i64::MIN, |open| open.to);
        if to <= end {
            // Less than what rounding has taken, as a whole.
            if let Some(open) = &mut self.open {
                open.quantity += quantity;
            }
            return;
        }
        if from < end {
            from = end;
        }
        if !is_dense {
            // A minute of which a part is known already stays apart.
            let from = -(-from).div_euclid(MINUTE_MS) * MINUTE_MS;
            let open = self.open.take();
            if let (Some(open), true) = (open, from >= to) {
                self.open = Some(Open { quantity: open.quantity + quantity, ..open });
                return;
            }
            match open {
                Some(open) if open.known > 0 => tell(open, each),
                open => quantity += open.map_or(0.0, |open| open.quantity),
            }
            tell(Open { from, to, quantity, known: to - from }, each);
            self.open = Some(Open { from: to, to, quantity: 0.0, known: 0 });
            return;
        }
        while from < to {
            let minute_end = (from.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
            let part = minute_end.min(to);
            let share =
                if part == to { quantity } else { quantity * (part - from) as f64 / (to - from) as f64 };
            quantity -= share;
            self.add(Open { from, to: part, quantity: share, known: part - from }, each);
            from = part;
        }
    }

    /// Adds what lies within one minute.
    fn add(&mut self, part: Open, each: &mut impl FnMut(Amount)) {
        let minute = part.from.div_euclid(MINUTE_MS);
        match &mut self.open {
            Some(open) if open.from.div_euclid(MINUTE_MS) == minute => {
                open.quantity += part.quantity;
                open.known += part.known;
                open.to = part.to;
            }
            _ => {
                if let Some(over) = self.open.replace(part) {
                    tell(over, each);
                }
            }
        }
    }

    /// Tells what is left.
    pub(super) fn end(self, each: &mut impl FnMut(Amount)) {
        if let Some(open) = self.open {
            tell(open, each);
        }
    }
}

fn tell(open: Open, each: &mut impl FnMut(Amount)) {
    if open.known <= 0 && open.quantity == 0.0 {
        return;
    }
    let from = open.from.div_euclid(MINUTE_MS);
    let minutes = (open.to - from * MINUTE_MS + MINUTE_MS - 1).div_euclid(MINUTE_MS).max(1);
    let whole = minutes > 1 || open.known >= MINUTE_MS - 500;
    let watched_ms = if whole { MINUTE_MS } else { open.known.max(1000) };
    each(Amount { from, minutes, watched_ms, quantity: open.quantity });
}

/// Makes whole pulses of quantities: what is rounded off in one is made good in the next.
#[derive(Debug, Default)]
pub(super) struct Rounding {
    quantity: f64,
    pulses: u64,
}

impl Rounding {
    /// The pulses of a quantity, by so many pulses per kWh or m³.
    pub(super) fn pulses(&mut self, quantity: f64, constant: f64) -> u64 {
        self.quantity += quantity * constant;
        // Nearly a half is rounded up whatever the sum before it, as long as the numbers are exact.
        let until = (self.quantity + 1e-6).round().max(0.0) as u64;
        let pulses = until.saturating_sub(self.pulses);
        self.pulses = self.pulses.max(until);
        pulses
    }
}

/// Whether a minute since 1970 is one that the ledger can hold.
pub(super) fn minute(at: i64) -> Option<Minute> {
    Minute::from_epoch_minutes(at).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn amounts(readings: &[(i64, f64)], meaning: Meaning, unit: f64) -> (Vec<(i64, i64, i64, f64)>, LeftOut) {
        let mut all = Readings::default();
        readings.iter().for_each(|(at_s, value)| all.add(at_s * 1000, *value).unwrap());
        all.sort();
        let (mut left_out, mut cutting, mut found) = (LeftOut::default(), Cutting::default(), Vec::new());
        let mut each = |amount: Amount| {
            let Amount { from, minutes, watched_ms, quantity } = amount;
            found.push((from, minutes, watched_ms / 1000, (quantity * 1e6).round() / 1e6));
        };
        all.stretches(meaning, unit, &mut left_out).for_each(|stretch| cutting.take(stretch, &mut each));
        cutting.end(&mut each);
        (found, left_out)
    }

    #[test]
    fn dense_totals_become_minutes_and_sparse_ones_stay_what_they_are() {
        let every_ten = [(0, 0.0), (10, 1.0), (20, 2.0), (60, 6.0), (90, 9.0), (120, 12.0)];
        assert_eq!(amounts(&every_ten, Meaning::Total, 1.0).0, [(0, 1, 60, 6.0), (1, 1, 60, 6.0)]);
        // Three seconds late: spread over both minutes.
        let late = [(3, 0.0), (63, 60.0), (123, 120.0)];
        assert_eq!(
            amounts(&late, Meaning::Total, 1.0).0,
            [(0, 1, 57, 57.0), (1, 1, 60, 60.0), (2, 1, 3, 3.0)]
        );
        let hours = [(0, 5.0), (3600, 6.0), (7200, 8.5)];
        assert_eq!(amounts(&hours, Meaning::Total, 1.0).0, [(0, 60, 60, 1.0), (60, 60, 60, 2.5)]);
        // At the minute nearest to it.
        let quarters = [(2, 0.0), (899, 1.0), (1803, 3.0)];
        assert_eq!(amounts(&quarters, Meaning::Total, 1.0).0, [(0, 15, 60, 1.0), (15, 15, 60, 2.0)]);
    }

    #[test]
    fn nothing_is_lost_between_dense_and_sparse_times() {
        let mixed: Vec<(i64, f64)> = [0, 20, 47, 200, 555, 571, 590, 640, 1000, 1001, 1500, 1510]
            .iter()
            .map(|at| (*at, *at as f64))
            .collect();
        let (found, left_out) = amounts(&mixed, Meaning::Total, 1.0);
        let sum: f64 = found.iter().map(|(.., quantity)| quantity).sum();
        assert!((sum - 1510.0).abs() < 0.001, "{found:?}");
        assert!(found.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0), "{found:?}");
        assert_eq!(left_out, LeftOut::default());
    }

    /// A pulse shortly after a long time without one, and another long one.
    #[test]
    fn no_minute_is_told_twice() {
        let mut state = 7u64;
        let mut random = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        for _ in 0..200 {
            let mut at = 0;
            let readings: Vec<(i64, f64)> = (0..60)
                .map(|_| {
                    let most = [5, 40, 100, 600][random(4) as usize];
                    at += 1 + random(most) as i64;
                    (at, at as f64)
                })
                .collect();
            let (found, _) = amounts(&readings, Meaning::Total, 1.0);
            assert!(found.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0), "{readings:?}: {found:?}");
            let (sum, all) = (found.iter().map(|it| it.3).sum::<f64>(), readings[59].1 - readings[0].1);
            assert!((sum - all).abs() < 0.01, "{sum} of {all}: {readings:?}");
        }
    }

    #[test]
    fn rates_and_quantities_belong_to_the_time_before_or_after() {
        let watts = [(0, 600.0), (60, 1200.0), (120, 0.0)];
        let kwh = |meaning| amounts(&watts, meaning, 0.001).0;
        assert_eq!(kwh(Meaning::RateFrom), [(0, 1, 60, 0.01), (1, 1, 60, 0.02), (2, 1, 60, 0.0)]);
        assert_eq!(kwh(Meaning::RateSince), [(-1, 1, 60, 0.01), (0, 1, 60, 0.02), (1, 1, 60, 0.0)]);
        let hours = [(0, 1.0), (3600, 2.0)];
        assert_eq!(amounts(&hours, Meaning::From, 1.0).0, [(0, 60, 60, 1.0), (60, 60, 60, 2.0)]);
        assert_eq!(amounts(&hours, Meaning::Since, 1.0).0, [(0, 60, 60, 2.0)]);
        // Power that nobody read again for a day is not power of a day.
        let stale = [(0, 600.0), (60, 600.0), (120, 600.0), (86_400, 600.0), (86_460, 600.0)];
        assert_eq!(amounts(&stale, Meaning::RateFrom, 0.001).0.len(), 5);
    }

    #[test]
    fn what_cannot_be_is_left_out_and_told() {
        let odd = [(0, 10.0), (60, 11.0), (120, 3.0), (180, f64::NAN), (240, 4.0), (300, 5.0)];
        let (found, left_out) = amounts(&odd, Meaning::Total, 1.0);
        assert_eq!(found, [(0, 1, 60, 1.0), (4, 1, 60, 1.0)]);
        assert_eq!(left_out, LeftOut { falls: 1, negative: 0, without: 2 });
        assert_eq!(amounts(&[(0, -5.0), (60, 5.0)], Meaning::From, 1.0).1.negative, 1);
    }

    #[test]
    fn what_is_rounded_off_is_made_good() {
        let mut rounding = Rounding::default();
        let pulses: Vec<u64> = (0..6).map(|_| rounding.pulses(0.0025, 1000.0)).collect();
        assert_eq!((pulses.iter().sum::<u64>(), pulses.iter().max()), (15, Some(&3)));
    }
}
