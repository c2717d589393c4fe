//! Exports say what the ledger has, minute by minute: on a leap day, on days of 23
//! and 25 hours, over another meter constant at noon and other prices at New Year.
#![allow(clippy::unwrap_used)]

mod site;

use std::io::Cursor;

use calamine::{Data, DataType, Reader, Xlsx};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use meter_messages::{ConstantFrom, Info, MeterConstant, Minute};
use site::{Site, berlin, info, minute, pulses, record_as, record_minutes};
use tempfile::TempDir;

const ENERGY: &str = "/api/v1/meters/hq/main/energy";

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Cheaper by night until 2026; then dearer, without a fee, and CO₂ is known.
const TARIFFS: &str = "currency = 'CHF'\n\
                       [[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_month = 9.3\nvat_percent = 19\n\
                       [[tariff.time]]\nhours = '22-6'\nprice_per_kwh = 0.20\n\
                       [[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.40\nco2_g_per_kwh = 400\n";

/// From noon of the day of 25 hours on a pulse is twice as much.
const OTHER_METER: &str = "2025-10-26T11:00:00Z";

/// Days with a gap in one, and the local days that are asked for.
const RECORDED: [(&str, &str); 5] = [
    ("2024-02-28T20:00:00Z", "2024-03-01T02:00:00Z"),
    ("2025-03-29T20:00:00Z", "2025-03-31T02:00:00Z"),
    ("2025-10-25T20:00:00Z", "2025-10-26T15:00:00Z"),
    ("2025-10-26T15:37:00Z", "2025-10-27T02:00:00Z"),
    ("2025-12-30T20:00:00Z", "2026-01-02T02:00:00Z"),
];
const ASKED: [(&str, &str); 5] = [
    ("2024-02-29", "2024-03-01"),
    ("2025-03-30", "2025-03-31"),
    ("2025-10-26", "2025-10-27"),
    ("2025-12-31", "2026-01-02"),
    ("2025-10-01", "2026-01-01"),
];

fn recorded() -> Vec<Minute> {
    let span = |(from, to): (&str, &str)| minute(from).epoch_minutes()..minute(to).epoch_minutes();
    RECORDED.into_iter().flat_map(span).map(Minute::nearest).collect()
}

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    let minutes = recorded();
    let other = MeterConstant::try_from(500).unwrap();
    let history = [("2020-01-01T00:00:00Z", 1000), (OTHER_METER, 500)];
    let history = history.map(|(from, constant)| ConstantFrom {
        minute: minute(from),
        constant: MeterConstant::try_from(constant).unwrap(),
    });
    let info = Info { constant: other, history: history.into(), ..info("Haus") };
    record_minutes(dir.path(), &info, &minutes);
    let mut site = Site::at_cost(dir, 1, TARIFFS);
    site.minutes = minutes;
    site
}

fn local(at: Minute) -> DateTime {
    at.timestamp().to_zoned_datetime(berlin()).datetime()
}

/// What rows must come to: pulses, kWh, what the kWh cost, and g of CO₂.
#[derive(Debug, Default, Clone, Copy)]
struct Reckoned {
    pulses: u64,
    kwh: f64,
    energy_cost: f64,
    co2_g: f64,
}

/// A minute, by hand.
fn reckoned(at: Minute) -> Reckoned {
    let pulses = pulses(at).into();
    let kwh = pulses as f64 / if at < minute(OTHER_METER) { 1000.0 } else { 500.0 };
    let (price, co2_g) = match (local(at).date() < Date::constant(2026, 1, 1), local(at).hour()) {
        (true, 6..22) => (0.30 * 1.19, 0.0),
        (true, _) => (0.20 * 1.19, 0.0),
        (false, _) => (0.40, 400.0),
    };
    Reckoned { pulses, kwh, energy_cost: kwh * price, co2_g: kwh * co2_g }
}

fn sum(all: impl Iterator<Item = Reckoned>) -> Reckoned {
    all.fold(Reckoned::default(), |sum, one| Reckoned {
        pulses: sum.pulses + one.pulses,
        kwh: sum.kwh + one.kwh,
        energy_cost: sum.energy_cost + one.energy_cost,
        co2_g: sum.co2_g + one.co2_g,
    })
}

/// The minutes of local days, by hand.
fn minutes_of(site: &Site, (from, to): (&str, &str)) -> Vec<Minute> {
    let (from, to): (Date, Date) = (from.parse().unwrap(), to.parse().unwrap());
    site.minutes.iter().copied().filter(|at| (from..to).contains(&local(*at).date())).collect()
}

/// A row of an export.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    start: Minute,
    minutes: u64,
    pulses: u64,
    kwh: f64,
    cost: f64,
    fee: f64,
    co2_g: f64,
}

fn by_csv(site: &Site, (from, to): (&str, &str), step: &str) -> Vec<Row> {
    let answer = site.get(&format!("{ENERGY}.csv?from={from}&to={to}&step={step}"));
    let text = answer.text();
    let names: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let field = |name: &str| fields[names.iter().position(|is| *is == name).unwrap()];
        let number = |name: &str| field(name).parse::<f64>().unwrap();
        let start: Timestamp = field("start").parse().unwrap();
        // The local time is the same one, with its offset.
        assert_eq!(field("local").parse::<Timestamp>().unwrap(), start);
        Row {
            start: Minute::containing(start.as_second()).unwrap(),
            minutes: field("minutes").parse().unwrap(),
            pulses: field("pulses").parse().unwrap(),
            kwh: number("kwh"),
            cost: number("cost"),
            fee: number("fee"),
            co2_g: number("co2_g"),
        }
    };
    text.lines().skip(1).map(row).collect()
}

fn by_json(site: &Site, (from, to): (&str, &str), step: &str) -> Vec<Row> {
    let answer = site.json(&format!("{ENERGY}.json?from={from}&to={to}&step={step}"));
    assert_eq!(answer["currency"], "CHF");
    let row = |row: &serde_json::Value| Row {
        start: minute(row["start"].as_str().unwrap()),
        minutes: row["minutes"].as_u64().unwrap(),
        pulses: row["pulses"].as_u64().unwrap(),
        kwh: row["kwh"].as_f64().unwrap(),
        cost: row["cost"].as_f64().unwrap(),
        fee: row["fee"].as_f64().unwrap(),
        co2_g: row["co2_g"].as_f64().unwrap(),
    };
    answer["rows"].as_array().unwrap().iter().map(row).collect()
}

/// The first line of a workbook, and the numbers below it.
fn by_workbook(site: &Site, (from, to): (&str, &str), step: &str) -> (Vec<String>, Vec<Vec<Data>>) {
    let answer = site.get(&format!("{ENERGY}.xlsx?from={from}&to={to}&step={step}&lang=de"));
    assert_eq!((answer.status, answer.header("content-type")), (200, XLSX));
    let name = format!("attachment; filename=\"hq-main-{step}-{from}.xlsx\"");
    assert_eq!(answer.header("content-disposition"), name);
    let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(answer.body)).unwrap();
    let range = workbook.worksheet_range("Energie").unwrap();
    let mut rows = range.rows();
    let names = rows.next().unwrap().iter().map(|cell| cell.as_string().unwrap()).collect();
    (names, rows.map(<[Data]>::to_vec).collect())
}

/// What a date-time of a workbook shows.
fn shown(cell: &Data) -> DateTime {
    let Data::DateTime(at) = cell else { panic!("{cell:?} is no date-time") };
    let minutes = ((at.as_f64() - 25_569.0) * 1440.0).round() as i64;
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0) + minutes.minutes()
}

#[track_caller]
fn assert_near(one: f64, other: f64, within: f64, what: &str) {
    assert!((one - other).abs() <= within, "{what}: {one} instead of {other}");
}

/// Rows of any step are the minutes that the ledger has, and cost what they cost.
fn assert_as_reckoned(site: &Site, asked: (&str, &str), step: &str, rows: &[Row]) {
    let what = format!("{asked:?} by {step}");
    let minutes = minutes_of(site, asked);
    let expected = sum(minutes.iter().map(|at| reckoned(*at)));
    let total = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>();
    assert_eq!(rows.iter().map(|row| row.minutes).sum::<u64>(), minutes.len() as u64, "{what}");
    assert_eq!(rows.iter().map(|row| row.pulses).sum::<u64>(), expected.pulses, "{what}");
    assert_near(total(|row| row.kwh), expected.kwh, 1e-6, &what);
    // Each row is rounded to a ten-thousandth of a cent.
    let rounding = 2e-6 * rows.len() as f64;
    assert_near(total(|row| row.cost - row.fee), expected.energy_cost, rounding, &what);
    assert_near(total(|row| row.co2_g), expected.co2_g, 1e-3 * rows.len() as f64, &what);
}

#[test]
fn rows_of_awkward_days_are_their_minutes() {
    let site = site();
    for asked in ASKED {
        for step in ["minute", "hour", "day", "month"] {
            // A month is always whole; these days are in no month alone.
            if step == "month" && asked.0 != "2025-10-01" {
                continue;
            }
            let rows = by_csv(&site, asked, step);
            assert_as_reckoned(&site, asked, step, &rows);
            assert_eq!(by_json(&site, asked, step), rows, "{asked:?} by {step}");
        }
        let minutes = minutes_of(&site, asked);
        for (row, at) in by_csv(&site, asked, "minute").iter().zip(&minutes) {
            let expected = reckoned(*at);
            assert_eq!((row.start, row.pulses, row.kwh), (*at, expected.pulses, expected.kwh));
            assert_near(row.cost - row.fee, expected.energy_cost, 2e-6, &at.to_string());
        }
    }
    let hours = |asked| by_csv(&site, asked, "hour").len();
    assert_eq!([hours(ASKED[0]), hours(ASKED[1]), hours(ASKED[2])], [24, 23, 25]);
    // Prices change with the local year, an hour before that of UTC.
    let new_year = by_csv(&site, ASKED[3], "hour");
    let first = new_year.iter().find(|row| row.start == minute("2025-12-31T23:00:00Z")).unwrap();
    assert_near(first.cost, first.kwh * 0.40, 1e-6, "the first hour of 2026");
    assert_eq!(first.fee, 0.0);
}

#[test]
fn the_fee_is_spread_over_the_hours_of_its_month() {
    let site = site();
    for (asked, hours, of_month) in [
        (ASKED[0], 24.0, 29.0 * 24.0),
        (ASKED[1], 23.0, 31.0 * 24.0 - 1.0),
        (ASKED[2], 25.0, 31.0 * 24.0 + 1.0),
    ] {
        let expected = 9.3 * 1.19 * hours / of_month;
        for step in ["hour", "day"] {
            let fee: f64 = by_csv(&site, asked, step).iter().map(|row| row.fee).sum();
            assert_near(fee, expected, 3e-5, &format!("{asked:?} by {step}"));
        }
    }
}

#[test]
fn a_day_costs_the_same_in_its_row_and_on_its_page() {
    let site = site();
    for asked in &ASKED[..3] {
        let [row] = by_csv(&site, *asked, "day")[..] else { panic!("one day") };
        let page = site.get(&format!("/m/hq/main/day/{}?lang=en", asked.0)).text();
        let (_, card) = page.split_once("id=\"cost\"").unwrap();
        let shown = format!(">{:.2}\u{a0}CHF<", row.cost);
        assert!(card[..200].contains(&shown), "{shown} in {}", &card[..200]);
    }
}

#[test]
fn workbooks_have_the_same_numbers_and_the_clock_s_time() {
    let site = site();
    for (asked, step) in [(ASKED[0], "hour"), (ASKED[1], "hour"), (ASKED[2], "minute"), (ASKED[3], "day")] {
        let (names, lines) = by_workbook(&site, asked, step);
        let expected = [
            "Beginn (Europe/Berlin)",
            "Beginn (UTC)",
            "Erfasst (min)",
            "Beobachtet (s)",
            "Impulse",
            "Energie (kWh)",
            "Mittlere Leistung (W)",
            "Kosten (CHF)",
            "davon Grundgebühr (CHF)",
            "CO₂ (g)",
        ];
        assert_eq!(names, expected);
        let rows = by_csv(&site, asked, step);
        assert_eq!(lines.len(), rows.len(), "{asked:?} by {step}");
        for (cells, row) in lines.iter().zip(&rows) {
            let what = row.start.to_string();
            assert_eq!(shown(&cells[0]), local(row.start), "{what}");
            assert_eq!(shown(&cells[1]), row.start.timestamp().to_zoned_datetime(TimeZone::UTC).datetime());
            let number = |column: usize| cells[column].get_float().unwrap_or_else(|| panic!("{cells:?}"));
            let figures = (number(2) as u64, number(4) as u64, number(5));
            assert_eq!(figures, (row.minutes, row.pulses, row.kwh), "{what}");
            assert_near(number(7), row.cost, 1e-6, &what);
            assert_near(number(8), row.fee, 1e-6, &what);
            assert_near(number(9), row.co2_g, 1e-3, &what);
        }
    }
    let (_, nothing) = by_workbook(&site, ("2001-01-01", "2001-02-01"), "hour");
    assert!(nothing.is_empty());
}

#[test]
fn without_a_tariff_rows_have_no_cost() {
    let site = Site::start();
    let csv = site.get(&format!("{ENERGY}.csv?from=2025-10-26&to=2025-10-27")).text();
    assert!(!csv.contains("cost"), "{}", csv.lines().next().unwrap());
    let json = site.json(&format!("{ENERGY}?from=2025-10-26&to=2025-10-27"));
    assert!(json["currency"].is_null() && json["rows"][0]["cost"].is_null());
    let (names, lines) = by_workbook(&site, ("2025-10-26", "2025-10-27"), "hour");
    assert_eq!((names.len(), lines.len()), (7, 25));
}

#[test]
fn before_the_first_tariff_the_cost_is_unknown() {
    let dir = TempDir::new().unwrap();
    record_minutes(dir.path(), &info("Haus"), &recorded());
    let site = Site::at_cost(dir, 1, "[[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.4\n");
    let csv = site.get(&format!("{ENERGY}.csv?from=2025-12-31&to=2026-01-02&step=day")).text();
    let days: Vec<&str> = csv.lines().skip(1).collect();
    assert!(days.len() == 2 && days[0].ends_with(",,,,0") && !days[1].contains(",,"), "{csv}");
    let json = site.json(&format!("{ENERGY}?from=2025-12-31&to=2026-01-02&step=day"));
    assert!(json["rows"][0]["cost"].is_null() && json["rows"][1]["cost"].is_f64(), "{json}");
    let (_, lines) = by_workbook(&site, ("2025-12-31", "2026-01-02"), "day");
    assert!(lines[0][7] == Data::Empty && lines[1][7].is_float(), "{lines:?}");
}

/// What a page offers to download: addresses and their names for those who do not see them.
fn offered(site: &Site, path: &str) -> Vec<(String, String)> {
    let page = site.get(path).text();
    let (_, links) = page.split_once("id=\"downloads\"").unwrap_or_else(|| panic!("nothing on {path}"));
    let links = links.split("</section>").next().unwrap().split("<a href=\"").skip(1);
    let link = |link: &str| {
        let (address, rest) = link.split_once('"').unwrap();
        let name = rest.split_once("aria-label=\"").and_then(|(_, name)| name.split_once('"'));
        (address.replace("&#38;", "&"), name.map_or("", |(name, _)| name).to_owned())
    };
    links.map(link).collect()
}

#[test]
fn every_period_is_offered_as_files_that_hold_it() {
    let site = site();
    for (page, rows) in [
        ("hour/2025-10-26T02+01", vec![60]),
        ("day/2025-10-26", vec![25, 1500 - 37]),
        ("week/2025-W43", vec![2, 27, 1560 + 60 - 37]),
        ("month/2025-03", vec![3, 30, 1800]),
        ("year/2025", vec![3, 8, 87, 30 * 60 + 30 * 60 - 37 + 27 * 60]),
    ] {
        let offered = offered(&site, &format!("/m/hq/main/{page}?lang=en"));
        assert_eq!(offered.len(), 3 * rows.len(), "{page}: {offered:?}");
        let shown = site.get(&format!("/m/hq/main/{page}?lang=en")).text();
        let (_, kwh) = shown.split_once("data-kwh=\"whole\">").unwrap();
        let kwh: f64 = kwh.split('<').next().unwrap().replace(',', "").parse().unwrap();
        for (files, expected) in offered.chunks(3).zip(rows) {
            assert!(files[0].1.starts_with("CSV: ") && files[1].1.starts_with("Excel: "), "{files:?}");
            let csv = site.get(&files[0].0).text();
            assert_eq!(csv.lines().count() - 1, expected, "{}", files[0].0);
            let total: f64 =
                csv.lines().skip(1).map(|row| row.split(',').nth(5).unwrap().parse::<f64>().unwrap()).sum();
            assert_near(total, kwh, 0.0006, &files[0].0);
            let mut workbook: Xlsx<_> =
                calamine::open_workbook_from_rs(Cursor::new(site.get(&files[1].0).body)).unwrap();
            assert_eq!(workbook.worksheet_range("Energy").unwrap().height() - 1, expected);
            assert_eq!(site.json(&files[2].0)["rows"].as_array().unwrap().len(), expected);
        }
    }
}

#[test]
fn everything_is_offered_too_and_names_speak_the_page_s_language() {
    let site = site();
    let offered = offered(&site, "/m/hq/main/all?lang=de");
    let names: Vec<&str> = offered.iter().map(|(_, name)| name.as_str()).collect();
    // From 2024 on, minutes would be more than a year of them.
    let expected = ["CSV: Alles, nach Monaten", "Excel: Alles, nach Monaten", "JSON: Alles, nach Monaten"];
    assert_eq!((&names[..3], names.len()), (&expected[..], 3 * 3 + 2), "{names:?}");
    let all = site.json(&offered[8].0);
    let pulses: u64 = all["rows"].as_array().unwrap().iter().map(|row| row["pulses"].as_u64().unwrap()).sum();
    assert_eq!(pulses, site.minutes.iter().map(|at| u64::from(site::pulses(*at))).sum::<u64>());
    assert_eq!(names[9], "CSV: Statistik für Home Assistant");
    assert!(site.get(&offered[9].0).text().starts_with("statistic_id,"));
}

/// What is fed in is paid for, not paid; the heading says which it is.
#[test]
fn a_workbook_of_what_is_fed_in_says_what_is_earned() {
    let dir = TempDir::new().unwrap();
    let relation = meter_messages::Relation { measures: Some("export".parse().unwrap()), part_of: None };
    record_as(dir.path(), &site::meter(), &Info { relation, ..info("Einspeisung") });
    let tariff = "[[tariff]]\nfor = 'hq/main'\nprice_per_kwh = 0.08\n";
    let site = Site::at_cost(dir, 1, tariff);
    let path =
        |language: &str| format!("{ENERGY}.xlsx?from=2025-11-01&to=2025-11-02&step=day&lang={language}");
    for (language, sheet, heading) in [("de", "Energie", "Vergütung"), ("en", "Energy", "Earned")] {
        let answer = site.get(&path(language));
        let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(answer.body)).unwrap();
        let range = workbook.worksheet_range(sheet).unwrap();
        let mut rows = range.rows();
        let names: Vec<String> = rows.next().unwrap().iter().filter_map(|cell| cell.as_string()).collect();
        let at = |wanted: &str| names.iter().position(|name| name.starts_with(wanted));
        let (earned, kwh) = (at(heading).unwrap_or_else(|| panic!("{names:?}")), at(sheet).unwrap());
        let row = rows.next().unwrap();
        let number = |column: usize| row[column].as_f64().unwrap();
        assert!(number(kwh) > 0.0);
        assert_near(number(earned), number(kwh) * 0.08, 1e-4, heading);
    }
}
