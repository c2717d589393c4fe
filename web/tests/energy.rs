//! Rows of energy: local days, gaps, forms and limits.
#![allow(clippy::unwrap_used)]

mod site;

use serde_json::Value;
use site::{Site, kwh, minute, pulses};

const ENERGY: &str = "/api/v1/meters/hq/main/energy";

fn rows(site: &Site, query: &str) -> Vec<Value> {
    let mut answer = site.json(&format!("{ENERGY}?{query}"));
    serde_json::from_value(answer["rows"].take()).unwrap()
}

fn sum(rows: &[Value]) -> u64 {
    rows.iter().map(|row| row["pulses"].as_u64().unwrap()).sum()
}

#[test]
fn the_day_of_25_hours_has_25_hours() {
    let site = Site::start();
    let hours = rows(&site, "from=2025-10-26&to=2025-10-27&step=hour");
    assert_eq!(hours.len(), 25);
    assert_eq!(hours[2]["local"], "2025-10-26T02:00:00+02:00");
    assert_eq!(hours[3]["local"], "2025-10-26T02:00:00+01:00");
    assert_eq!(hours[3]["start"], "2025-10-26T01:00:00Z");
    let day = rows(&site, "from=2025-10-26&to=2025-10-27&step=day");
    assert_eq!((day.len(), day[0]["minutes"].as_u64(), sum(&hours)), (1, Some(1500), sum(&day)));
    let expected = kwh(&site.minutes, |at| {
        (minute("2025-10-25T22:00:00Z")..minute("2025-10-26T23:00:00Z")).contains(&at)
    });
    assert_eq!(day[0]["kwh"].as_f64(), Some(expected));
    let minutes = rows(&site, "from=2025-10-26&to=2025-10-27&step=minute");
    assert_eq!((minutes.len(), sum(&minutes)), (1500, sum(&day)));
}

#[test]
fn months_are_local_and_days_add_up_to_them() {
    let site = Site::start();
    let months = rows(&site, "from=2025-10-01&to=2025-11-30&step=month");
    assert_eq!(months.len(), 2);
    assert_eq!(months[1]["local"], "2025-11-01T00:00:00+01:00");
    let days = rows(&site, "from=2025-10-01&to=2025-11-01&step=day");
    // What was not recorded is not there: only the days from the 20th on.
    assert_eq!((days.len(), sum(&days)), (12, months[0]["pulses"].as_u64().unwrap()));
    assert_eq!(days[0]["minutes"], 22 * 60);
}

#[test]
fn a_minute_nobody_watched_is_absent_and_its_hour_says_so() {
    let site = Site::start();
    let gap = site.minutes.windows(2).rfind(|two| two[1].epoch_minutes() - two[0].epoch_minutes() == 181);
    let [before, after] = gap.unwrap() else { panic!("no gap") };
    let minutes = rows(
        &site,
        &format!("from={before}&to={}&step=minute", after.timestamp() + jiff::SignedDuration::from_mins(1)),
    );
    let starts: Vec<_> = minutes.iter().map(|row| row["start"].as_str().unwrap().to_owned()).collect();
    assert_eq!(starts, [before.to_string(), after.to_string()]);
    assert_eq!(minutes[0]["pulses"], pulses(*before));
    let hours = rows(&site, &format!("from={before}&to={after}&step=hour"));
    let recorded: u64 = hours.iter().map(|row| row["minutes"].as_u64().unwrap()).sum();
    assert!(recorded < 2 * 60, "{hours:?}");
}

#[test]
fn csv_and_json_say_the_same() {
    let site = Site::start();
    let query = "from=2025-10-25&to=2025-10-28&step=hour";
    let json = rows(&site, query);
    let csv = site.get(&format!("{ENERGY}.csv?{query}"));
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let text = csv.text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("start,local,minutes,watched_s,pulses,kwh,mean_w,corrected_minutes"));
    for (row, line) in json.iter().zip(lines.by_ref()) {
        let text = |name: &str| row[name].to_string().trim_matches('"').to_owned();
        let names = ["start", "local", "minutes", "watched_s", "pulses", "kwh", "mean_w"];
        assert_eq!(line, format!("{},0", names.map(text).join(",")));
    }
    assert_eq!(lines.next(), None);
    let by_accept = site.ask("GET", &format!("{ENERGY}?{query}"), &[("Accept", "text/csv")]);
    assert_eq!(by_accept.text(), text);
}

#[test]
fn an_empty_time_is_an_empty_list() {
    let site = Site::start();
    assert_eq!(rows(&site, "from=2001-01-01&to=2001-12-31&step=minute"), Vec::<Value>::new());
    assert_eq!(rows(&site, "from=2025-10-26&to=2025-10-26&step=minute"), Vec::<Value>::new());
    assert_eq!(site.get(&format!("{ENERGY}.csv?from=2001-01-01&to=2001-02-01")).text().lines().count(), 1);
    let today = rows(&site, "step=minute");
    assert!(sum(&today) == site.json("/api/v1/meters/hq/main")["today"]["pulses"].as_u64().unwrap());
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let site = Site::start();
    for (query, parameter) in [
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("step=week", "step"),
        ("from=2026-01-02&to=2026-01-01", "to"),
        ("from=2020-01-01&to=2026-01-01&step=minute", "from"),
        ("from=2000-01-01&to=2099-01-01&step=hour", "from"),
        ("from=%ff%00", "from"),
    ] {
        let answer = site.get(&format!("{ENERGY}?{query}"));
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/json"), "{query}");
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(said["parameter"], parameter, "{query}");
    }
    assert_eq!(site.get("/api/v1/meters/hq/other/energy").status, 404);
    assert_eq!(site.get("/api/v1/meters/hq/other").status, 404);
    assert_eq!(site.get("/api/v1/meters/hq/other/live").status, 404);
}
