//! The pages' user may read what the recorder writes, and write nothing; units keep
//! their programs in a sandbox.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use end_to_end::{Program, Site, binary, http_get, mosquitto_pub, wait_until};

/// Nobody's user and group.
const NOBODY: &str = "65534";

fn anybody_may_read(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        if path.is_dir() {
            anybody_may_read(&path);
        }
    }
}

#[test]
fn pages_are_there_for_a_user_who_may_only_read_also_while_nobody_records() {
    let site = Site::new("");
    let broker = site.start("powerpi-broker");
    let recorder = site.start("powerpi-recorder");
    let info =
        r#"{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/main/info", info, &["-r"]);
    // What is retained comes whenever the recorder has subscribed; a minute that comes before would be lost.
    wait_until("the recorder listens", || site.meter("hq/main").is_some());
    let count = r#"{"t":"2026-03-01T12:00:00Z","s":60,"seq":1,"pulses":6,"total":6}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/main/minute", count, &[]);
    wait_until("the minute is recorded", || site.recorded("hq/main").len() == 1);
    recorder.stop();
    broker.stop();

    fs::set_permissions(site.path(), fs::Permissions::from_mode(0o755)).unwrap();
    anybody_may_read(site.path());
    if !as_nobody(&["test", "-r", &binary("powerpi-web").display().to_string()]) {
        println!("skipped: only root can be somebody else, and nobody must be able to read the programs");
        return;
    }
    let arguments = [
        &format!("--reuid={NOBODY}"),
        &format!("--regid={NOBODY}"),
        "--clear-groups",
        &binary("powerpi-web").display().to_string(),
        "--config",
        &site.path().join("powerpi-web.toml").display().to_string(),
    ];
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let setpriv = Path::new("/usr/bin/setpriv");
    let temporary = [("TMPDIR", Path::new("/tmp"))];
    let web = Program::spawn_file("web-of-nobody", setpriv, site.path(), &arguments, &temporary);
    wait_until("the pages are there", || std::net::TcpStream::connect(("127.0.0.1", site.web)).is_ok());
    let (status, meters) = http_get(site.web, "/api/v1/meters");
    assert!(status == 200 && meters.contains("Haus"), "{status} {meters}\n{}", web.log());
    assert_eq!(http_get(site.web, "/m/hq/main").0, 200);
    let written = as_nobody(&["touch", &site.path().join("ledger.sqlite").display().to_string()]);
    assert!(!written, "nobody may write");
}

fn as_nobody(command: &[&str]) -> bool {
    let mut setpriv = Command::new("/usr/bin/setpriv");
    setpriv.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
    setpriv.args(command).output().is_ok_and(|output| output.status.success())
}

/// The most that `systemd-analyze security` may find, of 10.
const MOST_EXPOSED: f64 = 2.0;

#[test]
fn every_unit_is_a_sandbox() {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd");
    let mut seen = 0;
    for unit in fs::read_dir(units).unwrap().map(|unit| unit.unwrap().path()) {
        if unit.extension().is_none_or(|extension| extension != "service") {
            continue;
        }
        let analyze =
            Command::new("systemd-analyze").args(["security", "--offline=true"]).arg(&unit).output();
        let Ok(said) = analyze else {
            println!("skipped: systemd-analyze is not on this machine");
            return;
        };
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let exposed = said.lines().rev().find_map(|line| line.split_once(".service: "));
        let exposed: f64 = exposed.unwrap().1.split(' ').next().unwrap().parse().unwrap();
        assert!(exposed <= MOST_EXPOSED, "{}: {exposed}\n{said}", unit.display());
        seen += 1;
    }
    assert!(seen >= 5, "{seen} units");
}
