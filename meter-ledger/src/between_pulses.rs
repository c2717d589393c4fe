//! Power or flow between pulses: what is known of it where pulses are rare. Pure.
//!
//! A pulse says that its quantity has flowed since the pulse before it, so that is the time over which it is spread,
//! as for the live value. Where it is not known when in its minute it came, pulses are taken as spread evenly over the
//! time that was watched of it. Nothing is spread over a time that nobody watched, nor from one meter to the one
//! that replaced it. At such an end, and after the newest pulse, only a bound is known: the power was not more than a
//! pulse in the time without one. It is taken as that of the next interval that is known, or as the bound if that is
//! lower.

use std::ops::Range;

use meter_messages::{MeterConstant, Minute, PulseTimes};

use crate::stretch::RecordedMinute;

const MINUTE_MS: i64 = Minute::SECONDS * 1000;

/// Power or flow of a minute, as far as it was watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MinuteRate {
    /// The minute, in minutes since 1970.
    pub(crate) minute: i64,
    /// Mean power in W, or flow in l/h.
    pub(crate) rate: f64,
    /// How much of it was watched, in ms.
    pub(crate) watched_ms: i64,
}

/// Takes minutes, in order, and tells the power between their pulses minute by minute: of each minute once the pulse
/// is known that follows it.
#[derive(Debug, Default)]
pub(crate) struct BetweenPulses {
    /// The newest minute, in minutes since 1970.
    newest: Option<i64>,
    chain: Option<Chain>,
    minute: MinuteSoFar,
}

impl BetweenPulses {
    /// Takes the next minute, with the times of its pulses if they are known; tells `each` of those minutes that are
    /// known by it.
    pub(crate) fn take(
        &mut self,
        (minute, times): (&RecordedMinute, Option<PulseTimes>),
        constant: MeterConstant,
        each: &mut impl FnMut(MinuteRate),
    ) {
        let at = minute.minute.epoch_minutes();
        let watched = watched(minute, self.newest.replace(at) == Some(at - 1));
        let Self { chain, minute: so_far, .. } = self;
        let mut spread = |time, rate| so_far.add(time, rate, each);
        let goes_on = |chain: &Chain| chain.watched.end == watched.start && chain.constant == constant;
        if let Some(over) = chain.take_if(|chain| !goes_on(chain)) {
            over.end(&mut spread);
        }
        if watched.is_empty() {
            return;
        }
        let chain = chain.get_or_insert_with(|| Chain::begin(watched.start, constant));
        chain.watched.end = watched.end;
        if minute.pulses > 0 {
            let [first, last] = first_and_last(minute, times, &watched);
            chain.reach(first, 1, &mut spread);
            chain.reach(last, minute.pulses - 1, &mut spread);
        }
    }

    /// Tells `each` of what is left, once there are no more minutes.
    pub(crate) fn end(self, each: &mut impl FnMut(MinuteRate)) {
        let Self { chain, mut minute, .. } = self;
        if let Some(chain) = chain {
            chain.end(&mut |time, rate| minute.add(time, rate, each));
        }
        minute.tell(each);
    }
}

/// The part of a minute that was watched, in ms since 1970: its end if the minute before is not recorded, so that
/// watching has begun in it, else its beginning.
fn watched(minute: &RecordedMinute, follows: bool) -> Range<i64> {
    let (start, length) = (minute.minute.start() * 1000, i64::from(minute.watched_s) * 1000);
    if follows { start..start + length } else { start + MINUTE_MS - length..start + MINUTE_MS }
}

/// When the first and the last pulse of a minute came, in ms since 1970.
fn first_and_last(minute: &RecordedMinute, times: Option<PulseTimes>, watched: &Range<i64>) -> [i64; 2] {
    let start = minute.minute.start() * 1000;
    let known = times.map(|times| [times.first_ms(), times.last_ms()].map(|ms| start + i64::from(ms)));
    // Where it was watched in part, it may be another part than is taken for it.
    known.filter(|times| times.iter().all(|at| watched.contains(at))).unwrap_or_else(|| {
        let half = (watched.end - watched.start) / (2 * i64::from(minute.pulses));
        [watched.start + half, watched.end - half]
    })
}

/// A time that was watched without a break; all times in ms since 1970.
#[derive(Debug)]
struct Chain {
    constant: MeterConstant,
    watched: Range<i64>,
    /// The newest pulse.
    last: Option<i64>,
    /// The power before it; not known before two pulses.
    rate: Option<f64>,
    /// Pulses that came in the same moment as the newest one.
    at_once: u32,
}

impl Chain {
    fn begin(at: i64, constant: MeterConstant) -> Self {
        Self { constant, watched: at..at, last: None, rate: None, at_once: 0 }
    }

    /// More pulses have come, the last of them at `at`.
    fn reach(&mut self, at: i64, pulses: u32, spread: &mut impl FnMut(Range<i64>, f64)) {
        let Some(last) = self.last else {
            self.last = Some(at);
            return;
        };
        self.at_once = self.at_once.saturating_add(pulses);
        if self.at_once == 0 || at <= last {
            return;
        }
        let rate = self.rate_of(self.at_once, last..at);
        if self.rate.is_none() {
            let before = self.watched.start..last;
            spread(before.clone(), rate.min(self.rate_of(1, before)));
        }
        spread(last..at, rate);
        (self.last, self.rate, self.at_once) = (Some(at), Some(rate), 0);
    }

    /// Nobody watched after it, or it is now.
    fn end(self, spread: &mut impl FnMut(Range<i64>, f64)) {
        match (self.last, self.rate) {
            (None, _) => spread(self.watched, 0.0),
            (Some(_), None) => {
                let rate = self.rate_of(1 + self.at_once, self.watched.clone());
                spread(self.watched, rate);
            }
            (Some(last), Some(rate)) => {
                let after = last..self.watched.end;
                spread(after.clone(), rate.min(self.rate_of(1, after)));
            }
        }
    }

    /// So many pulses in a time; of none it is not asked.
    fn rate_of(&self, pulses: u32, time: Range<i64>) -> f64 {
        self.constant.rate(pulses.into(), (time.end - time.start) as f64 / 1000.0)
    }
}

/// The mean of a minute, as far as it is known.
#[derive(Debug, Default)]
struct MinuteSoFar {
    minute: i64,
    /// Power times ms.
    sum: f64,
    watched_ms: i64,
}

impl MinuteSoFar {
    fn add(&mut self, time: Range<i64>, rate: f64, each: &mut impl FnMut(MinuteRate)) {
        let mut at = time.start;
        while at < time.end {
            let minute = at.div_euclid(MINUTE_MS);
            if minute != self.minute {
                self.tell(each);
                self.minute = minute;
            }
            let end = time.end.min((minute + 1) * MINUTE_MS);
            self.sum += rate * (end - at) as f64;
            self.watched_ms += end - at;
            at = end;
        }
    }

    fn tell(&mut self, each: &mut impl FnMut(MinuteRate)) {
        let Self { minute, sum, watched_ms } = std::mem::take(self);
        if watched_ms > 0 {
            each(MinuteRate { minute, rate: sum / watched_ms as f64, watched_ms });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-24T17:00Z.
    const FIRST: i64 = 29_925_660;

    fn constant(per_unit: u64) -> MeterConstant {
        per_unit.try_into().unwrap()
    }

    fn minute(at: i64, pulses: u32, watched_s: u8) -> RecordedMinute {
        RecordedMinute { minute: Minute::nearest(FIRST + at), pulses, watched_s, total: 0 }
    }

    /// The power of minutes under one constant, each by its number.
    fn rates(minutes: &[RecordedMinute], constant: MeterConstant) -> Vec<(i64, f64, i64)> {
        let mut found = Vec::new();
        let mut each = |rate: MinuteRate| found.push((rate.minute - FIRST, rate.rate, rate.watched_ms));
        let mut between = BetweenPulses::default();
        minutes.iter().for_each(|minute| between.take((minute, None), constant, &mut each));
        between.end(&mut each);
        found
    }

    /// Minutes of a meter with a pulse each so many ms, the first after some.
    fn constant_power(first_ms: i64, apart_ms: i64, minutes: i64) -> Vec<RecordedMinute> {
        let pulses_before = |ms: i64| if ms <= first_ms { 0 } else { (ms - first_ms - 1) / apart_ms + 1 };
        let pulses = |at: i64| (pulses_before((at + 1) * MINUTE_MS) - pulses_before(at * MINUTE_MS)) as u32;
        (0..minutes).map(|at| minute(at, pulses(at), 60)).collect()
    }

    #[test]
    fn a_ferraris_meter_with_200_w_shows_200_w() {
        let minutes = constant_power(30_000, 240_000, 60);
        assert_eq!(minutes.iter().filter(|minute| minute.pulses == 1).count(), 15);
        for (at, rate, watched_ms) in rates(&minutes, constant(75)) {
            assert!((rate - 200.0).abs() < 1e-9 && watched_ms == MINUTE_MS, "minute {at}: {rate} W");
        }
    }

    #[test]
    fn after_the_newest_pulse_and_before_the_first_one_only_a_bound_is_known() {
        let minutes: Vec<_> = (0..40).map(|at| minute(at, u32::from(at == 10 || at == 14), 60)).collect();
        let rate = |at: usize| rates(&minutes, constant(75))[at].1.round();
        // A pulse in 4 minutes are 200 W. In 10.5 minutes there was none, and then in 25.5.
        assert_eq!([rate(0), rate(9), rate(11), rate(13)], [76.0, 76.0, 200.0, 200.0]);
        assert_eq!([rate(15), rate(39)], [31.0, 31.0]);
    }

    #[test]
    fn one_pulse_is_spread_over_all_that_was_watched_and_none_is_none() {
        let one: Vec<_> = (0..8).map(|at| minute(at, u32::from(at == 1), 60)).collect();
        assert!(rates(&one, constant(75)).iter().all(|(_, rate, _)| (rate - 100.0).abs() < 1e-9));
        let none: Vec<_> = (0..8).map(|at| minute(at, 0, 60)).collect();
        assert_eq!(rates(&none, constant(75)), (0..8).map(|at| (at, 0.0, MINUTE_MS)).collect::<Vec<_>>());
    }

    /// Any minutes, some of them missing or watched in part.
    fn minutes() -> impl Strategy<Value = Vec<RecordedMinute>> {
        let pulses = prop_oneof![6 => Just(0u32), 3 => Just(1), 1 => 2u32..80];
        let watched_s = prop_oneof![20 => Just(60u8), 1 => 0u8..60];
        let of_minute = (proptest::bool::weighted(0.97), pulses, watched_s);
        let all = proptest::collection::vec(of_minute, 1..300).prop_map(|minutes| {
            let all = (0..).zip(minutes).filter(|(_, (is_recorded, ..))| *is_recorded);
            all.map(|(at, (_, pulses, watched_s))| minute(at, pulses, watched_s)).collect()
        });
        all.prop_filter("nothing is recorded", |all: &Vec<_>| !all.is_empty())
    }

    proptest! {
        /// Power is known to a pulse a minute, and better the longer pulses are apart: 60 s of the time between them.
        #[test]
        fn constant_power_is_constant(
            per_unit in 1u64..=10_000,
            apart_ms in prop_oneof![100i64..60_000, 60_000i64..3_600_000],
            first in 0.0..1.0,
        ) {
            let minutes = constant_power((first * apart_ms as f64) as i64, apart_ms, 600);
            let of = |seconds: f64| constant(per_unit).rate(1, seconds);
            let (seconds, power) = (apart_ms as f64 / 1000.0, of(apart_ms as f64 / 1000.0));
            let (most, least) = match seconds < 120.0 {
                true => (power + of(60.0), power - of(60.0)),
                false => (of(seconds - 60.0), of(seconds + 60.0)),
            };
            let with_pulse = || (0..).zip(&minutes).filter(|(_, minute)| minute.pulses > 0).map(|(at, _)| at);
            let inner = with_pulse().next().unwrap()..with_pulse().last().unwrap();
            for (at, rate, _) in rates(&minutes, constant(per_unit)) {
                prop_assert!(rate <= most + 1e-6, "minute {at}: {rate} W instead of {power} W");
                prop_assert!(!inner.contains(&at) || at == inner.start || rate >= least - 1e-6,
                    "minute {at}: {rate} W instead of {power} W");
            }
        }

        /// Where pulses are few and it is known when they came, power is known to the millisecond.
        #[test]
        fn constant_power_is_exact_with_times(
            per_unit in 1u64..=10_000,
            apart_ms in prop_oneof![20_000i64..60_000, 60_000i64..3_600_000],
            first in 0.0..1.0,
        ) {
            let first_ms = (first * apart_ms as f64) as i64;
            let minutes = constant_power(first_ms, apart_ms, 600);
            let times = |at: i64, minute: &RecordedMinute| {
                let pulse = (at * MINUTE_MS - first_ms + apart_ms - 1).div_euclid(apart_ms).max(0);
                let of_pulse = |pulse: i64| (first_ms + pulse * apart_ms - at * MINUTE_MS) as u32;
                let last = pulse + i64::from(minute.pulses) - 1;
                PulseTimes::new(minute.pulses, of_pulse(pulse), of_pulse(last))
            };
            let power = constant(per_unit).rate(1, apart_ms as f64 / 1000.0);
            let mut found = Vec::new();
            let mut each = |rate: MinuteRate| found.push(rate.rate);
            let mut between = BetweenPulses::default();
            for (at, minute) in (0..).zip(&minutes) {
                let times = (minute.pulses > 0).then(|| times(at, minute));
                prop_assert!(times.is_none_or(|times| times.is_some()));
                between.take((minute, times.flatten()), constant(per_unit), &mut each);
            }
            between.end(&mut each);
            let last = minutes.iter().rposition(|minute| minute.pulses > 0).unwrap();
            for (at, rate) in found.iter().enumerate() {
                prop_assert!(rate / power < 1.0 + 1e-9, "minute {at}: {rate} W instead of {power} W");
                prop_assert!(at >= last || rate / power > 1.0 - 1e-9,
                    "minute {at}: {rate} W instead of {power} W");
            }
        }

        /// Between the first and the last pulse of a time without a break, all that was counted is there, and no more;
        /// before and after it, not more than a pulse.
        #[test]
        fn what_was_counted_is_spread_and_nothing_else(minutes in minutes()) {
            let mut parts: Vec<(Range<i64>, f64)> = Vec::new();
            let mut chain = Chain::begin(minutes[0].minute.start() * 1000, constant(1000));
            let mut pulses = Vec::new();
            for (at, minute) in (0..).zip(&minutes) {
                let start = chain.watched.start + at * MINUTE_MS;
                chain.watched.end = start + MINUTE_MS;
                if minute.pulses > 0 {
                    let places = [start + 100, start + 50_000];
                    chain.reach(places[0], 1, &mut |time, rate| parts.push((time, rate)));
                    chain.reach(places[1], minute.pulses - 1, &mut |time, rate| parts.push((time, rate)));
                    pulses.extend([(places[0], 1), (places[1], minute.pulses - 1)]);
                }
            }
            pulses.retain(|(_, pulses)| *pulses > 0);
            let watched = chain.watched.clone();
            chain.end(&mut |time, rate| parts.push((time, rate)));
            parts.retain(|(time, _)| !time.is_empty());
            prop_assert!(parts.windows(2).all(|two| two[0].0.end == two[1].0.start));
            prop_assert_eq!(&(parts[0].0.start..parts[parts.len() - 1].0.end), &watched);
            let spread = |within: Range<i64>| -> f64 {
                let inside = parts.iter().filter(|(time, _)| within.start <= time.start && time.end <= within.end);
                inside.map(|(time, rate)| rate * (time.end - time.start) as f64 / 3.6e6).sum()
            };
            if let (Some((first, of_first)), Some((last, _))) = (pulses.first(), pulses.last()) {
                let counted: u32 = pulses.iter().map(|(_, pulses)| pulses).sum();
                if counted > *of_first {
                    prop_assert!((spread(*first..*last) - f64::from(counted - 1)).abs() < 1e-6);
                    prop_assert!(spread(watched.start..*first) <= 1.0 + 1e-9);
                    prop_assert!(spread(*last..watched.end) <= 1.0 + 1e-9);
                } else {
                    prop_assert!((spread(watched) - 1.0).abs() < 1e-9);
                }
            }
        }

        /// All that was watched has a power, and what was not has none; nothing of it depends on what was before or
        /// after a gap, or of the meter that was replaced.
        #[test]
        fn a_gap_breaks_it(before in minutes(), after in minutes(), gap in 1i64..100) {
            let end = before[before.len() - 1].minute.epoch_minutes() + 1 + gap;
            let moved = |minute: &RecordedMinute| {
                let minutes = minute.minute.epoch_minutes() - after[0].minute.epoch_minutes() + end;
                RecordedMinute { minute: Minute::nearest(minutes), ..*minute }
            };
            let after: Vec<_> = after.iter().map(moved).collect();
            let both = rates(&[&before[..], &after].concat(), constant(1000));
            let apart = [rates(&before, constant(1000)), rates(&after, constant(1000))].concat();
            prop_assert_eq!(&both, &apart);
            let watched: Vec<_> = before.iter().chain(&after).filter(|minute| minute.watched_s > 0)
                .map(|it| (it.minute.epoch_minutes() - FIRST, i64::from(it.watched_s) * 1000)).collect();
            prop_assert_eq!(both.iter().map(|(at, _, ms)| (*at, *ms)).collect::<Vec<_>>(), watched);
        }
    }

    #[test]
    fn a_meter_that_is_replaced_takes_nothing_from_the_one_before() {
        let (mut found, mut between) = (Vec::new(), BetweenPulses::default());
        let mut each = |rate: MinuteRate| found.push(rate.rate.round());
        for at in 0..40 {
            let constant = constant(if at < 20 { 75 } else { 150 });
            between.take((&minute(at, u32::from(at % 4 == 1), 60), None), constant, &mut each);
        }
        between.end(&mut each);
        assert_eq!(found, [[200.0; 20], [100.0; 20]].concat());
    }
}
