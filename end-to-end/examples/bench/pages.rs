//! Every kind of page, with years of one meter's minutes, in zones of whole and of half hours.
//!
//! Three times each: from a program that has just begun and a ledger that is not in memory; from the same program after
//! another minute was recorded; and once more. Each page has a program of its own, so that none finds what another one
//! has read.

use std::path::Path;
use std::time::Duration;

use end_to_end::measuring::{Report, fastest_to_slowest, median, milliseconds};
use end_to_end::torture::mosquitto;
use end_to_end::{Program, Site};
use jiff::civil::Date;
use meter_messages::Minute;
use tempfile::TempDir;

use crate::asking::{ask, fresh, site_of};
use crate::ledger;

const ZONES: [&str; 3] = ["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"];

/// What is kept at hand is asked for so often.
const AGAIN: usize = 5;

/// Times below this, in ms, are not compared: their ratio would be that of noise.
const COMPARED_FROM_MS: f64 = 5.0;

/// What a page took, in ms.
#[derive(Debug, Clone, Copy)]
struct Times {
    cold: f64,
    after_a_minute: f64,
    again: f64,
}

pub(crate) fn compare(report: &Report, rounds: usize, days: i64) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.sqlite");
    ledger::of_a_household(&file, days);
    let megabytes = std::fs::metadata(&file).unwrap().len() as f64 / 1e6;
    let kinds = kinds(days);
    // By kind, by zone, by round.
    let mut times = vec![vec![Vec::new(); ZONES.len()]; kinds.len()];
    for _ in 0..rounds {
        for (kind, of_kind) in round(&file, &kinds).into_iter().enumerate() {
            for (zone, of_zone) in of_kind.into_iter().enumerate() {
                times[kind][zone].push(of_zone);
            }
        }
    }
    let medians: Vec<Vec<Times>> =
        times.iter().map(|zones| zones.iter().map(|all| medians(all)).collect()).collect();
    let head =
        format!("{days} days of one meter, a ledger of {megabytes:.0} MB, {rounds} rounds; ms, medians:\n\n");
    report.tell("pages", &(head + &table(&kinds, &medians)));
}

/// Names and addresses; dates are of the middle of what is recorded, and of yesterday.
pub(crate) fn kinds(days: i64) -> Vec<(&'static str, String)> {
    let now = daemon_runtime::now().as_second();
    let date = |days_ago: i64| -> Date {
        let at = jiff::Timestamp::from_second(now - days_ago * 86_400).unwrap();
        at.to_zoned_datetime(jiff::tz::TimeZone::UTC).date()
    };
    let (middle, yesterday, first) = (date(days / 2), date(1), date(days - 1));
    let page = |rest: &str| format!("/m/{}{rest}", ledger::MAIN);
    let data = |rest: &str| format!("/api/v1/meters/{}{rest}", ledger::MAIN);
    let week = |date: Date| {
        let week = date.iso_week_date();
        page(&format!("/week/{:04}-W{:02}", week.year(), week.week()))
    };
    let month = |date: Date| page(&format!("/month/{:04}-{:02}", date.year(), date.month()));
    let rows =
        |step: &str, from: Date, to: Date| data(&format!("/energy.csv?from={from}&to={to}&step={step}"));
    let month_later = middle.saturating_add(jiff::Span::new().days(30));
    vec![
        ("now", page("")),
        ("hour", page(&format!("/hour/{middle}T17"))),
        ("yesterday", page(&format!("/day/{yesterday}"))),
        ("day", page(&format!("/day/{middle}"))),
        ("this week", week(yesterday)),
        ("week", week(middle)),
        ("this month", month(yesterday)),
        ("month", month(middle)),
        ("this year", page(&format!("/year/{:04}", yesterday.year()))),
        ("year", page(&format!("/year/{:04}", middle.year()))),
        ("all", page("/all")),
        ("readings", page("/readings")),
        ("trust, JSON", data("/trust")),
        ("series of a day", data(&format!("/series?from={}&to={now}&points=1440", now - 86_400))),
        ("series of a year", data(&format!("/series?from={}&to={now}&points=1000", now - 365 * 86_400))),
        ("series of all", data(&format!("/series?from={}&to={now}&points=2000", now - days * 86_400))),
        ("a month's minutes, CSV", rows("minute", middle, month_later)),
        ("all hours, CSV", rows("hour", first, yesterday)),
        ("all days, CSV", rows("day", first, yesterday)),
    ]
}

/// By kind and zone.
fn round(file: &Path, kinds: &[(&str, String)]) -> Vec<Vec<Times>> {
    let broker = Site::new("");
    let _mosquitto = mosquitto::spawn(&broker);
    ledger::catch_up(file);
    let visits: Vec<Vec<Visit>> = kinds
        .iter()
        .map(|(_, path)| ZONES.map(|zone| Visit::first(file, zone, &broker, path)).into())
        .collect();
    wait_for_next_minute();
    ledger::catch_up(file);
    // What is answered once a second is answered anew.
    std::thread::sleep(Duration::from_secs(1));
    visits.iter().map(|zones| zones.iter().map(Visit::others).collect()).collect()
}

/// A page in a zone, by a program of its own.
struct Visit {
    site: Site,
    _web: Program,
    path: String,
    cold: f64,
}

impl Visit {
    fn first(file: &Path, zone: &str, broker: &Site, path: &str) -> Self {
        let site = site_of(file, zone, broker.mqtt);
        let web = fresh(&site, file);
        let cold = milliseconds(ask(site.web, path));
        Self { site, _web: web, path: path.to_owned(), cold }
    }

    fn others(&self) -> Times {
        let took = || milliseconds(ask(self.site.web, &self.path));
        let after_a_minute = took();
        Times { cold: self.cold, after_a_minute, again: median((0..AGAIN).map(|_| took())) }
    }
}

pub(crate) fn wait_for_next_minute() {
    let second = daemon_runtime::now().as_second().rem_euclid(Minute::SECONDS);
    std::thread::sleep(Duration::from_secs((Minute::SECONDS - second) as u64));
}

fn medians(all: &[Times]) -> Times {
    let of = |figure: fn(&Times) -> f64| median(all.iter().map(figure));
    Times { cold: of(|it| it.cold), after_a_minute: of(|it| it.after_a_minute), again: of(|it| it.again) }
}

fn table(kinds: &[(&str, String)], medians: &[Vec<Times>]) -> String {
    let mut table = "| page | Berlin: cold, after a minute, again | Kolkata | Lord Howe | slowest zone, cold, by Berlin |\n\
        |---|---|---|---|---|\n"
        .to_owned();
    for ((name, _), zones) in kinds.iter().zip(medians) {
        let cells: Vec<String> = zones
            .iter()
            .map(|it| format!("{:.1}, {:.1}, {:.1}", it.cold, it.after_a_minute, it.again))
            .collect();
        table += &format!("| {name} | {} | {:.2} |\n", cells.join(" | "), ratio(zones));
    }
    let all = || medians.iter().flatten();
    let (_, cold) = fastest_to_slowest(all().map(|it| it.cold));
    let (_, minute) = fastest_to_slowest(all().map(|it| it.after_a_minute));
    let (_, again) = fastest_to_slowest(all().map(|it| it.again));
    let worst = medians.iter().filter(|zones| zones[0].cold >= COMPARED_FROM_MS).map(|zones| ratio(zones));
    let (_, worst) = fastest_to_slowest(worst);
    table
        + &format!(
            "\nThe slowest page: {cold:.0} ms cold, {minute:.0} ms after a minute, {again:.1} ms again. The slowest zone by \
         Berlin, of pages that take {COMPARED_FROM_MS} ms or more: {worst:.2}.\n"
        )
}

/// Of the slowest zone to the first one, cold.
fn ratio(zones: &[Times]) -> f64 {
    fastest_to_slowest(zones.iter().map(|it| it.cold)).1 / zones[0].cold
}
