//! `powerpi demo` does what it promises: history through the whole pipeline,
//! then live; a clean stop; a second start that goes on.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::Duration;

use end_to_end::{Program, free_port, http_get, wait_until};
use rustix::process::Signal;
use tempfile::TempDir;

fn demo(folder: &TempDir, web: u16, mqtt: u16, more: &[&str]) -> Program {
    let arguments = [&["demo", "--dir", "data", "--history", "3d"], more].concat();
    let arguments: Vec<String> = arguments.into_iter().map(String::from).collect();
    let addresses =
        ["--web".into(), format!("127.0.0.1:{web}"), "--mqtt".into(), format!("127.0.0.1:{mqtt}")];
    Program::spawn("powerpi", folder.path(), &[&arguments[..], &addresses].concat(), &[])
}

fn minutes(folder: &TempDir) -> usize {
    let ledger = meter_ledger::Ledger::open_read_only(&folder.path().join("data/ledger.sqlite")).unwrap();
    let meter = ledger.meters().unwrap().pop().unwrap();
    let all = meter_messages::Minute::nearest(i64::MIN)..meter_messages::Minute::nearest(i64::MAX);
    ledger.minutes(&meter, all).unwrap().len()
}

#[test]
fn it_starts_shows_three_days_stops_and_goes_on() {
    let folder = TempDir::new().unwrap();
    let (web, mqtt) = (free_port(), free_port());
    let began = daemon_runtime::now().as_second() - 3600;
    let mut first = demo(&folder, web, mqtt, &["--began", &began.to_string()]);
    wait_until("the history is through", || first.log().contains("Now it is live"));
    assert!(first.log().contains("The first page with its history was there 60 min "), "{}", first.log());
    assert!(first.log().contains(&format!("http://127.0.0.1:{web}/")), "{}", first.log());
    assert!(first.log().contains(&format!("mosquitto_sub -h 127.0.0.1 -p {mqtt} -v -t 'powerpi/#'")));
    let recorded = minutes(&folder);
    assert!((4318..=4322).contains(&recorded), "{recorded} minutes in three days");
    assert_eq!(http_get(web, "/m/home/main").0, 200);
    first.signal(Signal::INT);
    assert!(first.wait(Duration::from_secs(60)).success(), "{}", first.log());

    let mut second = demo(&folder, web, mqtt, &[]);
    wait_until("it is live again", || second.log().matches("Now it is live").count() == 2);
    let again = minutes(&folder);
    assert!((recorded..recorded + 5).contains(&again), "{recorded} minutes, then {again}");
    // The terminal is closed.
    second.signal(Signal::HUP);
    assert!(second.wait(Duration::from_secs(60)).success(), "{}", second.log());
    let taken = TcpListener::bind(("127.0.0.1", mqtt));
    assert!(taken.is_ok(), "the broker outlives the demo");
}

#[test]
fn a_port_in_use_is_told_with_the_program_that_wants_it() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut demo = demo(&folder, free_port(), port, &[]);
    assert_eq!(demo.wait(Duration::from_secs(60)).code(), Some(1));
    assert!(demo.log().contains("powerpi-broker ended") && demo.log().contains("in use"), "{}", demo.log());
}
