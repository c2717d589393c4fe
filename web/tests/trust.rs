//! How far a record can be trusted, and a meter that was replaced: page, API, CSV
//! and the minutes themselves agree.
#![allow(clippy::unwrap_used)]

mod site;

use jiff::Timestamp;
use meter_ledger::Ledger;
use meter_messages::{ConstantFrom, Info, MeterConstant, Minute, PulseCount};
use site::{Site, meter};
use tempfile::TempDir;

#[test]
fn page_and_api_tell_the_gaps_that_there_are() {
    let site = Site::start();
    let at: Vec<i64> = site.minutes.iter().map(|minute| minute.epoch_minutes()).collect();
    let gaps: Vec<(i64, i64)> =
        at.windows(2).filter(|two| two[1] != two[0] + 1).map(|two| (two[0] + 1, two[1])).collect();
    assert!(gaps.len() > 3, "{gaps:?}");
    let missing: i64 = gaps.iter().map(|gap| gap.1 - gap.0).sum();

    let trust = site.json("/api/v1/meters/hq/main/trust");
    assert_eq!(trust["minutes"].as_u64().unwrap(), at.len() as u64);
    assert_eq!(trust["gaps"].as_u64().unwrap(), gaps.len() as u64);
    assert_eq!(trust["unwatched_s"].as_i64().unwrap(), missing * 60);
    let instant = |minute: i64| Minute::nearest(minute).timestamp().to_string();
    let told = trust["newest_gaps"].as_array().unwrap();
    for ((from, until), told) in gaps.iter().rev().zip(told) {
        assert_eq!(
            (told["from"].as_str(), told["until"].as_str()),
            (Some(&*instant(*from)), Some(&*instant(*until)))
        );
        assert_eq!(told["reason"], "publisher not running");
    }
    assert_eq!(told.len(), gaps.len());
    let since = instant(gaps.last().unwrap().1);
    assert_eq!(trust["whole_since"], *since);

    for (language, words) in [
        ("de", ["Lückenlos seit", "3 h 0", "lief nicht"]),
        ("en", ["Complete since", "3 h 0", "not counting"]),
    ] {
        let page = site.get(&format!("/m/hq/main?lang={language}")).text();
        let (_, line) = page.split_once("id=\"trust\"").unwrap();
        let (line, _) = line.split_once("</details>").unwrap();
        assert!(words.iter().all(|words| line.replace('\u{a0}', " ").contains(words)), "{line}");
        assert!(line.contains(&since), "{line}");
        assert_eq!(line.matches("<tr>").count(), 1 + gaps.len());
    }
    assert_eq!(site.get("/api/v1/meters/hq/other/trust").status, 404);
}

/// A day at Berlin whose meter was replaced at noon: 1000 pulses per kWh before
/// that, 500 after.
fn replaced_at_noon() -> (TempDir, Site) {
    let dir = TempDir::new().unwrap();
    let noon: Timestamp = "2025-11-20T11:00:00Z".parse().unwrap();
    let noon = noon.as_second() / 60;
    let constant = |number: u64| MeterConstant::try_from(number).unwrap();
    let from = |minute, number| ConstantFrom { minute: Minute::nearest(minute), constant: constant(number) };
    let info = Info {
        name: "Haus".into(),
        constant: constant(500),
        medium: Default::default(),
        source: "test".into(),
        version: "0".into(),
        outbox: "box".parse().unwrap(),
        oldest_seq: 1,
        history: vec![from(0, 1000), from(noon, 500)],
        relation: Default::default(),
        readings: None,
        unclear: None,
    };
    let mut ledger = Ledger::open(&dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info).unwrap();
    for (seq, at) in (1..).zip(noon - 12 * 60..noon + 12 * 60) {
        let pulses = 10;
        let count = PulseCount { minute: Minute::nearest(at), watched_s: 60, seq, pulses, total: 10 * seq };
        batch.record(&mark, &count).unwrap();
    }
    batch.commit().unwrap();
    let folder = TempDir::new().unwrap();
    std::fs::copy(dir.path().join("ledger.sqlite"), folder.path().join("ledger.sqlite")).unwrap();
    drop(ledger);
    (folder, Site::over(dir, 1))
}

#[test]
fn a_meter_replaced_at_noon_has_each_half_of_the_day_under_its_constant() {
    let (_copy, site) = replaced_at_noon();
    let (before, after) = (7200.0 / 1000.0, 7200.0 / 500.0);
    let span = "from=2025-11-20&to=2025-11-21";
    for (step, rows) in [("day", 1), ("hour", 24), ("minute", 1440)] {
        let path = format!("/api/v1/meters/hq/main/energy?{span}&step={step}");
        let told = site.json(&path);
        let kwh: Vec<f64> =
            told["rows"].as_array().unwrap().iter().map(|row| row["kwh"].as_f64().unwrap()).collect();
        assert_eq!(kwh.len(), rows);
        assert!((kwh.iter().sum::<f64>() - before - after).abs() < 1e-6, "{step}: {kwh:?}");
        if rows > 1 {
            let first: f64 = kwh[..rows / 2].iter().sum();
            assert!((first - before).abs() < 1e-6, "{first}");
        }
    }
    let csv = site.get(&format!("/api/v1/meters/hq/main/energy.csv?{span}&step=day")).text();
    assert!(csv.contains("21.6"), "{csv}");
    let page = site.get("/m/hq/main/day/2025-11-20?lang=en").text();
    assert!(page.contains("21.600"), "{page}");
    assert!(page.contains("1,200"), "the power of a minute after noon: {page}");
    let state = site.json("/api/v1/meters/hq/main");
    assert!((state["total"]["kwh"].as_f64().unwrap() - before - after).abs() < 1e-9, "{state}");
}
