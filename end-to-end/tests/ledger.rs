//! `powerpi ledger`: lists and checks what is recorded, beside a recorder that has the ledger open; and each command that is
//! killed has done all or nothing.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use end_to_end::{Program, run_to_end};
use meter_ledger::Ledger;
use meter_messages::{Info, Minute, PulseCount};

const FIRST: i64 = 20_000 * 24 * 60;

/// A meter with a minute of 500 pulses on each of some days.
fn record(ledger: &mut Ledger, days: i64) {
    let info =
        r#"{"name":"Zähler","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    let mark =
        batch.register(&"hq/main".parse().unwrap(), &Info::from_json(info.as_bytes()).unwrap()).unwrap();
    for day in 0..days {
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
    record(&mut writer, 5);
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

/// What a ledger says: of each meter its name and its pulses, how many rows there are, and the sums of packed days.
fn state(folder: &Path) -> (Vec<(String, u64)>, Vec<i64>) {
    let file = folder.join("ledger.sqlite");
    let ledger = Ledger::open_read_only(&file).unwrap();
    let meters = ledger.meters().unwrap().into_iter().map(|known| {
        let all = Minute::nearest(FIRST)..Minute::nearest(FIRST + 2000 * 24 * 60);
        (known.meter.to_string(), ledger.sum(&known, all).unwrap().pulses)
    });
    let by_hand = rusqlite::Connection::open(&file).unwrap();
    let numbers = "SELECT count(*) FROM minute UNION ALL SELECT sum(pulses) FROM day UNION ALL \
                   SELECT count(*) FROM correction UNION ALL SELECT count(*) FROM import";
    let mut numbers = by_hand.prepare(numbers).unwrap();
    let numbers = numbers.query_map([], |row| Ok(row.get::<_, Option<i64>>(0)?.unwrap_or(0))).unwrap();
    let rows: Vec<i64> = numbers.map(Result::unwrap).collect();
    (meters.collect(), rows)
}

/// Kills a command at later and later moments until it has done its work once, and returns how often it had not.
fn kill_until_done(folder: &Path, group: &str, command: &str) -> usize {
    // What it comes to where nobody kills it.
    let beside = tempfile::TempDir::new().unwrap();
    rusqlite::Connection::open(folder.join("ledger.sqlite"))
        .unwrap()
        .execute("VACUUM INTO ?1", [beside.path().join("ledger.sqlite").display().to_string()])
        .unwrap();
    let arguments: Vec<&str> =
        [group, "--ledger", "ledger.sqlite"].into_iter().chain(command.split(' ')).collect();
    let before = state(folder);
    let output = run_to_end("powerpi", beside.path(), &arguments);
    assert!(output.status.success(), "{command}: {output:?}");
    let after = state(beside.path());
    assert_ne!(before, after, "{command}");

    let owned: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    for killed in 0..400 {
        let program = Program::spawn("powerpi", folder, &owned, &[]);
        std::thread::sleep(Duration::from_millis(2 * killed));
        program.kill();
        let now = state(folder);
        if now == after {
            return killed as usize;
        }
        assert_eq!(now, before, "{command}, killed after {} ms", 2 * killed);
    }
    panic!("{command} never comes to its end");
}

/// Imports half a kWh for each of 2,000 hours.
fn import(folder: &Path) {
    let at = |hour: i64| Minute::nearest(FIRST + 500 * 24 * 60 + hour * 60);
    let hours: String = (0..2000).map(|hour| format!("{};0.5\n", at(hour))).collect();
    std::fs::write(folder.join("hours.csv"), format!("time;kWh\n{hours}")).unwrap();
    let arguments = "import --ledger ledger.sqlite csv hours.csv --numbers amounts --meter hq/house";
    let imported = run_to_end("powerpi", folder, &arguments.split(' ').collect::<Vec<_>>());
    assert!(imported.status.success(), "{imported:?}");
}

#[test]
fn each_command_that_is_killed_has_done_all_or_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    let mut writer = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    record(&mut writer, 400);
    // Days are packed with commits, a few at a time.
    (0..60).for_each(|_| writer.batch().unwrap().commit().unwrap());
    let damage = "UPDATE day SET pulses = 1 WHERE day > 20100";
    let by_hand = rusqlite::Connection::open(folder.join("ledger.sqlite")).unwrap();

    let mut killed = 0;
    for (group, command) in [
        ("ledger", "void hq/main 2024-10-05T00:00Z 2024-10-06T00:00Z --reason bounces --by ernst"),
        ("ledger", "replace hq/main 2024-10-06T00:00Z 2024-10-07T00:00Z --pulses 90 --reason x --by ernst"),
        ("ledger", "scale hq/main 2024-10-08T00:00Z 2024-10-09T00:00Z --factor 0.5 --reason x --by ernst"),
        ("ledger", "undo 1"),
        ("ledger", "check --repair"),
        ("ledger", "rename hq/main hq/house"),
        ("import", "undo 1"),
        ("ledger", "forget hq/house"),
    ] {
        match command {
            "check --repair" => by_hand.execute_batch(damage).unwrap(),
            "undo 1" if group == "import" => import(folder),
            _ => {}
        }
        killed += kill_until_done(folder, group, command);
    }
    assert!(killed > 9, "only {killed} were killed before they were done");
    assert!(powerpi(folder, &["check"]).1.starts_with("The ledger is sound (meters: 0"));
}
