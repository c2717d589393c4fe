#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::pulse_counter::{FinishedMinute, PulseCounter};
use crate::pulse_source::SourceTime;

/// 2026-10-02T12:34:00Z.
const START: i64 = 1_790_944_440 * SECOND;
const KWH: i64 = 1_000_000_000;
const WH: i64 = 1_000_000;
/// Of the plug in these tests, in W.
const MAX_RATE: u32 = 3500;

/// A counter, and the minutes that its totals become.
#[derive(Clone)]
struct Counted {
    counter: TotalCounter,
    minutes: PulseCounter,
    finished: Vec<FinishedMinute>,
}

impl Counted {
    fn new() -> Self {
        Self::of(Limits { max_rate: MAX_RATE, rolls_over_at: None })
    }

    /// A pulse a Wh.
    fn of(limits: Limits) -> Self {
        Self {
            counter: TotalCounter::new("plug".into(), 1_000_000_000, limits, None),
            minutes: PulseCounter::new(SourceTime(0), None, None),
            finished: Vec::new(),
        }
    }

    fn take(&mut self, at_s: i64, total: i64, retained: bool) -> Verdict {
        let reading = Reading { at_ns: START + at_s * SECOND, total, retained };
        let (verdict, bookings) = self.counter.take(reading);
        for Booking { span, pulses, watched } in bookings {
            self.finished.extend(self.minutes.spread(&span, pulses, watched.part()));
        }
        verdict
    }

    fn hear(&mut self, at_s: i64, total: i64) -> Verdict {
        self.take(at_s, total, false)
    }

    /// Goes on in another process from what is stored.
    fn restart(&mut self) {
        let stored = self.counter.state().cloned();
        self.counter = TotalCounter::new("plug".into(), 1_000_000_000, self.counter.limits.clone(), stored);
        let last = self.finished.last().map(|minute| minute.minute);
        self.minutes = PulseCounter::new(SourceTime(0), last, self.minutes.in_progress());
    }

    /// All that is counted, in Wh.
    fn counted(&self) -> u64 {
        let finished: u64 = self.finished.iter().map(|minute| u64::from(minute.pulses)).sum();
        finished
            + self.minutes.in_progress().map_or(0, |minute| u64::from(minute.pulses))
            + self.counter.state().map_or(0, |state| state.due)
    }

    /// The most of a minute, in Wh.
    fn most(&self) -> u32 {
        self.finished.iter().map(|minute| minute.pulses).max().unwrap_or(0)
    }
}

#[test]
fn what_was_used_before_the_first_total_is_not_ours() {
    let mut plug = Counted::new();
    assert_eq!(plug.take(0, 50 * KWH, true), Verdict::Doubtful, "kept by the broker since last year");
    assert_eq!(plug.hear(0, 100 * KWH), Verdict::Doubtful);
    assert_eq!(plug.hear(60, 100 * KWH + 20 * WH), Verdict::Begins);
    assert_eq!(plug.hear(120, 100 * KWH + 30 * WH), Verdict::GoesOn);
    assert_eq!(plug.counted(), 30);
    let brief: Vec<_> = plug.finished.iter().map(|minute| (minute.watched_s, minute.pulses)).collect();
    assert_eq!(brief, [(60, 20), (60, 10)]);
    // A first one that is wrong counts for nothing.
    let mut plug = Counted::new();
    for (at, total) in [(0, 0), (60, 100 * KWH), (120, 100 * KWH + 10 * WH)] {
        plug.hear(at, total);
    }
    assert_eq!(plug.counted(), 10);
}

/// A plug at 100 kWh.
fn at_100_kwh() -> Counted {
    let mut plug = Counted::new();
    plug.hear(0, 100 * KWH);
    plug.hear(60, 100 * KWH);
    plug
}

#[test]
fn a_bad_total_between_good_ones_is_none() {
    for bad in [0, 5 * WH, 99 * KWH, 101 * KWH, 9999 * KWH] {
        let mut plug = at_100_kwh();
        plug.hear(120, 100 * KWH + 10 * WH);
        assert_eq!(plug.hear(180, bad), Verdict::Doubtful, "{bad}");
        assert_eq!(plug.hear(240, 100 * KWH + 30 * WH), Verdict::GoesOn, "{bad}");
        assert_eq!(plug.counted(), 30, "{bad}");
        // The same once more, kept by the broker.
        plug.hear(300, bad);
        plug.take(301, bad, true);
        assert_eq!(plug.hear(360, 100 * KWH + 40 * WH), Verdict::GoesOn, "{bad}");
        assert_eq!(plug.counted(), 40, "{bad}");
    }
}

#[test]
fn a_counter_that_says_0_while_it_starts_has_not_begun_anew() {
    let mut plug = at_100_kwh();
    plug.hear(120, 0);
    assert_eq!(plug.hear(130, 0), Verdict::BeganAnew);
    assert_eq!(plug.hear(180, 100 * KWH + 30 * WH), Verdict::Doubtful);
    plug.restart();
    plug.hear(190, 100 * KWH + 32 * WH);
    assert_eq!(plug.hear(240, 100 * KWH + 40 * WH), Verdict::IsBack);
    assert_eq!(plug.counted(), 40);
}

#[test]
fn a_counter_begins_at_0_again() {
    let mut plug = at_100_kwh();
    plug.hear(120, 100 * KWH + 40 * WH);
    // It began anew at some time in these four minutes.
    assert_eq!(plug.hear(360, 60 * WH), Verdict::Doubtful);
    assert_eq!(plug.hear(420, 70 * WH), Verdict::BeganAnew);
    assert_eq!(plug.counted(), 110);
    let brief: Vec<_> = plug.finished.iter().map(|minute| (minute.watched_s, minute.pulses)).collect();
    assert_eq!(brief, [(60, 20), (60, 20), (30, 15), (30, 15), (30, 15), (30, 15), (60, 10)]);
}

#[test]
fn a_total_that_was_set_or_is_another_counters_is_no_use() {
    for other in [5 * KWH, 60 * KWH, 98 * KWH, 500 * KWH] {
        let mut plug = at_100_kwh();
        plug.hear(600, other);
        assert_eq!(plug.hear(660, other + 10 * WH), Verdict::Another, "{other}");
        assert_eq!(plug.counted(), 10, "{other}");
        // Nobody knows what was used in the first ten minutes.
        let watched: u32 = plug.finished.iter().map(|minute| u32::from(minute.watched_s)).sum();
        assert_eq!(watched, 120, "{other}");
    }
}

#[test]
fn what_is_rounded_is_not_counted_again() {
    // Whole kWh after a power failure, and parts of one again once somebody has entered the PIN.
    let mut house = at_100_kwh();
    house.hear(3600, 100 * KWH + 700 * WH);
    for (minute, total) in
        [(61, 100 * KWH), (62, 100 * KWH), (90, 101 * KWH), (120, 102 * KWH), (130, 102 * KWH + 100 * WH)]
    {
        assert_eq!(house.hear(minute * 60, total), Verdict::GoesOn, "{total}");
    }
    assert_eq!(house.counted(), 2100);
    assert_eq!(house.counter.state().unwrap().broken, None);
    // A total that wavers between two steps.
    for step in [KWH, 100 * WH, 10 * WH] {
        let mut plug = at_100_kwh();
        for hour in 1..20 {
            assert_eq!(plug.hear(hour * 3600, 100 * KWH + hour % 2 * step), Verdict::GoesOn, "{step}");
        }
        plug.hear(20 * 3600, 100 * KWH + 2 * step);
        assert_eq!(plug.counted() as i64, 2 * step / WH);
    }
    // What is set back is not rounded, and a small total that begins anew is neither.
    let mut plug = at_100_kwh();
    plug.hear(3600, 100 * KWH + 500 * WH);
    assert_eq!([3660, 3720].map(|at| plug.hear(at, 100 * KWH + 450 * WH))[1], Verdict::Another);
    let mut daily = Counted::new();
    for at in [0, 60, 120] {
        daily.hear(at, 800 * WH);
    }
    assert_eq!([180, 240].map(|at| daily.hear(at, 0))[1], Verdict::BeganAnew);
}

#[test]
fn a_counter_that_is_exchanged_is_another_one_whatever_it_shows() {
    // More than before, less, and nearly nothing: none of it was used here.
    for total in [100 * KWH + 90 * WH, 60 * KWH, 20 * WH] {
        let mut house = Counted::new();
        house.counter.call("0a01".into());
        house.hear(0, 100 * KWH);
        house.hear(60, 100 * KWH + 10 * WH);
        house.restart();
        house.counter.call("0a02".into());
        assert_eq!(house.hear(3600, total), Verdict::Doubtful);
        assert_eq!(house.hear(3660, total + 5 * WH), Verdict::Exchanged);
        assert_eq!(house.hear(3720, total + 10 * WH), Verdict::GoesOn);
        assert_eq!(house.counted(), 20, "{total}");
        let watched: u32 = house.finished.iter().map(|minute| u32::from(minute.watched_s)).sum();
        assert_eq!(watched, 180, "nothing is known of the hour between");
        let broken = house.counter.state().unwrap().broken.unwrap();
        assert_eq!((broken.at_s, broken.how), (START / SECOND + 3600, CounterBreak::Exchanged));
    }
    // Two that speak in turn: only the first counts.
    let mut house = Counted::new();
    for turn in 0..20 {
        house.counter.call("0a01".into());
        house.hear(turn * 60, 100 * KWH + turn * 10 * WH);
        house.counter.call("0a02".into());
        house.hear(turn * 60 + 1, 100 * KWH + turn * 10 * WH);
    }
    assert_eq!(house.counted(), 190);
}

#[test]
fn a_counter_rolls_over() {
    let mut plug = Counted::of(Limits { max_rate: MAX_RATE, rolls_over_at: Some(100 * KWH) });
    plug.hear(0, 100 * KWH - 30 * WH);
    plug.hear(60, 100 * KWH - 20 * WH);
    plug.hear(120, 5 * WH);
    assert_eq!(plug.hear(180, 15 * WH), Verdict::GoesOn);
    assert_eq!(plug.counted(), 45);
    assert!(plug.finished.iter().all(|minute| minute.watched_s == 60), "nothing is missing");
}

#[test]
fn what_was_used_while_nobody_listened_is_booked_evenly() {
    let mut plug = at_100_kwh();
    plug.hear(120, 100 * KWH + 10 * WH);
    plug.restart();
    // Eight hours at 500 W; what the broker kept is from the first of them.
    plug.take(120 + 8 * 3600, 100 * KWH + 510 * WH, true);
    plug.restart();
    plug.hear(130 + 8 * 3600, 104 * KWH + 10 * WH);
    plug.hear(190 + 8 * 3600, 104 * KWH + 20 * WH);
    assert_eq!(plug.counted(), 4020);
    assert_eq!((plug.finished.len(), plug.most()), (483, 10), "500 W are 8 or 9 a minute, and 600 W 10");
    // More than the meter can use in an hour waits for a second total.
    let mut plug = at_100_kwh();
    assert_eq!(plug.hear(36_000, 110 * KWH), Verdict::Doubtful);
    assert_eq!(plug.hear(36_060, 110 * KWH), Verdict::GoesOn);
    assert_eq!(plug.counted(), 10_000);
}

#[test]
fn a_counter_with_coarse_steps_makes_no_peaks() {
    let mut heater = at_100_kwh();
    // 10 Wh every four minutes are 150 W, however often it says so.
    for second in (70..7200).step_by(10) {
        heater.hear(second, 100 * KWH + second / 240 * 10 * WH);
    }
    assert_eq!(heater.counted(), 290);
    assert!(heater.most() <= 3, "{}", heater.most());
    // Without use, minutes are booked as empty.
    let before = heater.finished.len();
    heater.hear(7200, 100 * KWH + 300 * WH);
    for second in (7210..10_800).step_by(10) {
        heater.hear(second, 100 * KWH + 300 * WH);
    }
    assert_eq!(heater.counted(), 300);
    assert!(heater.finished.len() >= before + 50);
}

#[test]
fn other_settings_begin_anew_and_lose_nothing_that_is_due() {
    let mut plug = at_100_kwh();
    plug.take(120, 100 * KWH + 40 * WH, true);
    assert_eq!(plug.counter.state().unwrap().due, 40);
    let stored = plug.counter.state().cloned();
    plug.counter = TotalCounter::new("other".into(), 1_000_000_000, plug.counter.limits.clone(), stored);
    plug.hear(180, 7 * KWH);
    assert_eq!(plug.hear(240, 7 * KWH + 10 * WH), Verdict::Begins);
    assert_eq!(plug.counted(), 50);
}

/// What happens in a step of a counter's life, with its length in seconds and the power in W.
#[derive(Debug, Clone, Copy)]
enum Event {
    Said,
    NotHeard,
    /// Said, and kept by the broker until it was heard.
    Kept,
    Bad,
    /// The publisher is killed; what it goes on with is some steps old.
    Killed(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Said),
        3 => Just(Event::NotHeard),
        2 => Just(Event::Kept),
        3 => Just(Event::Bad),
        2 => (0usize..4).prop_map(Event::Killed),
    ]
}

fn used(power_w: i64, seconds: i64) -> i64 {
    power_w * seconds * WH / 3600
}

proptest! {
    /// Whatever is not heard, said wrong, kept or forgotten: in the end exactly what was used is counted, and no
    /// minute has more than can have been used in one.
    #[test]
    fn what_is_used_is_counted_once(
        steps in proptest::collection::vec((1i64..600, 0i64..3000, event()), 1..60)
    ) {
        let mut plug = Counted::new();
        let (mut at, mut total) = (60, 10_000 * KWH);
        plug.hear(0, total);
        plug.hear(at, total);
        let mut stored = vec![plug.clone()];
        for (number, (seconds, power_w, event)) in (0..).zip(steps) {
            at += seconds;
            total += used(power_w, seconds);
            match event {
                Event::Said => _ = plug.hear(at, total),
                Event::NotHeard => {}
                Event::Kept => _ = plug.take(at, total, true),
                // Never two that go on from each other.
                Event::Bad if number % 2 == 0 => _ = plug.hear(at, total + (1000 + 500 * number) * KWH),
                Event::Bad => _ = plug.hear(at, (1000 + 37 * number) * KWH),
                Event::Killed(steps) => {
                    plug = stored[stored.len().saturating_sub(1 + steps)].clone();
                    plug.restart();
                }
            }
            stored.push(plug.clone());
        }
        for _ in 0..3 {
            at += 60;
            plug.hear(at, total);
        }
        prop_assert_eq!(plug.counted() as i64, (total - 10_000 * KWH) / WH);
        prop_assert!(plug.most() <= 53, "{} in a minute, of 50 that are possible", plug.most());
        prop_assert!(plug.finished.windows(2).all(|pair| pair[0].minute < pair[1].minute));
    }

    /// Counters that begin anew or are set back lose something, and invent nothing.
    #[test]
    fn nothing_is_invented(
        steps in proptest::collection::vec((1i64..600, 0i64..3000, 0u8..10), 1..60)
    ) {
        let mut plug = Counted::new();
        let (mut at, mut total, mut all) = (60, 10_000 * KWH, 0);
        plug.hear(0, total);
        plug.hear(at, total);
        for (seconds, power_w, event) in steps {
            at += seconds;
            all += used(power_w, seconds);
            total += used(power_w, seconds);
            match event {
                0 => total = 0,
                1 => total -= total / 50,
                2 => continue,
                _ => {}
            }
            plug.hear(at, total);
            prop_assert!(plug.counted() as i64 <= all / WH + 1, "{} of {} Wh", plug.counted(), all / WH);
        }
    }
}
