//! `powerpi ledger`: lists and checks what is recorded, beside a recorder that has the ledger open.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Output;

use end_to_end::run_to_end;
use meter_ledger::Ledger;
use meter_messages::{Info, Minute, PulseCount};

const FIRST: i64 = 20_000 * 24 * 60;

/// A meter with a minute of 500 pulses on each of 5 days.
fn record(ledger: &mut Ledger) {
    let info =
        r#"{"name":"Zähler","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    let mark =
        batch.register(&"hq/main".parse().unwrap(), &Info::from_json(info.as_bytes()).unwrap()).unwrap();
    for day in 0..5 {
        let (minute, seq) = (Minute::nearest(FIRST + day * 24 * 60), day as u64 + 1);
        let count = PulseCount { minute, watched_s: 60, seq, pulses: 500, total: 500 * seq };
        batch.record(&mark, &count).unwrap();
    }
    batch.commit().unwrap();
    ledger.batch().unwrap().commit().unwrap();
}

fn powerpi(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let Output { status, stdout, stderr } =
        run_to_end("powerpi", folder, &[&["ledger", "--ledger", "ledger.sqlite"], arguments].concat());
    (status.success(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_ledger_is_listed_checked_and_repaired_while_it_is_written() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    let (is_fine, _, said) = powerpi(folder, &["check"]);
    assert!(!is_fine && said.contains("ledger.sqlite"), "{said}");
    assert!(!folder.join("ledger.sqlite").exists(), "none is made by a check");

    let mut writer = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    record(&mut writer);
    let meters = "hq/main\tZähler\telectricity\t2024-10-04T00:00:00Z to 2024-10-08T00:00:00Z\t2.500 kWh\n";
    assert_eq!(powerpi(folder, &["meters"]), (true, meters.to_owned(), String::new()));
    let sound = "The ledger is sound (meters: 1, packed days: 3).\n";
    assert_eq!(powerpi(folder, &["check"]), (true, sound.to_owned(), String::new()));

    let by_hand = rusqlite::Connection::open(folder.join("ledger.sqlite")).unwrap();
    by_hand.execute_batch("UPDATE day SET pulses = 1 WHERE day = 20001").unwrap();
    let (is_fine, found, said) = powerpi(folder, &["check"]);
    assert_eq!(found, "hq/main: 2024-10-05: the day's sums are not those of its minutes\n");
    assert!(
        !is_fine && said.contains("faults: 1; `powerpi ledger check --repair` mends 1 of them"),
        "{said}"
    );
    let (is_fine, found, _) = powerpi(folder, &["check", "--json"]);
    let found: Vec<serde_json::Value> =
        found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!is_fine && found.len() == 2, "{found:?}");
    assert_eq!((&found[0]["meter"], &found[0]["repairable"]), (&"hq/main".into(), &true.into()));
    assert_eq!(found[1], serde_json::json!({ "meters": 1, "packed_days": 3, "faults": 1 }));

    let (is_fine, _, said) = powerpi(folder, &["check", "--repair"]);
    assert!(is_fine && said.contains("days of which the sums were made anew: 1"), "{said}");
    assert_eq!(powerpi(folder, &["check"]).1, sound);
    by_hand.execute_batch("UPDATE day SET runs = '[' WHERE day = 20001").unwrap();
    let (is_fine, found, said) = powerpi(folder, &["check", "--repair"]);
    assert!(!is_fine && found.starts_with("hq/main: 2024-10-05: the day cannot be read: "), "{found}");
    assert!(said.contains("put a backup of the ledger back"), "{said}");
}
