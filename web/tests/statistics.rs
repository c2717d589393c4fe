//! Statistics for Home Assistant: hours of UTC, their sum and the meter's reading.
#![allow(clippy::unwrap_used)]

mod site;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::strtime;
use meter_messages::{ConstantFrom, Info, MeterConstant, Minute};
use site::{Site, info, minute, pulses, record_minutes};
use tempfile::TempDir;

const STATISTICS: &str = "/api/v1/meters/hq/main/statistics.csv";

/// From this minute on a pulse is twice as much.
const OTHER_METER: &str = "2025-10-26T11:30:00Z";

/// Over the end of summer time, with a gap of two hours and a bit.
fn site() -> Site {
    let span = |from: &str, to: &str| minute(from).epoch_minutes()..minute(to).epoch_minutes();
    let minutes: Vec<Minute> = span("2025-10-25T20:13:00Z", "2025-10-26T15:50:00Z")
        .chain(span("2025-10-26T18:10:00Z", "2025-10-27T02:20:00Z"))
        .map(Minute::nearest)
        .collect();
    let constant = |constant: u64| MeterConstant::try_from(constant).unwrap();
    let from = |at: &str, pulses| ConstantFrom { minute: minute(at), constant: constant(pulses) };
    let history = vec![from("2020-01-01T00:00:00Z", 1000), from(OTHER_METER, 500)];
    let dir = TempDir::new().unwrap();
    record_minutes(dir.path(), &Info { constant: constant(500), history, ..info("Haus") }, &minutes);
    let mut site = Site::over(dir, 1);
    site.minutes = minutes;
    site
}

fn kwh(at: Minute) -> f64 {
    f64::from(pulses(at)) / if at < minute(OTHER_METER) { 1000.0 } else { 500.0 }
}

/// What each hour has, by hand.
fn hours(site: &Site) -> BTreeMap<i64, f64> {
    let mut hours = BTreeMap::new();
    for at in &site.minutes {
        *hours.entry(at.epoch_minutes() / 60).or_default() += kwh(*at);
    }
    hours
}

/// Hours and the figures behind the first three columns.
fn rows(text: &str) -> Vec<(i64, Vec<f64>)> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let start = strtime::parse("%d.%m.%Y %H:%M", fields[2]).unwrap().to_datetime().unwrap();
        let start: Timestamp = jiff::tz::TimeZone::UTC.to_timestamp(start).unwrap();
        let figures = fields[3..].iter().map(|field| field.parse().unwrap());
        (start.as_second() / 3600, figures.collect())
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn every_hour_has_its_sum_and_its_reading() {
    let site = site();
    let answer = site.get(STATISTICS);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"hq-main-statistics.csv\"");
    let text = answer.text();
    assert!(text.starts_with("statistic_id,unit,start,sum,state\r\npowerpi:hq_main,kWh,25.10.2025 20:00,"));
    let hours = hours(&site);
    let rows = rows(&text);
    // What was not watched is not there; the hour that the clock shows twice is.
    assert_eq!(
        rows.iter().map(|(hour, _)| *hour).collect::<Vec<_>>(),
        hours.keys().copied().collect::<Vec<_>>()
    );
    let mut sum = 0.0;
    for ((hour, figures), kwh) in rows.iter().zip(hours.values()) {
        sum += kwh;
        let [said, state] = figures[..] else { panic!("{figures:?}") };
        assert!((said - sum).abs() < 1e-6, "hour {hour}: {said} instead of {sum}");
        // The meter showed 10,000 kWh when it was first seen.
        assert!((state - sum - 10_000.0).abs() < 1e-6, "hour {hour}: {state} after {sum}");
    }
}

#[test]
fn a_part_goes_on_where_the_part_before_ended() {
    let site = site();
    let whole = site.get(STATISTICS).text();
    let part = site.get(&format!("{STATISTICS}?from=2025-10-26&to=2025-10-26T14:30:00Z")).text();
    let lines: Vec<&str> = part.lines().collect();
    assert!(
        lines[1].contains("25.10.2025 22:00") && lines.last().unwrap().contains("26.10.2025 13:00"),
        "{part}"
    );
    assert!(whole.contains(&lines[1..].join("\r\n")), "{part} is no part of {whole}");
    let nothing = site.get(&format!("{STATISTICS}?from=2001-01-01&to=2001-02-01")).text();
    assert_eq!(nothing.lines().count(), 1);
}

#[test]
fn an_entity_gets_what_each_hour_adds() {
    let site = site();
    let text = site.get(&format!("{STATISTICS}?statistic_id=sensor.haus_energy")).text();
    assert!(text.starts_with("statistic_id,unit,start,delta\r\nsensor.haus_energy,kWh,25.10.2025 20:00,"));
    for ((hour, figures), (expected, kwh)) in rows(&text).iter().zip(hours(&site)) {
        assert_eq!((*hour, figures.len()), (expected, 1));
        assert!((figures[0] - kwh).abs() < 1e-6, "hour {hour}: {figures:?} instead of {kwh}");
    }
}

#[test]
fn an_hour_in_progress_is_not_told() {
    let site = Site::start();
    let rows = rows(&site.get(STATISTICS).text());
    let newest = site.minutes.last().unwrap().epoch_minutes() + 1;
    // The last whole hour; a minute may have begun since the ledger was written.
    assert!((newest / 60 - 1..=newest / 60).contains(&rows.last().unwrap().0));
    let now = daemon_runtime::now().as_second() / 3600;
    assert!(rows.last().unwrap().0 < now);
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let site = site();
    for (query, parameter) in [
        ("statistic_id=Haus", "statistic_id"),
        ("statistic_id=sensor.x%0d%0a1,2", "statistic_id"),
        ("from=2026-01-02&to=2026-01-01", "to"),
        ("to=2026-02-30", "to"),
    ] {
        let answer = site.get(&format!("{STATISTICS}?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(said["parameter"], parameter, "{query}");
    }
    assert_eq!(site.get("/api/v1/meters/hq/other/statistics.csv").status, 404);
}
