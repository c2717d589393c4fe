//! What is read of many meters at a glance, and of one chart's points, is what follows from its figures and minutes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use meter_figures::{Figures, Glance, GlanceEdges, Points, Series, SeriesRequest, Tariffs};
use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::{Info, Meter, Minute, PulseCount};
use tempfile::TempDir;

const ZONES: [&str; 5] =
    ["Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"];

/// Days that are recorded: around the end of summer time in Berlin.
const FIRST: &str = "2026-10-20T00:00:00Z";
const DAYS: i64 = 8;

/// A meter that was replaced, with an hour that nobody watched, and minutes that were watched in part.
fn recorded() -> (TempDir, Ledger, RecordedMeter) {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    let meter: Meter = "hq/main".parse().unwrap();
    let info = br#"{"name":"x","pulses_per_kwh":500,"source":"x","version":"1","outbox":"a","oldest_seq":1,
        "history":[{"t":"2000-01-01T00:00:00Z","pulses_per_kwh":1000},{"t":"2026-10-23T10:37:00Z","pulses_per_kwh":500}]}"#;
    let first = FIRST.parse::<Minute>().unwrap().epoch_minutes();
    let mut total = 0;
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter, &Info::from_json(info).unwrap()).unwrap();
    for at in (0..DAYS * 1440 - 7).filter(|at| !(3000..3060).contains(at)) {
        // Never so few that power follows from the time between them.
        let pulses = 5 + (at * 7919 % 61) as u32;
        total += u64::from(pulses);
        let watched_s = if at % 997 == 0 { (at % 60).max(1) as u8 } else { 60 };
        let minute = Minute::nearest(first + at);
        batch.record(&mark, &PulseCount { minute, watched_s, seq: at as u64 + 1, pulses, total }).unwrap();
    }
    batch.commit().unwrap();
    let known = ledger.meter(&meter).unwrap().unwrap();
    (folder, ledger, known)
}

#[test]
fn a_glance_shows_what_the_figures_say() {
    let (_folder, ledger, meter) = recorded();
    let newest = ledger.newest(&meter).unwrap();
    // At the end of what is recorded, in the middle, at a midnight of Berlin, and the first night of a month.
    for until in
        ["2026-10-27T23:53:00Z", "2026-10-25T01:10:00Z", "2026-10-25T23:00:00Z", "2026-11-01T03:04:00Z"]
    {
        let until: Minute = until.parse().unwrap();
        for zone in ZONES {
            let zone = TimeZone::get(zone).unwrap();
            let tariffs = Tariffs::default();
            let figures = Figures::read(&ledger, meter.clone(), newest, until, (&zone, &tariffs)).unwrap();
            let edges = GlanceEdges::until(until, &zone);
            let glance = Glance::read(&ledger, meter.clone(), &edges).unwrap();
            assert_eq!(glance.today, figures.today, "{until} {zone:?}");
            assert_eq!(glance.month, figures.month, "{until} {zone:?}");
            assert_eq!(glance.curve, figures.curve, "{until} {zone:?}");
        }
    }
}

/// The means, lowest and highest of points that are worked out minute by minute.
type Naive = BTreeMap<usize, (f64, f64, f64, f64)>;

fn naive(ledger: &Ledger, meter: &RecordedMeter, points: &Points) -> (usize, Naive) {
    let edges: Vec<i64> = match points {
        Points::Even(first, step, count) => {
            (0..=*count).map(|point| first.epoch_minutes() + point * step).collect()
        }
        Points::Calendar(edges) => edges.iter().map(|edge| edge.epoch_minutes()).collect(),
    };
    let mut all = Naive::new();
    let span = Minute::nearest(edges[0])..Minute::nearest(edges[edges.len() - 1]);
    for minute in ledger.minutes(meter, span).unwrap().into_iter().filter(|minute| minute.watched_s > 0) {
        let point = edges.partition_point(|edge| *edge <= minute.minute.epoch_minutes()) - 1;
        let rate = meter.constant_at(minute.minute).rate(minute.pulses.into(), 60.0);
        let known = all.entry(point).or_insert((0.0, 0.0, f64::MAX, 0.0));
        *known = (
            known.0 + rate * 60.0,
            known.1 + f64::from(minute.watched_s),
            known.2.min(rate),
            known.3.max(rate),
        );
    }
    (edges.len() - 1, all)
}

#[test]
fn points_of_a_chart_are_those_of_its_minutes() {
    let (_folder, ledger, meter) = recorded();
    let first = FIRST.parse::<Minute>().unwrap().start();
    let until: Minute = "2026-10-27T23:53:00Z".parse().unwrap();
    for zone in ZONES {
        let zone = TimeZone::get(zone).unwrap();
        // Minutes, quarters of an hour and more, local days and months.
        for (days, wanted) in [(1, 1440), (8, 1000), (8, 400), (8, 100), (8, 20), (700, 1000), (4000, 200)] {
            let (from, to) = (first - (days - DAYS) * 86_400 + 1234 * 60, until.start() + 100_000);
            let request = SeriesRequest { meter: meter.meter.clone(), from, to, points: wanted };
            let points = request.points(until, &zone).unwrap();
            let (count, naive) = naive(&ledger, &meter, &points);
            let is_minutes = matches!(points, Points::Even(_, 1, _));
            let mut series = Series::new(&request, meter.clone(), points, until);
            let text = loop {
                if let Some(text) = series.read_on(&ledger).unwrap() {
                    break text;
                }
            };
            let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
            let rows = if is_minutes { &["mean"][..] } else { &["mean", "min", "max"] };
            for (row, name) in rows.iter().enumerate() {
                let expected: Vec<Option<f64>> = (0..count)
                    .map(|point| {
                        let (joule, watched_s, least, most) = naive.get(&point)?;
                        Some([joule / watched_s, *least, *most][row].round())
                    })
                    .collect();
                let found: Vec<Option<f64>> =
                    answer[name].as_array().unwrap().iter().map(serde_json::Value::as_f64).collect();
                assert_eq!(found.len(), expected.len(), "{name}, {days} days, {zone:?}");
                for (found, expected) in found.iter().zip(&expected) {
                    // A half may be rounded up or down.
                    let differ = found.unwrap_or(-9.0) - expected.unwrap_or(-9.0);
                    assert!(differ.abs() <= 1.0, "{name}, {days} days, {zone:?}: {found:?}, {expected:?}");
                }
            }
        }
    }
}
