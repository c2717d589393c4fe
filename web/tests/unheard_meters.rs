//! Meters whose minutes are recorded before anything says what they are.
#![allow(clippy::unwrap_used)]

mod site;

use std::time::{Duration, Instant};

use meter_ledger::Ledger;
use meter_messages::{Meter, PulseCount};
use site::{Site, info, minute, record};
use tempfile::TempDir;

#[test]
fn a_meter_without_info_is_on_the_status_page_until_its_info_comes() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), "Hauptzähler");
    let path = dir.path().join("ledger.sqlite");
    let flat: Meter = "hq/flat".parse().unwrap();
    let mut ledger = Ledger::open(&path).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.begin_unheard(&flat, &info("x").outbox).unwrap();
    let count =
        PulseCount { minute: minute("2026-11-28T22:59:00Z"), watched_s: 60, seq: 1, pulses: 500, total: 500 };
    batch.record(&mark, &count).unwrap();
    batch.commit().unwrap();
    let site = Site::over(dir, 1);
    let status = |language: &str| site.get(&format!("/status?lang={language}")).text();
    let (english, german) = (status("en"), status("de"));
    assert!(english.contains("Meters without details") && german.contains("Zähler ohne Angaben"));
    assert!(english.contains("hq/flat") && english.contains("28 Nov 2026, 23:59"), "{english}");
    assert!(german.contains("28.11.2026, 23:59"), "{german}");
    assert_eq!(site.get("/m/hq/flat").status, 404, "nobody knows what it counts");
    assert_eq!(site.json("/api/v1/meters")["meters"].as_array().unwrap().len(), 1);
    let mut batch = ledger.batch().unwrap();
    batch.register(&flat, &info("Wohnung")).unwrap();
    batch.commit().unwrap();
    let start = Instant::now();
    while status("en").contains("Meters without details") {
        assert!(start.elapsed() < Duration::from_secs(60), "it is still there");
        std::thread::sleep(Duration::from_millis(100));
    }
    let sum = site.json("/api/v1/meters/hq/flat/energy?from=2026-11-28&to=2026-11-29&step=day");
    assert_eq!(sum["rows"][0]["kwh"], 0.5, "{sum}");
}
