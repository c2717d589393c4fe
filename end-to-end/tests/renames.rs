//! A meter is renamed, merged and its ledger compacted by command, while everything runs: minutes go on being recorded under
//! whichever name they come, pages of the old name lead to the new one; and a merge that is killed has done all or nothing.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use end_to_end::{Program, Site, http_get, mosquitto_pub, mosquitto_sub, run_to_end, wait_until};
use meter_ledger::Ledger;
use meter_messages::{Info, Meter, Minute, PulseCount};
use serde_json::Value;

const DAY: i64 = 24 * 60;
const FIRST: i64 = 20_000 * DAY;

fn ledger(folder: &Path, arguments: &str) -> (bool, String, String) {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let Output { status, stdout, stderr } =
        run_to_end("powerpi", folder, &[&["ledger", "--ledger", "ledger.sqlite"], &arguments[..]].concat());
    (status.success(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn done(folder: &Path, arguments: &str) -> String {
    let (is_fine, said, errors) = ledger(folder, arguments);
    assert!(is_fine && errors.is_empty(), "{arguments}: {errors}");
    said
}

fn info(site: &Site, meter: &str, name: &str) {
    let json = format!(
        r#"{{"name":"{name}","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}}"#
    );
    mosquitto_pub(site.mqtt, &format!("powerpi/{meter}/info"), &json, &["-r"]);
}

fn minute(site: &Site, meter: &str, seq: u64, at: u64) {
    let total = 10 * seq;
    let json = format!(
        r#"{{"t":"2026-03-01T12:{at:02}:00Z","s":60,"seq":{seq},"pulses":10,"total":{total},"outbox":"a"}}"#
    );
    mosquitto_pub(site.mqtt, &format!("powerpi/{meter}/minute"), &json, &[]);
}

/// How far the recorder says that it has recorded what came under a name.
fn mark(site: &Site, meter: &str) -> Option<u64> {
    let (_, said) = mosquitto_sub(site.mqtt, &format!("powerpi/{meter}/recorded"), 1, 5).pop()?;
    serde_json::from_str::<Value>(&said).unwrap()["seq"].as_u64()
}

#[test]
fn a_meter_is_renamed_and_merged_while_everything_runs() {
    let site = Site::new("");
    let _daemons = ["powerpi-broker", "powerpi-recorder", "powerpi-web"].map(|name| site.start(name));
    let folder = site.path();
    info(&site, "hq/main", "Haus");
    (1..=3).for_each(|seq| minute(&site, "hq/main", seq, seq));
    wait_until("the minutes are recorded and drawn", || {
        site.recorded("hq/main").len() == 3 && site.rrd("hq/main").exists()
    });
    let said = done(folder, "rename hq/main house --dry-run");
    assert!(
        said.contains("hq/main (Haus) would be hq/house") && said.contains("Nothing was changed"),
        "{said}"
    );
    assert_eq!(http_get(site.web, "/m/hq/main").0, 200);
    for (arguments, why) in [
        ("rename hq/none house", "the ledger knows no meter hq/none"),
        ("rename hq/main hq/main", "both are the same meter"),
        ("rename hq/main a/b/c", "\"a/b/c\" is no name of a meter"),
        ("merge hq/main hq/none", "the ledger knows no meter hq/none"),
    ] {
        let (is_fine, said, errors) = ledger(folder, arguments);
        assert!(!is_fine && said.is_empty() && errors.contains(why), "{arguments}: {errors}");
    }
    let said = done(folder, "rename hq/main house --by anna");
    assert!(
        said.starts_with("hq/main (Haus) is hq/house now: recorded until 2026-03-01T12:03:00Z."),
        "{said}"
    );
    assert!(said.contains("mosquitto_pub -r -n -t powerpi/hq/main/recorded"), "{said}");

    // The publisher goes on under the old name, and takes the new one later.
    minute(&site, "hq/main", 4, 4);
    wait_until("it is recorded under the new name", || site.recorded("hq/house").len() == 4);
    wait_until("the mark is said under the old name", || mark(&site, "hq/main") == Some(4));
    let (status, _) = http_get(site.web, "/m/hq/main/day/2026-03-01");
    assert_eq!(status, 303, "the page of the old name leads to the new one");
    assert_eq!(http_get(site.web, "/m/hq/house/day/2026-03-01").0, 200);
    assert_eq!(http_get(site.web, "/api/v1/meters/hq/main").0, 303);
    assert_eq!(http_get(site.web, "/api/v1/meters/hq/none").0, 404);
    wait_until("the file for pictures has the new name", || {
        site.rrd("hq/house").exists() && !site.rrd("hq/main").exists()
    });
    info(&site, "hq/house", "Haus");
    minute(&site, "hq/house", 1, 6);
    wait_until("both are one meter", || site.recorded("hq/house").len() == 5);
    wait_until("the new name has numbers of its own", || mark(&site, "hq/house") == Some(1));

    // Another one was given its new name by its publisher first.
    info(&site, "hq/attic", "Dach");
    minute(&site, "hq/attic", 1, 10);
    wait_until("it is recorded", || site.recorded("hq/attic").len() == 1);
    let (is_fine, _, errors) = ledger(folder, "rename hq/house attic");
    assert!(
        !is_fine && errors.contains("`powerpi ledger merge hq/house hq/attic` puts both together"),
        "{errors}"
    );
    let said = done(folder, "merge hq/house hq/attic --dry-run --json");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["minutes"], &said["dry_run"]), (&5.into(), &true.into()), "{said}");
    assert_eq!(site.recorded("hq/attic").len(), 1);
    let said = done(folder, "merge hq/house hq/attic");
    assert!(
        said.starts_with("hq/house is a part of hq/attic: 5 minutes, 0 readings, 0 corrections."),
        "{said}"
    );
    minute(&site, "hq/main", 5, 5);
    wait_until("what comes under the oldest name is its own, too", || site.recorded("hq/attic").len() == 7);
    assert_eq!(http_get(site.web, "/m/hq/main").0, 303);

    let said: Value = serde_json::from_str(&done(folder, "compact --json")).unwrap();
    assert!(said["bytes_after"].as_u64() <= said["bytes_before"].as_u64(), "{said}");
    minute(&site, "hq/attic", 2, 11);
    wait_until("recording goes on", || site.recorded("hq/attic").len() == 8);
    assert!(done(folder, "check").starts_with("The ledger is sound (meters: 1"));
}

/// A minute of 7 pulses in each quarter of an hour of so many days.
fn record(folder: &Path, meter: &str, days: std::ops::Range<i64>) {
    let meter: Meter = meter.parse().unwrap();
    let info =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter, &Info::from_json(info).unwrap()).unwrap();
    for (seq, at) in (1..).zip((days.start * DAY..days.end * DAY).step_by(15)) {
        let minute = Minute::nearest(FIRST + at);
        batch.record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses: 7, total: 7 * seq }).unwrap();
    }
    batch.commit().unwrap();
    // Days are packed with commits, a few at a time.
    (0..30).for_each(|_| ledger.batch().unwrap().commit().unwrap());
}

/// Imports half a kWh for each hour of some days.
fn import_hours(folder: &Path, meter: &str, days: std::ops::Range<i64>) {
    let at = |hour: i64| jiff::Timestamp::from_second(60 * (FIRST + 60 * hour)).unwrap();
    let hours = (24 * days.start..24 * days.end).map(|hour| format!("{};0.5\n", at(hour)));
    let file = folder.join("hours.csv");
    std::fs::write(&file, format!("time;kWh\n{}", hours.collect::<String>())).unwrap();
    let file = file.display().to_string();
    let arguments =
        ["import", "--ledger", "ledger.sqlite", "csv", &file, "--numbers", "amounts", "--meter", meter];
    let imported = run_to_end("powerpi", folder, &arguments);
    assert!(imported.status.success(), "{imported:?}");
}

#[test]
fn a_command_that_is_killed_has_done_all_or_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    record(folder, "hq/old", 0..100);
    record(folder, "hq/new", 99..150);
    let by_hand = rusqlite::Connection::open(folder.join("ledger.sqlite")).unwrap();
    let state = || {
        let ledger = Ledger::open_read_only(&folder.join("ledger.sqlite")).unwrap();
        let meters = ledger.meters().unwrap().into_iter().map(|known| {
            let all = Minute::nearest(FIRST)..Minute::nearest(FIRST + 200 * DAY);
            (known.meter.to_string(), ledger.sum(&known, all).unwrap().pulses)
        });
        meters.collect::<Vec<_>>()
    };
    let (is_fine, _, errors) = ledger(folder, "merge hq/old hq/new");
    assert!(!is_fine && errors.contains("counted twice") && errors.contains("in 96 minutes"), "{errors}");
    let last_day = FIRST + 99 * DAY;
    by_hand.execute_batch(&format!("DELETE FROM minute WHERE meter = 1 AND minute >= {last_day}")).unwrap();
    assert_eq!(state(), [("hq/new".to_owned(), 51 * 96 * 7), ("hq/old".to_owned(), 99 * 96 * 7)]);
    // What was counted is a part of each hour; those of the days that both have are once there.
    import_hours(folder, "hq/old", 0..120);
    import_hours(folder, "hq/new", 99..150);
    let before = state();
    assert_eq!(before, [("hq/new".to_owned(), 51 * 24 * 500), ("hq/old".to_owned(), 120 * 24 * 500)]);
    let after = vec![("hq/new".to_owned(), 150 * 24 * 500)];
    let mut killed_before = 0;
    for wait in 0..40 {
        let arguments = ["ledger", "--ledger", "ledger.sqlite", "merge", "hq/old", "hq/new"];
        let program = Program::spawn("powerpi", folder, &arguments.map(str::to_owned), &[]);
        std::thread::sleep(Duration::from_millis(4 * wait));
        program.kill();
        let now = state();
        assert!(now == before || now == after, "{now:?}");
        if now == after {
            break;
        }
        killed_before += 1;
    }
    assert!(killed_before > 0, "one was killed before it was done");
    if state() == before {
        done(folder, "merge hq/old hq/new");
    }
    assert_eq!(state(), after);
    assert!(done(folder, "check").starts_with("The ledger is sound (meters: 1,"));
    // The same of compacting.
    for wait in [1, 3, 10, 30] {
        let arguments = ["ledger", "--ledger", "ledger.sqlite", "compact"];
        let program = Program::spawn("powerpi", folder, &arguments.map(str::to_owned), &[]);
        std::thread::sleep(Duration::from_millis(wait));
        program.kill();
        assert_eq!(state(), after);
    }
    done(folder, "compact");
    assert!(done(folder, "check").starts_with("The ledger is sound"));
}
