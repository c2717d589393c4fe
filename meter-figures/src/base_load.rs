//! What flows even in quiet hours, night by night, and since when it is more or less than before. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::Minute;

use crate::hour::Hour;
use crate::hours::nearly_all_watched;
use crate::local_time::local;
use crate::spread::Spread;

/// The hours of a night among which the quietest one is sought.
const NIGHT_HOURS: Range<i8> = 0..6;

/// Nights whose middle one is what flows at a time: one with a guest moves it little.
const NIGHTS: usize = 7;

/// A level that fewer nights have is none: somebody was away, or had guests.
const LEAST_NIGHTS: usize = 7;

/// A smaller change is none that anybody would look for: in W or l/h, and as a part of what was before.
const LEAST_CHANGE: (f64, f64) = (5.0, 0.05);

/// A change must be so many times what neighbouring nights differ by anyway.
const USUAL: f64 = 2.0;

/// How much better than by chance two levels must describe the nights than one.
const DOUBT: f64 = 8.0;

/// The nights of a time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BaseLoad {
    /// The power in W, or flow in l/h, of the quietest hour of each night; only nights of which an hour was watched.
    pub nights: Vec<(Date, f64)>,
    /// Since when it has been how much, the first of them first.
    pub levels: Vec<Level>,
}

/// The last night of which an hour is over at a minute.
pub fn last_night(until: Minute, zone: &TimeZone) -> Date {
    local(Minute::nearest(until.epoch_minutes() - 60), zone).date()
}

/// What flows even in quiet hours from a night on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The first night.
    pub since: Date,
    /// The power in W, or flow in l/h: that of the middle one of its nights.
    pub rate: f64,
}

/// That more or less flows from a night on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first night.
    pub since: Date,
    /// By how much, in W or l/h.
    pub by: f64,
}

impl BaseLoad {
    /// Of hours, or pieces of them, ascending; those that are known by the hour.
    pub fn new(hours: &[Hour], spread: &Spread, zone: &TimeZone) -> Self {
        let mut quietest: BTreeMap<Date, f64> = BTreeMap::new();
        for (span, sum) in whole_hours(hours, zone) {
            if spread.touches(&span) || !nearly_all_watched(&span, &sum) {
                continue;
            }
            let at = local(span.start, zone);
            let Some(rate) = sum.mean_rate().filter(|_| NIGHT_HOURS.contains(&at.hour())) else { continue };
            quietest.entry(at.date()).and_modify(|least| *least = least.min(rate)).or_insert(rate);
        }
        Self::of_nights(quietest.into_iter().collect())
    }

    /// Of nights, ascending.
    pub fn of_nights(nights: Vec<(Date, f64)>) -> Self {
        let rates: Vec<f64> = nights.iter().map(|(_, rate)| *rate).collect();
        let levels = beginnings(&rates).into_iter().map(|(at, rate)| Level { since: nights[at].0, rate });
        Self { levels: levels.collect(), nights }
    }

    /// What flows now: the middle one of the nights of the last days up to one; `None` where none of them is known.
    pub fn now(&self, night: Date) -> Option<f64> {
        let since = night.saturating_sub((NIGHTS as i64 - 1).days());
        let last = self.nights.iter().filter(|(of, _)| (since..=night).contains(of));
        middle(last.map(|(_, rate)| *rate))
    }

    /// Its months, each by its first known night, and what flowed then: the middle one of the nights.
    pub fn months(&self) -> impl Iterator<Item = (Date, f64)> {
        let months =
            self.nights.chunk_by(|(one, _), (next, _)| one.first_of_month() == next.first_of_month());
        months.filter_map(|nights| Some((nights.first()?.0, middle(nights.iter().map(|(_, rate)| *rate))?)))
    }

    /// What it was in each night of some days from the first one on, and before and after that: the middle one of the
    /// nights around it. `None` for a night that is not known itself.
    pub fn running(&self, days: &[Date]) -> Vec<Option<f64>> {
        let known: BTreeMap<Date, f64> = self.nights.iter().copied().collect();
        let around = |index: usize| {
            let half = NIGHTS / 2;
            let days = &days[index.saturating_sub(half)..(index + half + 1).min(days.len())];
            known.contains_key(&days[index.min(half)]).then_some(())?;
            middle(days.iter().filter_map(|day| known.get(day).copied()))
        };
        (0..days.len()).map(around).collect()
    }

    /// Since when it has been more or less, the last one first.
    pub fn changes(&self) -> Vec<Change> {
        let change = |two: &[Level]| Change { since: two[1].since, by: two[1].rate - two[0].rate };
        self.levels.windows(2).rev().map(change).collect()
    }
}

/// Hours of the site's clock: those that are in pieces because a price changes within them are put together again. One in
/// which the clock is set is too short to be compared with others, and left out.
fn whole_hours(hours: &[Hour], zone: &TimeZone) -> Vec<(Range<Minute>, Sum)> {
    let minutes = |span: &Range<Minute>| span.end.epoch_minutes() - span.start.epoch_minutes();
    let goes_on = |one: &Hour, next: &Hour| {
        minutes(&one.span) < 60
            && one.span.end == next.span.start
            && local(next.span.start, zone).minute() != 0
    };
    let joined = |pieces: &[Hour]| {
        let span = pieces.first()?.span.start..pieces.last()?.span.end;
        let sum = pieces.iter().fold(Sum::default(), |all, piece| all.and(&piece.sum));
        (minutes(&span) == 60).then_some((span, sum))
    };
    hours.chunk_by(goes_on).filter_map(joined).collect()
}

/// Where levels begin, and how high each is: as few as describe the rates well. By dynamic programming over all ways to
/// cut them, with a price for each cut (R. Killick and others, "Optimal detection of changepoints", 2012).
fn beginnings(rates: &[f64]) -> Vec<(usize, f64)> {
    let smooth = smoothed(rates);
    let count = smooth.len();
    if count == 0 {
        return Vec::new();
    }
    let price = DOUBT * scatter(&smooth).powi(2) * (count as f64).ln().max(1.0);
    let squares = Squares::new(&smooth);
    // The least that the first so many nights cost, and where their last level begins.
    let mut best: Vec<(f64, usize)> = vec![(-price, 0)];
    for end in 1..=count {
        let ways =
            (0..end).filter(|start| *start == 0 || (end - start >= LEAST_NIGHTS && *start >= LEAST_NIGHTS));
        let costs = ways.map(|start| (best[start].0 + squares.between(start, end) + price, start));
        best.push(costs.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or((0.0, 0)));
    }
    let mut cuts = Vec::new();
    let mut end = count;
    while end > 0 {
        end = best[end].1;
        cuts.push(end);
    }
    cuts.reverse();
    named(rates, &cuts)
}

/// The levels between cuts, without those that differ little from the one before.
fn named(rates: &[f64], cuts: &[usize]) -> Vec<(usize, f64)> {
    let mut kept: Vec<usize> = cuts.to_vec();
    loop {
        let ends = kept.iter().skip(1).copied().chain([rates.len()]);
        let level =
            |(start, end): (usize, usize)| middle(rates[start..end].iter().copied()).unwrap_or_default();
        let parts: Vec<(usize, usize)> = kept.iter().copied().zip(ends).collect();
        let levels: Vec<f64> = parts.iter().copied().map(level).collect();
        let is_little = |at: &usize| {
            let (before, after) = (levels[at - 1], levels[*at]);
            // Where nights differ much anyway, as with a heating that the weather leads, little stands out.
            let usual = USUAL * scatter(&rates[parts[at - 1].0..parts[*at].1]);
            (after - before).abs() < LEAST_CHANGE.0.max(before.abs() * LEAST_CHANGE.1).max(usual)
        };
        match (1..levels.len()).find(is_little) {
            Some(at) => kept.remove(at),
            None => return kept.into_iter().zip(levels).collect(),
        };
    }
}

/// Each with the middle one of it and its neighbours in its place, so that single nights do not count.
fn smoothed(rates: &[f64]) -> Vec<f64> {
    let around = |index: usize| &rates[index.saturating_sub(1)..(index + 2).min(rates.len())];
    (0..rates.len()).filter_map(|index| middle(around(index).iter().copied())).collect()
}

/// How much neighbouring nights differ without anything having changed.
fn scatter(rates: &[f64]) -> f64 {
    let between = middle(rates.windows(2).map(|two| (two[1] - two[0]).abs())).unwrap_or_default();
    // Of normally scattered values the middle difference of two is 0.954 standard deviations.
    (between / 0.954).max(0.5)
}

fn middle(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// How far values are from their mean, for any run of them.
struct Squares {
    /// The sums of the first so many values, and of their squares.
    sums: Vec<(f64, f64)>,
}

impl Squares {
    fn new(values: &[f64]) -> Self {
        let mut sums = vec![(0.0, 0.0)];
        sums.extend(values.iter().scan((0.0, 0.0), |(sum, squares), value| {
            (*sum, *squares) = (*sum + value, *squares + value * value);
            Some((*sum, *squares))
        }));
        Self { sums }
    }

    fn between(&self, start: usize, end: usize) -> f64 {
        let ((sum, squares), (sum_before, squares_before)) = (self.sums[end], self.sums[start]);
        let sum = sum - sum_before;
        (squares - squares_before - sum * sum / (end - start) as f64).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    /// So many nights from the first of January on; each a few W beside its level, by no rule.
    fn nights(level: impl Fn(usize) -> f64) -> Vec<(Date, f64)> {
        let first = Date::constant(2026, 1, 1);
        let beside = |night: usize| (night * 7919 % 61) as f64 / 61.0 * 8.0 - 4.0;
        let night = |at: usize| (first.saturating_add((at as i64).days()), level(at) + beside(at));
        (0..330).map(night).collect()
    }

    #[test]
    fn a_new_device_is_found_on_its_first_night() {
        let of = BaseLoad::of_nights(nights(|night| if night < 245 { 110.0 } else { 128.0 }));
        let changes = of.changes();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0].since, Date::constant(2026, 9, 3));
        assert!((changes[0].by - 18.0).abs() < 1.5, "{changes:?}");
        // The last of 330 nights.
        let last = Date::constant(2026, 11, 26);
        assert!((of.now(last).unwrap_or_default() - 128.0).abs() < 3.0, "{:?}", of.now(last));
        assert!(of.now(last.saturating_add(6.days())).is_some());
        assert_eq!(of.now(last.saturating_add(7.days())), None, "nothing is known of the last week");
    }

    #[test]
    fn a_night_is_there_once_its_first_hour_is_over() {
        let night = |until: &str| last_night(until.parse().unwrap_or(Minute::nearest(0)), &TimeZone::UTC);
        let [before, tonight] = [Date::constant(2026, 11, 28), Date::constant(2026, 11, 29)];
        assert_eq!((night("2026-11-29T00:59:00Z"), night("2026-11-29T01:00:00Z")), (before, tonight));
    }

    #[test]
    fn nights_that_scatter_and_a_guest_are_no_change() {
        for level in [0.0, 60.0, 800.0] {
            assert_eq!(BaseLoad::of_nights(nights(|_| level)).changes(), []);
            let guest = |night: usize| if (100..102).contains(&night) { level + 300.0 } else { level };
            assert_eq!(BaseLoad::of_nights(nights(guest)).changes(), [], "{level}");
        }
        assert_eq!(BaseLoad::default().now(Date::constant(2026, 11, 26)), None);
    }

    #[test]
    fn two_weeks_away_are_seen_with_their_end_and_nothing_is_known_of_nights_that_nobody_watched() {
        let away = |night: usize| if (60..74).contains(&night) { 40.0 } else { 100.0 };
        let mut all = nights(away);
        let found = BaseLoad::of_nights(all.clone()).changes();
        let days: Vec<Date> = found.iter().map(|change| change.since).collect();
        assert_eq!(days, [Date::constant(2026, 3, 16), Date::constant(2026, 3, 2)], "{found:?}");
        let days: Vec<Date> = all.iter().map(|(day, _)| *day).take(20).collect();
        all.drain(5..12);
        let running = BaseLoad::of_nights(all).running(&days);
        let unknown: Vec<usize> = (0..20).filter(|night| running[*night].is_none()).collect();
        assert_eq!(unknown, (5..12).collect::<Vec<_>>());
    }
}
