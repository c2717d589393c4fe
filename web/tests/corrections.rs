//! What people say of times that were counted wrongly: pages, figures, files and charts show at once what is right, and
//! mark it; and a meter's page names minutes that cannot be.
#![allow(clippy::unwrap_used)]

mod site;

use jiff::Timestamp;
use meter_ledger::{CorrectionKind, Factor, Ledger, NewCorrection, Undone};
use meter_messages::Minute;
use site::{Site, kwh, meter, minute, pulses, record};
use tempfile::TempDir;

const ENERGY: &str = "/api/v1/meters/hq/main/energy";

fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

/// Says something of a meter that is recorded; the correction's number.
fn say(site: &Site, from: &str, to: &str, kind: CorrectionKind) -> i64 {
    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let (span, reason) = (minute(from)..minute(to), "the <contact> bounced".to_owned());
    let said =
        batch.correct(&meter(), &NewCorrection { span, kind, reason, by: "ernst".into() }, now()).unwrap();
    batch.commit().unwrap();
    said.id
}

/// The kWh of a local day of October 2025, as a page asks for it that was asked for before.
fn day(site: &Site) -> f64 {
    let month = site.json(&format!("{ENERGY}?from=2025-10-21&to=2025-10-22&step=day"));
    month["rows"][0]["kwh"].as_f64().unwrap()
}

/// Those of the minutes that are recorded, from 2025-10-21T00:00+02:00 on.
fn counted(site: &Site, but: impl Fn(Minute) -> bool) -> f64 {
    let day = minute("2025-10-20T22:00:00Z")..minute("2025-10-21T22:00:00Z");
    kwh(&site.minutes, |at| day.contains(&at) && !but(at))
}

fn is_about(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn what_is_corrected_is_shown_at_once_and_marked() {
    let site = Site::start();
    const PAGE: &str = "/m/hq/main/day/2025-10-21?lang=en";
    let page = |extra: &str| site.get(&format!("{PAGE}{extra}")).text();
    let series = || {
        let span = (minute("2025-10-21T10:00:00Z").start(), minute("2025-10-21T11:00:00Z").start());
        let edition = Ledger::open_read_only(&site.dir.path().join("ledger.sqlite")).unwrap();
        let edition = edition.meter(&meter()).unwrap().unwrap().edition();
        site.json(&format!(
            "/api/v1/meters/hq/main/series?from={}&to={}&points=60&edition={edition}",
            span.0, span.1
        ))
    };
    assert!(is_about(day(&site), counted(&site, |_| false)));
    assert!(!page("").contains("id=\"corrections\""));
    assert!(!page("").contains("data-edition"));
    assert_eq!(series()["watched_s"], 3600);

    let (from, to) = ("2025-10-21T10:20:00Z", "2025-10-21T10:30:00Z");
    let void = say(&site, from, to, CorrectionKind::Void);
    let is_void = |at: Minute| minute(from) <= at && at < minute(to);
    assert!(is_about(day(&site), counted(&site, is_void)));
    assert_eq!(series()["watched_s"], 3000, "a chart is not kept that shows what was counted");
    let text = page("&a=1");
    let (_, list) = text.split_once("id=\"corrections\"").unwrap();
    let (list, _) = list.split_once("</section>").unwrap();
    let told = [from, "10\u{a0}min: not watched", "the &#60;contact&#62; bounced"];
    assert!(told.iter().all(|told| list.contains(told)), "{list}");
    assert!(text.contains("data-edition=\"1\""));
    let german = site.get("/m/hq/main/month/2025-10?lang=de").text();
    assert!(german.contains("Korrigiert") && german.contains("nicht beobachtet"), "{german}");
    assert!(!site.get("/m/hq/main/day/2025-10-22").text().contains("id=\"corrections\""));
    let trust = site.json("/api/v1/meters/hq/main/trust");
    let gap = trust["newest_gaps"].as_array().unwrap().iter().find(|gap| gap["from"] == from).unwrap();
    assert_eq!((&gap["reason"], &gap["unwatched_s"]), (&"void".into(), &600.into()));

    // Two more, in a file.
    say(&site, "2025-10-21T10:40:00Z", "2025-10-21T10:42:00Z", CorrectionKind::Replace { pulses: 9 });
    let half = CorrectionKind::Scale(Factor::new(1, 2).unwrap());
    say(&site, "2025-10-21T10:50:00Z", "2025-10-21T10:55:00Z", half);
    let query = "from=2025-10-21T10:00:00Z&to=2025-10-21T11:00:00Z";
    let csv = site.get(&format!("{ENERGY}.csv?{query}&step=hour")).text();
    let hour: Vec<&str> = csv.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((hour[2], hour[3], hour[7]), ("50", "3000", "17"), "{csv}");
    let rows = site.json(&format!("{ENERGY}?{query}&step=minute"));
    let of = |at: &str, name: &str| {
        let row = rows["rows"].as_array().unwrap().iter().find(|row| row["start"] == at);
        row.and_then(|row| row[name].as_u64())
    };
    assert_eq!(rows["rows"].as_array().unwrap().len(), 50);
    assert_eq!(
        (of("2025-10-21T10:40:00Z", "pulses"), of("2025-10-21T10:41:00Z", "pulses")),
        (Some(4), Some(5))
    );
    let marks = ["10:39", "10:40", "10:54", "10:55"]
        .map(|at| of(&format!("2025-10-21T{at}:00Z"), "corrected_minutes"));
    assert_eq!(marks, [None, Some(1), Some(1), None]);
    let half: u64 = (50..55).map(|at| of(&format!("2025-10-21T10:{at}:00Z"), "pulses").unwrap()).sum();
    let whole: u64 = (50..55).map(|at| u64::from(pulses(minute(&format!("2025-10-21T10:{at}:00Z"))))).sum();
    assert_eq!(half, whole.div_ceil(2));

    let told = site.json("/api/v1/meters/hq/main/corrections");
    let told = told["corrections"].as_array().unwrap();
    let kinds: Vec<_> =
        told.iter().map(|it| (it["kind"].as_str().unwrap(), it["by"].as_str().unwrap())).collect();
    assert_eq!(kinds, [("void", "ernst"), ("replace", "ernst"), ("scale", "ernst")]);
    assert_eq!((&told[1]["pulses"], &told[2]["factor"]), (&9.into(), &"1/2".into()));
    assert_eq!(
        (&told[0]["from"], &told[0]["to"], &told[0]["said"]),
        (&from.into(), &to.into(), &now().to_string().into())
    );

    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    for id in void..void + 3 {
        batch.undo(id, &Undone { at: now(), by: "anna".into(), reason: Some("it did not".into()) }).unwrap();
    }
    batch.commit().unwrap();
    assert!(is_about(day(&site), counted(&site, |_| false)));
    assert!(!page("&a=2").contains("id=\"corrections\""));
    let told = site.json("/api/v1/meters/hq/main/corrections");
    assert_eq!(told["corrections"][0]["undone"]["reason"], "it did not");
}

#[test]
fn a_meters_page_names_minutes_that_cannot_be() {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    // What a minute can have with 60 pulses is 3,600 W.
    let site = Site::set_up(dir, 1, "[[meter]]\nid = 'hq/main'\nmax_power_w = 3520\n");
    let page = site.get("/m/hq/main?lang=en").text();
    let (_, list) = page.split_once("id=\"implausible\"").unwrap();
    let (list, _) = list.split_once("</section>").unwrap();
    assert!(list.contains("3,520\u{a0}W is the most") && list.contains("3,600\u{a0}W"), "{list}");
    assert_eq!(list.matches("sudo powerpi ledger void hq/main 20").count(), 5, "{list}");
    let newest = minutes.iter().rev().find(|at| pulses(**at) == 60).unwrap();
    assert!(list.contains(&format!("void hq/main {newest} ")), "{list}");
    let german = site.get("/m/hq/main?lang=de").text();
    assert!(
        german.contains("3.520\u{a0}W ist das Höchste") && german.contains("--reason &#34;Prellen&#34;"),
        "{german}"
    );

    let dir = TempDir::new().unwrap();
    record(dir.path(), "Haus");
    let page = Site::set_up(dir, 1, "").get("/m/hq/main").text();
    assert!(page.contains("<div id=\"implausible\" data-part></div>"), "nothing is wrong");
}
