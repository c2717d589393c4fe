//! What is wrong is said in one clear line that names it and the remedy; exit
//! code 2 for settings, 1 otherwise.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use end_to_end::{Site, run_to_end};

const METER: &str = "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\n";

/// Runs a program on settings and returns its exit code and last line.
fn refusal(site: &Site, name: &str, settings: &str) -> (i32, String) {
    let file = format!("{name}.toml");
    std::fs::write(site.path().join(&file), settings).unwrap();
    let output = run_to_end(name, site.path(), &["--config", &file]);
    let said = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "one line says it: {said}");
    (output.status.code().unwrap(), errors[0].to_owned())
}

#[track_caller]
fn assert_refused(name: &str, settings: &str, code: i32, says: &[&str]) {
    let site = Site::new(METER);
    let (given, line) = refusal(&site, name, settings);
    for word in says {
        assert!(line.contains(word), "\"{word}\" in: {line}");
    }
    assert_eq!(given, code, "{line}");
}

#[test]
fn unknown_keys_are_named_with_the_nearest_one() {
    let unknown = |name, settings, says: &[&str]| assert_refused(name, settings, 2, says);
    unknown("pi-publisher", "siet = 'hq'\n", &["pi-publisher.toml", "\"siet\"", "did you mean \"site\"?"]);
    unknown("powerpi-broker", "[mqtt]\nlissten = '127.0.0.1:1'", &["mqtt", "did you mean \"listen\"?"]);
    unknown("powerpi-recorder", "legder = 'x'", &["did you mean \"ledger\"?"]);
    unknown("powerpi-web", "timezone = 'x'", &["did you mean \"time_zone\"?"]);
}

#[test]
fn bad_ids_and_missing_meters_are_named() {
    assert_refused("pi-publisher", "site = 'Hack Space'\n", 2, &["site", "Hack Space", "a-z 0-9 _ -"]);
    assert_refused("pi-publisher", "site = 'hq'\n", 2, &["no meter", "[[meter]]"]);
    let twice = format!("state_dir = '.'\n{METER}{METER}");
    assert_refused("pi-publisher", &twice, 2, &["two meters", "main"]);
    let constant = METER.replace("1000", "0");
    assert_refused("pi-publisher", &constant, 2, &["meter.1.pulses_per_kwh", "0.001 to 1000000"]);
    assert_refused("powerpi-web", "time_zone = 'Europe/Berln'", 2, &["time_zone", "Europe/Berln"]);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let broker = format!("[mqtt]\nlisten = '{address}'\n[store]\nin_memory = true\n");
    assert_refused("powerpi-broker", &broker, 1, &[&address.to_string(), "in use"]);
    let site = Site::new(METER);
    let _recorder = site.start("powerpi-recorder");
    let (code, line) = refusal(
        &site,
        "powerpi-web",
        &format!("listen = '{address}'\nledger = 'ledger.sqlite'\nrrd_dir = 'rrd'\n"),
    );
    assert_eq!(code, 1);
    assert!(line.contains(&address.to_string()) && line.contains("in use"), "{line}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    // /proc takes no files, not even root's.
    let store = "[mqtt]\nlisten = '127.0.0.1:0'\n[store]\npath = '/proc/store.sqlite'";
    assert_refused("powerpi-broker", store, 1, &["/proc/store.sqlite"]);
    let outbox = format!("state_dir = '/proc'\n{METER}");
    assert_refused("pi-publisher", &outbox, 1, &["/proc/lock", "state_dir"]);
    assert_refused(
        "powerpi-recorder",
        "ledger = '/proc/ledger.sqlite'",
        1,
        &["/proc/ledger.sqlite", "folder"],
    );
    let rrd = "ledger = 'l.sqlite'\nrrd_dir = '/proc/rrd'";
    assert_refused("powerpi-recorder", rrd, 1, &["/proc/rrd"]);
}

/// Every file in a folder but settings.
fn files_in(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let kept = files.filter(|file| file.is_file() && file.extension().is_none_or(|is| is != "toml"));
    kept.map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

/// What is wrong with a file, and what the refusal has to say beside the file's name.
type Case = (&'static str, fn(&Path), &'static str);

fn sqlite(file: &Path, sql: &str) {
    rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn files_that_are_not_ours_or_too_new_are_refused_and_left_alone() {
    let cases: [Case; 4] = [
        ("no SQLite", |file| std::fs::write(file, "Dear diary, ".repeat(1000)).unwrap(), "not a PowerPi"),
        ("no id", |file| sqlite(file, "CREATE TABLE shopping (item TEXT)"), "not a PowerPi"),
        (
            "another id",
            |file| sqlite(file, "PRAGMA journal_mode = WAL; PRAGMA application_id = 7; CREATE TABLE t (x);"),
            "not a PowerPi",
        ),
        ("newer", |file| sqlite(file, "PRAGMA user_version = 99"), "format 99"),
    ];
    let stores = [
        ("powerpi-broker", "broker.sqlite", "[store] path"),
        ("powerpi-recorder", "ledger.sqlite", "`ledger`"),
        ("pi-publisher", "outbox.sqlite", "`state_dir`"),
    ];
    for (name, file, setting) in stores {
        let site = Site::new(METER);
        let path = site.path().join(file);
        let settings = std::fs::read_to_string(site.path().join(format!("{name}.toml"))).unwrap();
        for (case, make, says) in cases {
            if case == "newer" {
                site.start(name).stop();
            }
            make(&path);
            let before = files_in(site.path());
            let (code, line) = refusal(&site, name, &settings);
            let next = if case == "newer" { "install a newer PowerPi" } else { setting };
            for word in [file, says, next] {
                assert!(line.contains(word), "{name}, {case}: \"{word}\" in: {line}");
            }
            assert_eq!(code, 1, "{name}, {case}: {line}");
            let changed = |(path, bytes): &(&PathBuf, &Vec<u8>)| before.get(*path) != Some(bytes);
            let after = files_in(site.path());
            // The publisher locks its folder before it looks at anything in it.
            let changes: Vec<_> = after
                .iter()
                .filter(changed)
                .map(|(path, _)| path)
                .filter(|path| !path.ends_with("lock"))
                .collect();
            assert!(changes.is_empty(), "{name}, {case}: {changes:?}");
            assert!(before.keys().all(|path| after.contains_key(path)), "{name}, {case}");
            if case != "newer" {
                std::fs::remove_file(&path).unwrap();
            }
        }
    }
}

#[test]
fn a_missing_line_is_named() {
    let of_source =
        |source: &str| format!("state_dir = '.'\n{}", METER.replace("kind = 'simulated'", source));
    let cdev = of_source("kind = 'cdev'\nchip = '/dev/gpiochip77'\nline = 17");
    assert_refused("pi-publisher", &cdev, 1, &["meter main", "gpiochip77", "not found"]);
    let sysfs = of_source("kind = 'sysfs'\nnumber = 9999");
    assert!(Path::new("/sys").is_dir());
    assert_refused("pi-publisher", &sysfs, 1, &["meter main", "not found"]);
}
