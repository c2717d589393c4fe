//! Corrections by command, while everything runs: bounces are said to be none, and the figures, the files and the list say
//! so; nothing of what was counted, sent and recorded changes; and a command that is killed has done all or nothing.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use end_to_end::{
    Program, Site, http_get, mosquitto_pub, mosquitto_sub, rrd_minutes, run_to_end, wait_until,
};
use meter_ledger::Ledger;
use meter_messages::{Info, Minute, PulseCount};
use serde_json::Value;

/// What a command has said: whether it went well, its output and its errors.
struct Said(bool, String, String);

fn ledger(folder: &Path, arguments: &str) -> Said {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let Output { status, stdout, stderr } =
        run_to_end("powerpi", folder, &[&["ledger", "--ledger", "ledger.sqlite"], &arguments[..]].concat());
    Said(status.success(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What a command says that goes well.
fn done(folder: &Path, arguments: &str) -> String {
    let Said(is_fine, said, errors) = ledger(folder, arguments);
    assert!(is_fine && errors.is_empty(), "{arguments}: {errors}");
    said
}

fn lines(said: &str) -> Vec<Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const INFO: &str =
    r#"{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;

/// Three pulses a minute, and two minutes of bounces.
fn pulses(number: u64) -> u64 {
    if (5..7).contains(&number) { 3000 } else { 3 }
}

fn count(site: &Site, number: u64) {
    let total: u64 = (1..=number).map(pulses).sum();
    let (pulses, at) = (pulses(number), number - 1);
    let count = format!(
        r#"{{"t":"2026-03-01T12:{at:02}:00Z","s":60,"seq":{number},"pulses":{pulses},"total":{total}}}"#
    );
    mosquitto_pub(site.mqtt, "powerpi/hq/main/minute", &count, &[]);
}

/// The pulses and kWh of the hour, as the API tells them.
fn hour(site: &Site) -> (u64, f64) {
    let path = "/api/v1/meters/hq/main/energy?from=2026-03-01T12:00:00Z&to=2026-03-01T13:00:00Z&step=hour";
    let (status, body) = http_get(site.web, path);
    assert_eq!(status, 200, "{body}");
    let told: Value = serde_json::from_str(&body).unwrap();
    (told["rows"][0]["pulses"].as_u64().unwrap(), told["rows"][0]["kwh"].as_f64().unwrap())
}

/// What was counted, as other programs read it.
fn counted(site: &Site) -> u64 {
    let by_hand = rusqlite::Connection::open(site.path().join("ledger.sqlite")).unwrap();
    by_hand.query_row("SELECT sum(pulses) FROM every_minute", [], |row| row.get(0)).unwrap()
}

fn wait_for_rrd(site: &Site) {
    let (first, end) = ("2026-03-01T12:00:00Z".parse().unwrap(), "2026-03-01T13:00:00Z".parse().unwrap());
    let file = site.rrd("hq/main");
    wait_until("the file for pictures says the same", || {
        rrd_minutes(&file, first, end) == site.recorded("hq/main")
    });
}

#[test]
fn bounces_are_corrected_by_command_while_everything_runs() {
    let site = Site::new("");
    let _daemons = ["powerpi-broker", "powerpi-recorder", "powerpi-web"].map(|name| site.start(name));
    mosquitto_pub(site.mqtt, "powerpi/hq/main/info", INFO, &["-r"]);
    (1..=10).for_each(|number| count(&site, number));
    wait_until("the minutes are recorded", || site.recorded("hq/main").len() == 10);
    assert_eq!((hour(&site), counted(&site)), ((6024, 6.024), 6024));
    let folder = site.path();

    const BOUNCES: &str =
        "hq/main 2026-03-01T13:04 2026-03-01T13:06 --time-zone Europe/Berlin --reason bounces --by ernst";
    let said = done(folder, &format!("void {BOUNCES} --dry-run"));
    assert!(
        said.contains("before: 6000 pulses, 6.000 kWh\n  after:  not watched\nNothing was changed"),
        "{said}"
    );
    assert_eq!((done(folder, "corrections"), hour(&site)), (String::new(), (6024, 6.024)));

    let said = done(folder, &format!("void {BOUNCES}"));
    let list =
        "1\thq/main\t2026-03-01T13:04+01:00 up to 2026-03-01T13:06+01:00\tnot watched\tbounces (ernst)\n";
    assert!(said.starts_with(list) && said.ends_with("`powerpi ledger undo 1` takes it back.\n"), "{said}");
    assert_eq!(done(folder, "corrections hq/main --time-zone Europe/Berlin"), list);
    assert_eq!((hour(&site), counted(&site)), ((24, 0.024), 6024));
    wait_for_rrd(&site);
    let Said(is_fine, _, errors) = ledger(folder, &format!("replace {BOUNCES} --pulses 6"));
    assert!(!is_fine && errors.contains("correction 1 is of some of these minutes already"), "{errors}");

    let undone = lines(&done(folder, "undo 1 --by anna --reason better --json"));
    assert_eq!((&undone[0]["undone"]["by"], &undone[0]["after"]["pulses"]), (&"anna".into(), &6000.into()));
    let said = lines(&done(folder, &format!("replace {BOUNCES} --quantity 0.0061 --json")));
    assert_eq!(
        (&said[0]["pulses"], &said[0]["correction"], &said[0]["dry_run"]),
        (&6.into(), &2.into(), &false.into())
    );
    assert_eq!(hour(&site), (30, 0.03));
    // The record goes on, also of the time that is corrected, and nothing of it is asked for again.
    count(&site, 11);
    wait_until("the next minute is recorded", || site.recorded("hq/main").len() == 11);
    wait_until("the mark goes on", || {
        let marks = mosquitto_sub(site.mqtt, "powerpi/hq/main/recorded", 1, 5);
        let mark: Value = serde_json::from_str(&marks[0].1).unwrap();
        assert_eq!(mark.get("missing"), None);
        mark["seq"] == 11
    });
    assert_eq!((hour(&site), counted(&site)), ((33, 0.033), 6027));
    wait_for_rrd(&site);

    let rows = lines(&done(folder, "show hq/main 2026-03-01T12:03Z 2026-03-01T12:06Z --json"));
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row["counted_pulses"].as_u64(), row["pulses"].as_u64(), &row["corrected_minutes"]))
        .collect();
    let (none, one) = (Value::from(0), Value::from(1));
    assert_eq!(told, [(Some(3), Some(3), &none), (Some(3000), Some(3), &one), (Some(3000), Some(3), &one)]);
    let scaled = "hq/main 2026-03-01T12:00Z 2026-03-01T12:04Z --factor 1/2 --reason constant --by ernst";
    let said = done(folder, &format!("scale {scaled} --time-zone UTC"));
    assert!(
        said.contains("times 1/2\tconstant (ernst)\n  before: 12 pulses, 0.012 kWh\n  after:  6 pulses"),
        "{said}"
    );
    assert_eq!((hour(&site), lines(&done(folder, "corrections --json")).len()), ((27, 0.027), 3));
    assert!(done(folder, "check").starts_with("The ledger is sound"));

    // The meter is no more. Others go on.
    let said = done(folder, "forget hq/main --by ernst --dry-run");
    assert!(
        said.contains("hq/main (Haus) would be forgotten: recorded until 2026-03-01T12:10:00Z"),
        "{said}"
    );
    assert_eq!(hour(&site), (27, 0.027));
    let said = done(folder, "forget hq/main --by ernst");
    assert!(said.contains("mosquitto_pub -r -n -t powerpi/hq/main/info"), "{said}");
    assert_eq!(http_get(site.web, "/api/v1/meters/hq/main").0, 404);
    wait_until("its file is deleted", || !site.rrd("hq/main").exists());
    let other = INFO.replace("Haus", "Stall");
    mosquitto_pub(site.mqtt, "powerpi/hq/shed/info", &other, &["-r"]);
    wait_until("another meter is recorded", || site.meter("hq/shed").is_some());
    assert!(site.meter("hq/main").is_none());
    assert!(done(folder, "check").starts_with("The ledger is sound"));
}

#[test]
fn what_cannot_be_corrected_is_refused_in_words() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    const NOON: &str = "2024-10-04T00:00Z 2024-10-04T00:05Z --reason x";
    let refused = |arguments: &str, words: &str| {
        let Said(is_fine, said, errors) = ledger(folder, arguments);
        assert!(!is_fine && said.is_empty() && errors.contains(words), "{arguments}: {said}{errors}");
    };
    refused(&format!("void hq/main {NOON}"), "ledger.sqlite");
    assert!(!folder.join("ledger.sqlite").exists(), "none is made by a correction");
    record(&mut Ledger::open(&folder.join("ledger.sqlite")).unwrap(), 0..30);
    refused(&format!("void hq/other {NOON}"), "`powerpi ledger meters` lists those that it knows");
    refused("void hq/main 2024-10-04T00:00Z 2024-10-04T00:05Z", "--reason");
    refused("void hq/main 2024-10-04T00:05Z 2024-10-04T00:00Z --reason x", "the end must be later");
    refused("void hq/main 2024-10-04T00:00Z 2024-10-05T00:00Z --reason x", "up to 2024-10-04T00:30:00Z");
    refused("void hq/main yesterday now --reason x", "is not a time like 2026-11-24T17:23");
    refused(&format!("void hq/main {NOON} --time-zone Berlin"), "no such zone");
    refused(&format!("replace hq/main {NOON}"), "--pulses");
    refused(&format!("replace hq/main {NOON} --pulses 1 --quantity 1"), "cannot be used with");
    refused(&format!("replace hq/main {NOON} --quantity=-1"), "must be 0 or more");
    refused(&format!("scale hq/main {NOON} --factor 0"), "is not a factor like 0.5, 2 or 1/3");
    refused("undo 1", "there is no correction 1");
    refused("forget hq/other", "the ledger knows no meter hq/other");
    assert!(done(folder, "check").starts_with("The ledger is sound"));
}

const FIRST: i64 = 20_000 * 24 * 60;

/// Minutes of five pulses each.
fn record(ledger: &mut Ledger, minutes: std::ops::Range<i64>) {
    let mut batch = ledger.batch().unwrap();
    let mark =
        batch.register(&"hq/main".parse().unwrap(), &Info::from_json(INFO.as_bytes()).unwrap()).unwrap();
    for at in minutes {
        let (minute, seq) = (Minute::nearest(FIRST + at), at as u64 + 1);
        batch.record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses: 5, total: 5 * seq }).unwrap();
    }
    batch.commit().unwrap();
}

/// Starts to say that a minute was not watched.
fn begin_void(folder: &Path, at: i64) -> Program {
    let (from, to) = (Minute::nearest(FIRST + at).to_string(), Minute::nearest(FIRST + at + 1).to_string());
    let arguments = ["ledger", "--ledger", "ledger.sqlite", "void", "hq/main", &from, &to, "--reason", "x"];
    Program::spawn("powerpi", folder, &arguments.map(str::to_owned), &[])
}

/// Waits until a program has opened the ledger, or has ended.
fn wait_for_open(program: &Program) {
    let files = format!("/proc/{}/fd", program.id());
    let began = Instant::now();
    let has_opened = || {
        let Ok(open) = std::fs::read_dir(&files) else { return true };
        let open: Vec<_> = open.flatten().filter_map(|file| file.path().read_link().ok()).collect();
        open.is_empty() || open.iter().any(|file| file.ends_with("ledger.sqlite"))
    };
    while !has_opened() {
        assert!(began.elapsed() < Duration::from_secs(60), "the ledger was not opened");
    }
}

#[test]
fn a_meter_that_is_still_counted_is_not_forgotten() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    let now = daemon_runtime::now().as_second() / 60;
    record(&mut Ledger::open(&folder.join("ledger.sqlite")).unwrap(), now - FIRST - 3..now - FIRST);
    let Said(is_fine, said, errors) = ledger(folder, "forget hq/main");
    assert!(!is_fine && said.is_empty() && errors.contains("hq/main is still counted"), "{errors}");
    assert!(done(folder, "meters").starts_with("hq/main\t"));
}

#[test]
fn a_command_that_is_killed_has_done_all_or_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    let mut writer = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    record(&mut writer, 0..30);
    let said = |writer: &Ledger| {
        let known = writer.meter(&"hq/main".parse().unwrap()).unwrap().unwrap();
        let all = Minute::nearest(FIRST)..Minute::nearest(FIRST + 100);
        (writer.corrections(&known).unwrap().len(), writer.sum(&known, all).unwrap().pulses)
    };
    // While somebody else writes it can do nothing.
    let by_hand = rusqlite::Connection::open(folder.join("ledger.sqlite")).unwrap();
    by_hand.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = begin_void(folder, 0);
    wait_for_open(&waiting);
    waiting.kill();
    by_hand.execute_batch("ROLLBACK").unwrap();
    assert_eq!(said(&writer), (0, 150));
    // Killed at any other moment.
    let mut before = said(&writer);
    for at in 0..20 {
        let program = begin_void(folder, at);
        wait_for_open(&program);
        std::thread::sleep(Duration::from_micros(300 * at.unsigned_abs()));
        program.kill();
        record(&mut writer, 30 + at..31 + at);
        let (corrections, pulses) = said(&writer);
        let is_said = corrections - before.0;
        assert!(is_said <= 1, "minute {at}");
        assert_eq!(pulses, before.1 + 5 - 5 * is_said as u64, "minute {at}");
        before = (corrections, pulses);
    }
    assert!(done(folder, "check").starts_with("The ledger is sound"));
    // What was not said can be said.
    let again = "void hq/main 2024-10-04T00:25Z 2024-10-04T00:26Z --reason x --by ernst";
    assert!(done(folder, again).contains("after:  not watched"));
}
