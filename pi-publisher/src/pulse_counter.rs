//! Closes minutes: takes pulses and how far the line was watched, returns
//! finished minutes. Pure; what the clocks say is an argument.

use std::ops::Range;

use meter_messages::{Minute, PulseTimes};
use serde::{Deserialize, Serialize};

use crate::pulse_source::SourceTime;

const NS_PER_MINUTE: i64 = Minute::SECONDS * 1_000_000_000;

/// A finished minute that has no number in the outbox yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedMinute {
    /// The minute.
    pub minute: Minute,
    /// How many of its seconds the line was watched, 1 to 60.
    pub watched_s: u8,
    /// Pulses that fell in it.
    pub pulses: u32,
    /// When they came, if they are few and it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<PulseTimes>,
}

/// The minute in progress. Kept over a restart, so that both halves become one
/// minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinuteInProgress {
    /// The minute.
    pub minute: Minute,
    /// How many of its nanoseconds the line was watched.
    pub watched_ns: i64,
    /// Pulses so far.
    pub pulses: u32,
    /// Everything up to here is counted, in nanoseconds of UTC since 1970.
    pub until_utc_ns: i64,
    /// When its first and its newest pulse came, in milliseconds after its beginning, if it is known of all its pulses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_ms: Option<[u32; 2]>,
}

impl MinuteInProgress {
    fn begin(minute: Minute, at_utc_ns: i64) -> Self {
        Self { minute, watched_ns: 0, pulses: 0, until_utc_ns: at_utc_ns, times_ms: None }
    }

    /// The minute to send; `None` if the line was not watched.
    pub fn finished(&self) -> Option<FinishedMinute> {
        if self.watched_ns == 0 && self.pulses == 0 {
            return None;
        }
        let seconds = (self.watched_ns + 500_000_000) / 1_000_000_000;
        let watched_s = seconds.clamp(1, Minute::SECONDS) as u8;
        let times = self.times_ms.and_then(|[first, last]| PulseTimes::new(self.pulses, first, last));
        Some(FinishedMinute { minute: self.minute, watched_s, pulses: self.pulses, times })
    }

    fn pulse(&mut self, at_utc_ns: i64) {
        let ms = (at_utc_ns - self.minute.start() * 1_000_000_000).clamp(0, NS_PER_MINUTE - 1) / 1_000_000;
        let ms = ms as u32;
        self.times_ms = match self.times_ms {
            _ if self.pulses == 0 => Some([ms, ms]),
            Some([first, _]) => Some([first, ms]),
            None => None,
        };
        self.pulses += 1;
    }
}

/// A time in which the line was watched, and its pulses, on a clock that is not
/// UTC yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Its beginning.
    pub from: SourceTime,
    /// Its end.
    pub until: SourceTime,
    /// Pulses in it, ascending.
    pub pulses: Vec<SourceTime>,
}

/// Counts one meter's pulses into minutes of UTC.
///
/// Minutes only ever go forward: a clock that is set back makes the current
/// minute longer (its `s` stays at most 60), never a second one of its name.
#[derive(Debug, Clone)]
pub struct PulseCounter {
    /// Booked up to here on the source's clock.
    watched_from: SourceTime,
    /// Watched up to here.
    watched_until: SourceTime,
    current: Option<MinuteInProgress>,
    /// Minutes up to this one are finished.
    last_finished: Option<Minute>,
    /// Pulses since `watched_from`: they wait for the clock.
    waiting: Vec<SourceTime>,
    /// What earlier runs watched and still waits for the clock.
    earlier: Vec<Stretch>,
}

impl PulseCounter {
    /// Starts watching at `began`. `last_finished` and `in_progress` come from the
    /// outbox of an earlier run.
    pub fn new(
        began: SourceTime,
        last_finished: Option<Minute>,
        in_progress: Option<MinuteInProgress>,
    ) -> Self {
        Self {
            watched_from: began,
            watched_until: began,
            current: in_progress,
            last_finished,
            waiting: Vec::new(),
            earlier: Vec::new(),
        }
    }

    /// Takes what earlier runs of this boot left waiting for the clock.
    pub fn after(mut self, earlier: Vec<Stretch>) -> Self {
        self.earlier = earlier;
        self
    }

    /// What waits for the clock.
    pub fn waiting(&self) -> Vec<Stretch> {
        let mut stretches = self.earlier.clone();
        if self.watched_until > self.watched_from || !self.waiting.is_empty() {
            let (from, until) = (self.watched_from, self.watched_until);
            stretches.push(Stretch { from, until, pulses: self.waiting.clone() });
        }
        stretches
    }

    /// Everything up to here is counted or waits for the clock.
    pub fn watched_until(&self) -> SourceTime {
        self.watched_until
    }

    /// The minute in progress.
    pub fn in_progress(&self) -> Option<MinuteInProgress> {
        self.current
    }

    /// Takes pulses (ascending) and that the line was watched until `until`;
    /// returns the minutes this finished.
    ///
    /// `utc_offset_ns` added to a [`SourceTime`] gives UTC. While it is not
    /// known (a Pi without a clock chip, before NTP), pulses wait and nothing
    /// is finished.
    pub fn count(
        &mut self,
        pulses: &[SourceTime],
        until: SourceTime,
        utc_offset_ns: Option<i64>,
    ) -> Vec<FinishedMinute> {
        self.waiting.extend_from_slice(pulses);
        self.watched_until = self.watched_until.max(until);
        let Some(offset) = utc_offset_ns else { return Vec::new() };
        let mut finished = Vec::new();
        for stretch in self.waiting() {
            self.book(&stretch, offset, &mut finished);
        }
        self.earlier.clear();
        self.waiting.clear();
        self.watched_from = self.watched_until;
        finished
    }

    /// Takes the pulses up to a time in which nobody watched, and continues after it.
    pub fn pass_over(&mut self, before: &[SourceTime], unwatched: &Range<SourceTime>) {
        self.waiting.extend_from_slice(before);
        self.watched_until = self.watched_until.max(unwatched.start);
        self.earlier = self.waiting();
        self.waiting.clear();
        self.watched_from = self.watched_until.max(unwatched.end);
        self.watched_until = self.watched_from;
    }

    /// Counts pulses of which only the time is known in which they fell, from and to some nanosecond of UTC: evenly, so
    /// that no minute gets more than it must. One `part` of the time, as in a half, counts as watched, or nothing of it.
    pub fn spread(&mut self, span: &Range<i64>, pulses: u64, part: Option<i64>) -> Vec<FinishedMinute> {
        let mut finished = Vec::new();
        let from = self.not_before(within_range(span.start));
        let to = within_range(span.end).max(from);
        if let Some(part) = part {
            self.spread_over(from..to, pulses, part, &mut finished);
        }
        self.finish_before(to, &mut finished);
        finished
    }

    fn spread_over(&mut self, span: Range<i64>, pulses: u64, part: i64, finished: &mut Vec<FinishedMinute>) {
        let length = i128::from(span.end - span.start);
        let before = |at: i64| match length {
            0 => pulses,
            _ => (i128::from(pulses) * i128::from(at - span.start) / length) as u64,
        };
        let (mut at, mut booked) = (span.start, 0);
        while at < span.end || booked < pulses {
            let current = self.enter(at, finished);
            let end = (current.minute.end() * 1_000_000_000).min(span.end);
            let here = before(end) - booked;
            current.watched_ns += (end - at) / part;
            // More than a minute can hold is more than any meter can count.
            current.pulses = current.pulses.saturating_add(u32::try_from(here).unwrap_or(u32::MAX));
            current.until_utc_ns = end;
            (at, booked) = (end, booked + here);
        }
    }

    /// Counts a stretch whose UTC is known.
    fn book(&mut self, stretch: &Stretch, offset: i64, finished: &mut Vec<FinishedMinute>) {
        let span = (utc_ns(stretch.from, offset), utc_ns(stretch.until, offset));
        let mut at = self.not_before(span.0);
        for pulse in &stretch.pulses {
            let fell = utc_ns(*pulse, offset).clamp(at, span.1.max(at));
            self.watch(at, fell, finished);
            at = fell;
            self.enter(at, finished).pulse(at);
        }
        self.watch(at, span.1, finished);
        self.finish_before(span.1, finished);
    }

    /// Finishes the minute in progress if it is over by then.
    fn finish_before(&mut self, utc_ns: i64, finished: &mut Vec<FinishedMinute>) {
        if let Some(over) = self.current.take_if(|current| current.minute.end() * 1_000_000_000 <= utc_ns) {
            self.finish(over, finished);
        }
    }

    /// The time from which counting may continue: never in a finished minute.
    fn not_before(&self, utc_ns: i64) -> i64 {
        let current = self.current.map_or(i64::MIN, |current| current.until_utc_ns);
        let past = self.last_finished.map_or(i64::MIN, |minute| minute.end() * 1_000_000_000);
        utc_ns.max(current).max(past)
    }

    /// Counts the time between two points as watched, minute by minute.
    fn watch(&mut self, from: i64, to: i64, finished: &mut Vec<FinishedMinute>) {
        let mut at = from;
        while at < to {
            let current = self.enter(at, finished);
            let end = (current.minute.end() * 1_000_000_000).min(to);
            current.watched_ns += end - at;
            current.until_utc_ns = end;
            at = end;
        }
    }

    fn finish(&mut self, over: MinuteInProgress, finished: &mut Vec<FinishedMinute>) {
        finished.extend(over.finished());
        self.last_finished = Some(over.minute);
    }

    /// The minute in which `at` lies; finishes an earlier one.
    fn enter(&mut self, at: i64, finished: &mut Vec<FinishedMinute>) -> &mut MinuteInProgress {
        let minute = minute_at(at);
        if let Some(over) = self.current.take_if(|current| current.minute < minute) {
            self.finish(over, finished);
        }
        self.current.get_or_insert_with(|| MinuteInProgress::begin(minute, at))
    }
}

/// A clock beyond the years of [`Minute`] is wrong; the pulse is counted at the
/// nearest time that has a minute.
fn utc_ns(at: SourceTime, offset_ns: i64) -> i64 {
    within_range(at.0.saturating_add(offset_ns))
}

fn within_range(utc_ns: i64) -> i64 {
    let (first, last) = (Minute::nearest(i64::MIN), Minute::nearest(i64::MAX));
    utc_ns.clamp(first.start() * 1_000_000_000, last.end() * 1_000_000_000 - 1)
}

fn minute_at(utc_ns: i64) -> Minute {
    Minute::nearest(utc_ns.div_euclid(NS_PER_MINUTE))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;
    /// 2026-10-02T12:34:00Z.
    const START: i64 = 1_790_944_440 * SECOND;

    fn at(seconds: f64) -> SourceTime {
        SourceTime((seconds * 1e9) as i64)
    }

    fn brief(finished: &[FinishedMinute]) -> Vec<(i64, u8, u32)> {
        let first = minute_at(START).epoch_minutes();
        finished.iter().map(|m| (m.minute.epoch_minutes() - first, m.watched_s, m.pulses)).collect()
    }

    #[test]
    fn a_pulse_belongs_to_the_minute_in_which_it_fell() {
        let mut counter = PulseCounter::new(at(0.0), None, None);
        let pulses = [at(0.0), at(59.999), at(60.0), at(119.0), at(180.5)];
        let finished = counter.count(&pulses, at(181.0), Some(START));
        assert_eq!(brief(&finished), [(0, 60, 2), (1, 60, 2), (2, 60, 0)]);
        assert_eq!(counter.in_progress().unwrap().pulses, 1);
    }

    #[test]
    fn a_minute_watched_in_part_says_so() {
        let mut counter = PulseCounter::new(at(40.0), None, None);
        assert_eq!(brief(&counter.count(&[at(41.0)], at(59.9), Some(START))), []);
        assert_eq!(brief(&counter.count(&[], at(60.0), Some(START))), [(0, 20, 1)]);
    }

    #[test]
    fn a_minute_with_few_pulses_says_when_they_came() {
        let mut counter = PulseCounter::new(at(0.0), None, None);
        let pulses = [at(7.25), at(60.0), at(90.0), at(119.9996)];
        let mut finished = counter.count(&pulses, at(181.0), Some(START));
        let many: Vec<_> = (0..5).map(|pulse| at(200.0 + f64::from(pulse))).collect();
        finished.extend(counter.count(&many, at(241.0), Some(START)));
        let times = |minute: &FinishedMinute| minute.times.map(|times| (times.first_ms(), times.last_ms()));
        let times: Vec<_> = finished.iter().map(times).collect();
        assert_eq!(times, [Some((7_250, 7_250)), Some((0, 59_999)), None, None]);
    }

    /// A version that did not keep them has counted the first ones.
    #[test]
    fn times_that_are_not_known_of_all_pulses_are_not_said() {
        let kept = format!(
            r#"{{"minute":"{}","watched_ns":5,"pulses":1,"until_utc_ns":{START}}}"#,
            minute_at(START)
        );
        let kept: MinuteInProgress = serde_json::from_str(&kept).unwrap();
        let mut counter = PulseCounter::new(at(0.0), None, Some(kept));
        let finished = counter.count(&[at(30.0), at(70.0)], at(121.0), Some(START));
        assert_eq!(finished.iter().map(|minute| minute.times.is_some()).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn both_halves_of_a_restart_become_one_minute() {
        let mut before = PulseCounter::new(at(0.0), None, None);
        before.count(&[at(1.0), at(2.0)], at(10.0), Some(START));
        // A new boot: the source's clock starts again, 20 s later.
        let mut after = PulseCounter::new(at(0.0), None, before.in_progress());
        let finished = after.count(&[at(1.0)], at(40.0), Some(START + 30 * SECOND));
        assert_eq!(brief(&finished), [(0, 40, 3)]);
    }

    #[test]
    fn a_restart_in_a_later_minute_finishes_the_old_one() {
        let mut before = PulseCounter::new(at(0.0), None, None);
        before.count(&[at(1.0)], at(10.0), Some(START));
        let mut after = PulseCounter::new(at(0.0), None, before.in_progress());
        let finished = after.count(&[], at(30.0), Some(START + 150 * SECOND));
        assert_eq!(brief(&finished), [(0, 10, 1), (2, 30, 0)]);
    }

    #[test]
    fn pulses_wait_for_the_clock() {
        let mut counter = PulseCounter::new(at(0.0), None, None);
        assert_eq!(counter.count(&[at(1.0), at(61.0)], at(70.0), None), []);
        let finished = counter.count(&[at(121.0)], at(130.0), Some(START));
        assert_eq!(brief(&finished), [(0, 60, 1), (1, 60, 1)]);
    }

    #[test]
    fn a_time_that_nobody_watched_is_not_watched() {
        for offset in [Some(START), None] {
            let mut counter = PulseCounter::new(at(0.0), None, None);
            counter.pass_over(&[at(1.0)], &(at(10.0)..at(15.0)));
            // One that had begun when the reader was suspended.
            let mut finished = counter.count(&[at(9.99), at(50.0)], at(61.0), offset);
            finished.extend(counter.count(&[], at(62.0), Some(START)));
            assert_eq!(brief(&finished), [(0, 55, 3)]);
        }
    }

    #[test]
    fn a_clock_set_back_makes_no_minute_twice() {
        let mut counter = PulseCounter::new(at(0.0), None, None);
        let mut finished = counter.count(&[at(1.0), at(61.0)], at(90.0), Some(START));
        finished.extend(counter.count(&[at(95.0)], at(100.0), Some(START - 60 * SECOND)));
        finished.extend(counter.count(&[at(150.0)], at(200.0), Some(START - 60 * SECOND)));
        assert_eq!(brief(&finished), [(0, 60, 1), (1, 60, 3)]);
    }

    #[test]
    fn a_clock_gone_mad_loses_no_pulse() {
        for offset in [i64::MIN, i64::MAX, -START, 0] {
            let mut counter = PulseCounter::new(at(0.0), None, None);
            let finished = counter.count(&[at(1.0), at(2.0)], at(130.0), Some(offset));
            let counted: u32 = finished.iter().map(|minute| minute.pulses).sum();
            assert_eq!(counted + counter.in_progress().unwrap().pulses, 2);
        }
    }

    #[test]
    fn what_has_no_moment_is_spread_over_its_time() {
        let mut counter = PulseCounter::new(SourceTime(START), None, None);
        let span = |from: i64, to: i64| START + from * SECOND..START + to * SECOND;
        // 2 a minute from the middle of the first one on.
        assert_eq!(brief(&counter.spread(&span(30, 210), 6, Some(1))), [(0, 30, 1), (1, 60, 2), (2, 60, 2)]);
        assert_eq!(counter.in_progress().unwrap().pulses, 1);
        // Half of the time is watched, and then nothing.
        assert_eq!(brief(&counter.spread(&span(210, 300), 3, Some(2))), [(3, 45, 2), (4, 30, 2)]);
        assert_eq!(brief(&counter.spread(&span(300, 460), 0, None)), []);
        assert_eq!(brief(&counter.spread(&span(460, 480), 0, Some(1))), [(7, 20, 0)]);
        // What comes for a time that is over is not lost.
        assert_eq!(brief(&counter.spread(&span(60, 120), 5, Some(1))), []);
        assert_eq!(brief(&counter.spread(&span(480, 540), 1, Some(1))), [(8, 60, 6)]);
    }

    proptest! {
        #[test]
        fn however_it_is_spread_no_pulse_is_lost(
            spans in proptest::collection::vec((-50i64..400, 0i64..400, 0u64..1000, 0i64..3), 1..30)
        ) {
            let mut counter = PulseCounter::new(SourceTime(START), None, None);
            let (mut at, mut sent, mut finished) = (START, 0, Vec::new());
            for (pause, length, pulses, part) in spans {
                let span = at + pause * SECOND..at + (pause + length) * SECOND;
                at = at.max(span.end);
                sent += if part > 0 { pulses } else { 0 };
                finished.extend(counter.spread(&span, pulses, (part > 0).then_some(part)));
            }
            let counted: u64 = finished.iter().map(|minute| u64::from(minute.pulses)).sum();
            prop_assert_eq!(counted + counter.in_progress().map_or(0, |m| u64::from(m.pulses)), sent);
            prop_assert!(finished.windows(2).all(|pair| pair[0].minute < pair[1].minute));
            prop_assert!(finished.iter().all(|minute| (1..=60).contains(&minute.watched_s)));
        }
    }

    #[test]
    fn what_is_finished_is_not_made_again_after_a_restart() {
        let last = Some(minute_at(START));
        let mut counter = PulseCounter::new(at(0.0), last, None);
        let finished = counter.count(&[at(5.0)], at(121.0), Some(START));
        assert_eq!(brief(&finished), [(1, 60, 1)]);
    }

    proptest! {
        /// However the line's history is cut into reports, whatever the clock
        /// does, every pulse is counted once and minutes ascend.
        #[test]
        fn no_pulse_is_lost_or_doubled(
            reports in proptest::collection::vec((0i64..200, proptest::collection::vec(0i64..200, 0..5), -300i64..300, proptest::bool::weighted(0.8)), 1..30)
        ) {
            let mut counter = PulseCounter::new(SourceTime(0), None, None);
            let (mut now, mut sent, mut finished, mut offset) = (0i64, 0u32, Vec::new(), START);
            for (length, falls, step, known) in reports {
                let mut pulses: Vec<_> =
                    falls.iter().filter(|&&fall| fall < length).map(|fall| SourceTime((now + fall) * SECOND)).collect();
                pulses.sort();
                now += length;
                sent += pulses.len() as u32;
                offset += step * SECOND;
                finished.extend(counter.count(&pulses, SourceTime(now * SECOND), known.then_some(offset)));
            }
            finished.extend(counter.count(&[], SourceTime(now * SECOND), Some(offset)));
            let counted: u32 = finished.iter().map(|minute| minute.pulses).sum();
            prop_assert_eq!(counted + counter.in_progress().map_or(0, |m| m.pulses), sent);
            prop_assert!(finished.windows(2).all(|pair| pair[0].minute < pair[1].minute));
            prop_assert!(finished.iter().all(|minute| (1..=60).contains(&minute.watched_s)));
        }
    }
}
