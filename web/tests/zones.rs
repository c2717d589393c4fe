//! Clocks that are set by half an hour, or where hours are not those of UTC: each page shows its own time, and each
//! time has a page of its own.
#![allow(clippy::unwrap_used)]

mod site;

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, DataType, Reader, Xlsx};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_messages::{ConstantFrom, Info, MeterConstant, Minute};
use site::{Site, info, kwh, minute, pulses, record_minutes};
use tempfile::TempDir;

fn site(zone: &str, from: &str, to: &str) -> Site {
    let minutes: Vec<Minute> =
        (minute(from).epoch_minutes()..minute(to).epoch_minutes()).map(Minute::nearest).collect();
    let dir = TempDir::new().unwrap();
    record_minutes(dir.path(), &info("Haus"), &minutes);
    let mut site = Site::set_up(dir, 1, &format!("time_zone = '{zone}'"));
    site.minutes = minutes;
    site
}

fn page(site: &Site, path: &str) -> String {
    let answer = site.get(&format!("/m/hq/main/{path}?lang=en"));
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

/// The energy that a page shows.
fn shown(page: &str) -> &str {
    page.split_once("data-kwh=\"whole\">").unwrap().1.split_once('<').unwrap().0
}

fn between(site: &Site, from: &str, to: &str) -> String {
    format!("{:.3}", kwh(&site.minutes, |at| (minute(from)..minute(to)).contains(&at)))
}

/// What its table's rows are called, and the energy of each.
fn rows(page: &str) -> Vec<(String, String)> {
    let table = page.split_once("id=\"parts-card\"").unwrap().1.split_once("</table>").unwrap().0;
    let row = |row: &str| {
        let (head, rest) = row.split_once("</th><td>").unwrap();
        let name = head.trim_end_matches("</a>").rsplit('>').next().unwrap();
        (name.to_owned(), rest.split_once('<').unwrap().0.to_owned())
    };
    table.split("<tr><th scope=\"row\">").skip(1).map(row).collect()
}

#[test]
fn a_clock_that_is_set_by_half_an_hour_moves_no_energy() {
    let site = site("Australia/Lord_Howe", "2025-03-31T13:00:00Z", "2025-04-12T00:00:00Z");
    // On the sixth at two in the morning it was half past one: 24 hours and a half.
    let midnights =
        ["2025-04-04T13:00:00Z", "2025-04-05T13:00:00Z", "2025-04-06T13:30:00Z", "2025-04-07T13:30:00Z"];
    let month = rows(&page(&site, "month/2025-04"));
    for (day, two) in (5..).zip(midnights.windows(2)) {
        let expected = between(&site, two[0], two[1]);
        assert_eq!(month[day - 1].1, expected, "{}", month[day - 1].0);
        assert_eq!(shown(&page(&site, &format!("day/2025-04-{day:02}"))), expected);
        let (from, to) = (day, day + 1);
        let query = format!("from=2025-04-{from:02}&to=2025-04-{to:02}");
        for step in ["hour", "day"] {
            let answer = site.json(&format!("/api/v1/meters/hq/main/energy?{query}&step={step}"));
            let sum: f64 =
                answer["rows"].as_array().unwrap().iter().map(|row| row["kwh"].as_f64().unwrap()).sum();
            assert_eq!(format!("{sum:.3}"), expected, "{query} by {step}");
        }
    }
    let hours = rows(&page(&site, "day/2025-04-06"));
    assert_eq!(hours.len(), 25);
    assert_eq!(
        hours[1..4],
        [
            ("01:00".into(), between(&site, "2025-04-05T14:00:00Z", "2025-04-05T15:00:00Z")),
            ("01:30 (+10:30)".into(), between(&site, "2025-04-05T15:00:00Z", "2025-04-05T15:30:00Z")),
            ("02:00".into(), between(&site, "2025-04-05T15:30:00Z", "2025-04-05T16:30:00Z")),
        ]
    );
}

#[test]
fn each_of_two_hours_alike_has_its_page() {
    for (zone, days, names, edges) in [
        (
            "America/St_Johns",
            ("2025-10-31T00:00:00Z", "2025-11-04T00:00:00Z"),
            ["2025-11-02T01", "2025-11-02T01-0330"],
            ["2025-11-02T03:30:00Z", "2025-11-02T04:30:00Z", "2025-11-02T05:30:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            ("2025-04-04T00:00:00Z", "2025-04-08T00:00:00Z"),
            ["2025-04-06T01", "2025-04-06T01+1030"],
            ["2025-04-05T14:00:00Z", "2025-04-05T15:00:00Z", "2025-04-05T15:30:00Z"],
        ),
    ] {
        let site = site(zone, days.0, days.1);
        let pages = names.map(|name| page(&site, &format!("hour/{name}")));
        let steps = pages.each_ref().map(|page| {
            let step = |rel: &str| {
                let (_, rest) = page.split_once(&format!("rel=\"{rel}\" href=\"/m/hq/main/hour/")).unwrap();
                rest.split_once('?').unwrap().0.to_owned()
            };
            (step("prev"), step("next"))
        });
        assert_eq!(
            (steps[0].1.as_str(), steps[1].0.as_str()),
            (names[1], names[0]),
            "one leads to the other"
        );
        assert!(!names.contains(&steps[0].0.as_str()) && !names.contains(&steps[1].1.as_str()), "{steps:?}");
        for (page, two) in pages.iter().zip(edges.windows(2)) {
            assert_eq!(shown(page), between(&site, two[0], two[1]), "{zone}: from {}", two[0]);
            let page = page.replace("&#38;", "&").replace("&amp;", "&");
            let download = format!("energy.csv?from={}&to={}&step=minute", two[0], two[1]);
            assert!(page.contains(&download), "{download}");
        }
        let title = |page: &str| page.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0.to_owned();
        assert_ne!(title(&pages[0]), title(&pages[1]));
        let day = page(&site, &format!("day/{}", &names[0][..10]));
        assert!(names.iter().all(|name| day.contains(&format!("href=\"/m/hq/main/hour/{name}?lang=en\""))));
    }
    // As the address was before.
    let site = site("America/St_Johns", "2025-11-02T00:00:00Z", "2025-11-03T00:00:00Z");
    let (old, new) = (page(&site, "hour/2025-11-02T01-03"), page(&site, "hour/2025-11-02T01-0330"));
    assert_eq!(shown(&old), shown(&new));
}

/// The days around which clocks are set in some zone in 2026, and the one with which the bill's month begins.
const AWKWARD_DAYS: [&str; 8] = [
    "2026-03-08",
    "2026-03-29",
    "2026-04-05",
    "2026-05-17",
    "2026-09-27",
    "2026-10-04",
    "2026-10-25",
    "2026-11-01",
];

/// Another price since a day, and another one from each noon on; what is paid for a month begins with the 17th.
const AWKWARD_TARIFFS: &str = "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_month = 9\nbills_from = '17'\n\
                               [[tariff.time]]\nhours = '12-24'\nprice_per_kwh = 0.20\n\
                               [[tariff]]\nfrom = '2026-04-05'\nprice_per_kwh = 0.40\nbase_fee_per_month = 12\n\
                               bills_from = '17'\n[[tariff.time]]\nhours = '12-24'\nprice_per_kwh = 0.25\n";

/// The meter was replaced at noon.
const AWKWARD_REPLACED: &str = "2026-04-05T12:00:00Z";

/// What a day or month comes to: pulses, kWh, what these cost, and the fee of all of it.
type Reckoned = (u64, f64, f64, f64);

/// The minutes of the days around those, without four hours over each of their midnights.
fn awkward_minutes() -> Vec<Minute> {
    let around = |day: &str| {
        let noon = minute(&format!("{day}T12:00:00Z")).epoch_minutes();
        (noon - 36 * 60..noon + 36 * 60).filter(move |at| !(noon + 10 * 60..noon + 14 * 60).contains(at))
    };
    AWKWARD_DAYS.into_iter().flat_map(around).map(Minute::nearest).collect()
}

/// Minute by minute, by the clock of a zone; `whole` is what a day or month begins with, from its first day on.
fn reckoned(minutes: &[Minute], zone: &TimeZone, whole: impl Fn(Date) -> Date) -> BTreeMap<Date, Reckoned> {
    let local = |at: i64| zone.to_datetime(Minute::nearest(at).timestamp());
    let begins = |day: Date| zone.to_timestamp(day.at(0, 0, 0, 0)).unwrap().as_second() / 60;
    let mut all: BTreeMap<Date, Reckoned> = BTreeMap::new();
    for at in minutes {
        let (pulses, clock) = (pulses(*at), local(at.epoch_minutes()));
        let kwh = f64::from(pulses) / if *at < minute(AWKWARD_REPLACED) { 1000.0 } else { 500.0 };
        let price = match (clock.date() < Date::constant(2026, 4, 5), clock.hour() < 12) {
            (true, true) => 0.30,
            (true, false) => 0.20,
            (false, true) => 0.40,
            (false, false) => 0.25,
        };
        let sum = all.entry(whole(clock.date())).or_default();
        (sum.0, sum.1, sum.2) = (sum.0 + u64::from(pulses), sum.1 + kwh, sum.2 + kwh * price);
    }
    // A fee is paid whether anybody watched or not.
    let month_of =
        |day: Date| if day.day() < 17 { day.first_of_month() - 1.month() } else { day.first_of_month() };
    let bill = |month: Date| begins(month.with().day(17).build().unwrap());
    for (begin, sum) in &mut all {
        let end = if whole(*begin + 1.day()) == *begin { *begin + 1.month() } else { *begin + 1.day() };
        for day in begin.series(1.day()).take_while(|day| *day < end) {
            let fee = if day < Date::constant(2026, 4, 5) { 9.0 } else { 12.0 };
            let month = month_of(day);
            let length = bill(month + 1.month()) - bill(month);
            sum.3 += fee * (begins(day + 1.day()) - begins(day)) as f64 / length as f64;
        }
    }
    all
}

/// Rows of files: their first day, pulses, kWh, cost without fee, and fee.
fn by_csv(site: &Site, step: &str, to: Date) -> Vec<(Date, Reckoned)> {
    let path = format!("/api/v1/meters/hq/main/energy.csv?from=2026-03-01&to={to}&step={step}");
    let text = site.get(&path).text();
    let names: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let field = |name: &str| fields[names.iter().position(|is| *is == name).unwrap()];
        let number = |name: &str| field(name).parse::<f64>().unwrap();
        let day = field("local")[..10].parse().unwrap();
        (day, (number("pulses") as u64, number("kwh"), number("cost") - number("fee"), number("fee")))
    };
    text.lines().skip(1).map(row).collect()
}

/// The kWh of a workbook's rows.
fn by_workbook(site: &Site, step: &str, to: Date) -> Vec<f64> {
    let path = format!("/api/v1/meters/hq/main/energy.xlsx?from=2026-03-01&to={to}&step={step}&lang=en");
    let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(site.get(&path).body)).unwrap();
    let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
    let names: Vec<String> = sheet.rows().next().unwrap().iter().filter_map(Data::as_string).collect();
    let place = names.iter().position(|name| name.contains("kWh")).unwrap();
    sheet.rows().skip(1).map(|row| row[place].as_f64().unwrap()).collect()
}

#[test]
fn a_year_with_every_awkward_day_is_the_same_in_all_forms() {
    let minutes = awkward_minutes();
    let constant = |pulses: u64| MeterConstant::try_from(pulses).unwrap();
    let history = [("2020-01-01T00:00:00Z", 1000), (AWKWARD_REPLACED, 500)]
        .map(|(from, pulses)| ConstantFrom { minute: minute(from), constant: constant(pulses) });
    let info = Info { constant: constant(500), history: history.into(), ..info("Haus") };
    let near = |what: &str, found: f64, expected: f64, within: f64| {
        assert!((found - expected).abs() <= within, "{what}: {found}, not {expected}");
    };
    for name in
        ["Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Chatham"]
    {
        let zone = TimeZone::get(name).unwrap();
        let dir = TempDir::new().unwrap();
        record_minutes(dir.path(), &info, &minutes);
        let site = Site::set_up(dir, 1, &format!("time_zone = '{name}'\n{AWKWARD_TARIFFS}"));
        let days = reckoned(&minutes, &zone, |day| day);
        let months = reckoned(&minutes, &zone, Date::first_of_month);
        // Up to where the period is over.
        let (of_days, of_months) = (Date::constant(2026, 11, 2), Date::constant(2026, 11, 1));
        for (step, expected, to) in [("day", &days, of_days), ("month", &months, of_months)] {
            let rows = by_csv(&site, step, to);
            let found: Vec<Date> = rows.iter().map(|(day, _)| *day).collect();
            let all: Vec<Date> = expected.keys().copied().filter(|day| *day < to).collect();
            assert_eq!(found, all, "{name} by {step}");
            for ((day, row), sheet) in rows.iter().zip(by_workbook(&site, step, to)) {
                let (what, one) = (format!("{name} {step} {day}"), expected[day]);
                assert_eq!(row.0, one.0, "{what}: pulses");
                near(&format!("{what}: kWh"), row.1, one.1, 1e-6);
                near(&format!("{what}: kWh of the workbook"), sheet, one.1, 1e-6);
                near(&format!("{what}: cost"), row.2, one.2, 1e-5);
                near(&format!("{what}: fee"), row.3, one.3, 1e-5);
                let path = if step == "day" { day.to_string() } else { day.to_string()[..7].to_owned() };
                let on_page: f64 =
                    shown(&page(&site, &format!("{step}/{path}"))).replace(',', "").parse().unwrap();
                near(&format!("{what}: the page"), on_page, one.1, 0.000_51);
            }
        }
        let of_hours: u64 = by_csv(&site, "hour", of_days).iter().map(|(_, row)| row.0).sum();
        let of_days: u64 = days.range(..of_days).map(|(_, day)| day.0).sum();
        assert_eq!(of_hours, of_days, "{name} by hour");
    }
}
