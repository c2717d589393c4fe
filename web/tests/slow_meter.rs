//! A Ferraris meter of 75 pulses per kWh in a house that takes 200 W: a pulse each four minutes. Wherever power is
//! shown it is 200 W, and nowhere the 0 and 800 W of minutes without and with a pulse.
#![allow(clippy::unwrap_used)]

mod site;

use std::io::Cursor;

use calamine::{DataType, Reader, Xlsx};
use jiff::ToSpan;
use meter_ledger::Ledger;
use meter_messages::{Info, MeterConstant, Minute, PulseCount};
use meter_rrd::MeterDatabase;
use site::{Site, berlin, info, meter};
use tempfile::TempDir;

const ENERGY: &str = "/api/v1/meters/hq/main/energy";

/// Four days up to now, without two hours of them.
fn minutes() -> Vec<(Minute, u32)> {
    let now = daemon_runtime::now().as_second() / 60;
    let watched = (now - 4 * 1440..now).filter(|at| !(now - 2000..now - 1880).contains(at));
    watched.map(|at| (Minute::nearest(at), u32::from(at % 4 == 1))).collect()
}

fn site(minutes: &[(Minute, u32)]) -> Site {
    let dir = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let info = Info { constant: MeterConstant::try_from(75).unwrap(), ..info("Hauptzähler") };
    let mark = batch.register(&meter(), &info).unwrap();
    let mut total = 1000;
    for (seq, (minute, pulses)) in (1..).zip(minutes) {
        total += u64::from(*pulses);
        let count = PulseCount { minute: *minute, watched_s: 60, seq, pulses: *pulses, total };
        batch.record(&mark, &count).unwrap();
    }
    batch.commit().unwrap();
    MeterDatabase::rebuild(&dir.path().join("rrd"), &meter(), minutes[0].0, minutes.iter().copied()).unwrap();
    Site::over(dir, 1)
}

fn yesterday() -> String {
    let today = daemon_runtime::now().to_zoned_datetime(berlin()).date();
    today.saturating_sub(1.day()).to_string()
}

#[test]
fn files_say_what_flows_and_count_what_was_counted() {
    let minutes = minutes();
    let site = site(&minutes);
    let first = minutes[0].0.timestamp();
    for step in ["minute", "hour"] {
        let query = format!("from={first}&step={step}");
        let json = site.json(&format!("{ENERGY}?{query}"));
        let rows = json["rows"].as_array().unwrap();
        let counted: u64 = rows.iter().map(|row| row["pulses"].as_u64().unwrap()).sum();
        assert_eq!(counted, minutes.iter().map(|(_, pulses)| u64::from(*pulses)).sum::<u64>());
        let kwh: f64 = rows.iter().map(|row| row["kwh"].as_f64().unwrap()).sum();
        assert!((kwh - counted as f64 / 75.0).abs() < 1e-6, "{kwh}");
        // An hour that was not watched as a whole has a pulse more or less than its part.
        let is_whole = |row: &serde_json::Value| step == "minute" || row["minutes"] == 60;
        for row in rows.iter().filter(|row| is_whole(row)) {
            assert_eq!(row["mean_w"].as_f64(), Some(200.0), "{row}");
        }
        let csv = site.get(&format!("{ENERGY}.csv?{query}")).text();
        let mean = |line: &str| line.split(',').nth(6).unwrap().parse::<f64>().unwrap();
        let by_csv = csv.lines().skip(1).map(mean);
        assert!(by_csv.eq(rows.iter().map(|row| row["mean_w"].as_f64().unwrap())), "{csv}");
        let workbook = site.get(&format!("{ENERGY}.xlsx?{query}&lang=en")).body;
        let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(workbook)).unwrap();
        let sheet = workbook.worksheet_range("Energy").unwrap();
        let means = sheet.rows().skip(1).map(|cells| cells[6].get_float().unwrap());
        assert!(means.zip(rows).all(|(mean, row)| (mean - row["mean_w"].as_f64().unwrap()).abs() < 0.06));
    }
}

#[test]
fn charts_have_no_comb() {
    let minutes = minutes();
    let site = site(&minutes);
    let (from, to) = (minutes[0].0.start(), minutes[minutes.len() - 1].0.end());
    for points in [2000, 1000, 400, 50] {
        let path = format!("/api/v1/meters/hq/main/series?from={from}&to={to}&points={points}");
        let series = site.json(&path);
        for name in ["mean", "min", "max"] {
            let row = series[name].as_array().unwrap();
            // Two hours were not watched: they are not 0.
            let is_200 = |watts: &serde_json::Value| watts.is_null() || *watts == 200;
            assert!(row.iter().all(is_200), "{name} of {points}: {row:?}");
            assert!(row.iter().any(|watts| *watts == 200));
        }
        let has_gap = series["mean"].as_array().unwrap().iter().any(serde_json::Value::is_null);
        assert!(has_gap || points == 50, "{points}");
    }
}

#[test]
fn pages_know_no_minute_of_800_w() {
    let minutes = minutes();
    let site = site(&minutes);
    let yesterday = yesterday();
    let page = |path: &str| {
        let answer = site.get(path);
        assert_eq!(answer.status, 200, "{path}");
        answer.text()
    };
    for period in [format!("day/{yesterday}"), format!("year/{}", &yesterday[..4]), "all".to_owned()] {
        let page = page(&format!("/m/hq/main/{period}?lang=en"));
        let (_, card) = page.split_once("<dt>Peak minute</dt>").unwrap();
        let shown = card.split_once("class=\"value\">").unwrap().1;
        assert_eq!(shown.split('<').next(), Some("200"), "{period}");
    }
    let meter = page("/m/hq/main?lang=en");
    assert!(meter.contains("200 W") && !meter.contains("800 W"), "{meter}");
    for kind in ["hour", "day", "week", "month"] {
        assert!(page(&format!("/m/hq/main/{kind}.svg")).contains("<svg"), "{kind}");
    }
}
