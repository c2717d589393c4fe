//! Hours, days, weeks, months and years of every zone of the IANA's database, compared with minutes that are looked
//! at one by one: around every change of a clock from 2000, when the first minute can be recorded, to 2037.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use meter_figures::{Period, pieces};
use meter_messages::{Minute, PeriodKind};

const DAY: i64 = 24 * 60;

/// Minutes since 1970 that can be tested: with a few days around them.
fn years() -> Range<i64> {
    let minute = |text: &str| text.parse::<Timestamp>().unwrap().as_second() / 60;
    minute("2000-01-20T00:00:00Z")..minute("2037-12-31T00:00:00Z")
}

/// What the clock shows in a minute, but for the minute of the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shown {
    /// Days since 1970.
    day: i64,
    hour: i64,
    offset_s: i64,
}

fn shown(minute: i64, zone: &TimeZone) -> Shown {
    let offset_s = i64::from(zone.to_offset(Minute::nearest(minute).timestamp()).seconds());
    let local = minute * 60 + offset_s;
    Shown { day: local.div_euclid(86_400), hour: local.rem_euclid(86_400) / 3600, offset_s }
}

/// The date of a number of days since 1970, in the number of its kind.
fn number(kind: PeriodKind, day: i64) -> i64 {
    let date = || Date::constant(1970, 1, 1).saturating_add(day.days());
    match kind {
        PeriodKind::Hour | PeriodKind::Day => day,
        // The first of January 1970 was a Thursday.
        PeriodKind::Week => (day + 3).div_euclid(7),
        PeriodKind::Month => i64::from(date().year()) * 12 + i64::from(date().month()),
        PeriodKind::Year => date().year().into(),
    }
}

/// Where a period begins and the one before ends, within some minutes, found minute by minute. A day has begun when
/// its date was shown, and is not over by being set back.
fn edges(kind: PeriodKind, minutes: &[Shown], first: i64) -> Vec<i64> {
    let mut begun = i64::MIN;
    let mut of_day = HashMap::new();
    let mut edges = Vec::new();
    let mut before = None;
    for (at, shown) in (first..).zip(minutes) {
        begun = begun.max(shown.day);
        let key = match kind {
            PeriodKind::Hour => (shown.day, shown.hour, shown.offset_s),
            _ => (*of_day.entry(begun).or_insert_with(|| number(kind, begun)), 0, 0),
        };
        if before.replace(key).is_some_and(|before| before != key) {
            edges.push(at);
        }
    }
    edges
}

fn span(period: &Period) -> Range<i64> {
    period.span.start.epoch_minutes()..period.span.end.epoch_minutes()
}

/// Compares all that lies in some minutes.
fn compare(zone: &TimeZone, name: &str, minutes: Range<i64>) -> usize {
    let shown: Vec<Shown> = minutes.clone().map(|minute| shown(minute, zone)).collect();
    let mut compared = 0;
    let mut hours = Vec::new();
    for kind in PeriodKind::ALL {
        let said = |at: i64| Period::containing(kind, Minute::nearest(at), zone);
        let edges = edges(kind, &shown, minutes.start);
        for at in &edges {
            let (before, after) = (said(at - 1), said(*at));
            assert_eq!((span(&before).end, span(&after).start), (*at, *at), "{name}: {kind:?}");
        }
        let (start, end) = (minutes.start, minutes.end - 1);
        let [first, last] = [edges.first().unwrap_or(&minutes.end), edges.last().unwrap_or(&start)];
        assert!(span(&said(start)).end >= *first && span(&said(end)).start <= *last, "{name}: {kind:?}");
        let found: Vec<Range<i64>> = edges.windows(2).map(|two| two[0]..two[1]).collect();
        let mut names = HashSet::new();
        for span_of in &found {
            for at in [span_of.start, (span_of.start + span_of.end) / 2, span_of.end - 1] {
                assert_eq!(span(&said(at)), *span_of, "{name}: {kind:?} in which {at} lies");
            }
            let period = said(span_of.start);
            let address = period.name(zone);
            assert_eq!(Period::parse(kind, &address, zone).as_ref(), Some(&period), "{name}: {address}");
            assert!(names.insert(address.clone()), "{name}: two are {address}");
            if kind == PeriodKind::Day {
                let is_within = |hour: &&Range<i64>| span_of.contains(&hour.start);
                let within: Vec<_> = hours.iter().filter(is_within).cloned().collect();
                let parts: Vec<_> = period.parts(zone).iter().map(span).collect();
                assert_eq!(parts, within, "{name}: the hours of {address}");
            }
        }
        if let (Some(first), Some(last)) = (found.first(), found.last()) {
            let all = Minute::nearest(first.start)..Minute::nearest(last.end);
            let said: Vec<_> = pieces(kind, &all, zone).iter().map(span).collect();
            assert_eq!(said, found, "{name}: the {kind:?}s from {} on", all.start);
        }
        compared += found.len();
        if kind == PeriodKind::Hour {
            hours = found;
        }
    }
    compared
}

/// The minutes in which a clock is set, and by which offsets in seconds.
fn changes(zone: &TimeZone) -> Vec<(i64, i32, i32)> {
    let (first, last) = (years().start, years().end);
    let from = Minute::nearest(first).timestamp();
    let mut before = zone.to_offset(from).seconds();
    let mut changes = Vec::new();
    for change in zone.following(from).take_while(|change| change.timestamp().as_second() / 60 < last) {
        let after = change.offset().seconds();
        let before = std::mem::replace(&mut before, after);
        if after != before {
            changes.push((change.timestamp().as_second().div_euclid(60), before, after));
        }
    }
    changes
}

fn zones() -> Vec<(String, TimeZone)> {
    let database = TimeZoneDatabase::bundled();
    let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
    names.into_iter().map(|name| (name.clone(), database.get(&name).unwrap())).collect()
}

#[test]
fn every_zone_has_the_periods_that_its_minutes_show() {
    let zones = zones();
    assert!(zones.len() > 400, "{} zones", zones.len());
    // Many clocks are set alike: what happens in a few days follows from their changes alone.
    let mut met = HashSet::new();
    let (mut all, mut compared) = (0, 0);
    for (name, zone) in &zones {
        let changes = changes(zone);
        for (minute, ..) in &changes {
            let around = minute - 3 * DAY..minute + 2 * DAY;
            let alike: Vec<_> = changes.iter().filter(|change| around.contains(&change.0)).copied().collect();
            all += 1;
            if met.insert((*minute, alike)) {
                compared += compare(zone, name, around);
            }
        }
    }
    println!("{} of {all} changes, {compared} periods", met.len());
    assert!(all > 10_000 && met.len() > 1_000, "{} of {all} changes", met.len());
}

#[test]
fn a_month_of_each_zone_is_its_minutes() {
    let mut compared = 0;
    for (index, (name, zone)) in zones().iter().enumerate() {
        // Another one each time, spread over the years.
        let month = Date::constant(2000, 2, 1).saturating_add((index as i64 * 97 % (37 * 12)).months());
        let first = month.to_zoned_datetime(zone.clone()).unwrap().timestamp().as_second().div_euclid(60);
        compared += compare(zone, name, first - DAY..first + 33 * DAY);
    }
    assert!(compared > 400_000, "{compared} periods");
}
