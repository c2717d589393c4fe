//! `powerpi demo` does what it promises: a history, the newest of it through the whole pipeline,
//! then live; a clean stop; a second start that goes on.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use end_to_end::{Program, free_port, http_get, run_to_end, wait_for, wait_until};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use rustix::process::Signal;
use tempfile::TempDir;

fn demo(folder: &TempDir, web: u16, mqtt: u16, more: &[&str]) -> Program {
    let arguments = [&["demo", "--plain", "--dir", "data", "--history", "3d"], more].concat();
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

/// So long may a house with two years take until its first page is there: on a quiet machine it is a tenth of that.
const SOON: Duration = Duration::from_secs(180);

#[test]
fn a_house_with_two_years_is_there_soon_and_has_all_that_happens_to_meters() {
    let (folder, web) = (TempDir::new().unwrap(), free_port());
    let addresses = [format!("--web=127.0.0.1:{web}"), format!("--mqtt=127.0.0.1:{}", free_port())];
    let began = Instant::now();
    let arguments = [&["demo".to_owned(), "--dir=data".to_owned()], &addresses[..]].concat();
    let mut running = Program::spawn("powerpi", folder.path(), &arguments, &[]);
    wait_for("the house is there", SOON, || running.log().contains("Now it is live"));
    println!("two years of a house were there after {:.1} s", began.elapsed().as_secs_f64());
    let log = running.log();
    assert!(log.contains("Writing 717 days of the past of 11 meters into the ledger."), "{log}");
    let page = |path: &str| {
        let (status, page) = http_get(web, path);
        assert_eq!(status, 200, "{path}");
        page
    };
    assert!(!log.contains("\n0 minutes"), "{log}");
    assert!(page("/?lang=en").contains("Heat pump"));

    // More than last year?
    let today = daemon_runtime::now().to_zoned_datetime(TimeZone::get("Europe/Berlin").unwrap()).date();
    let month = today.first_of_month().checked_sub(1.month()).unwrap();
    let before = month.checked_sub(1.year()).unwrap();
    let rows = |from: jiff::civil::Date| {
        let to = from.checked_add(1.month()).unwrap();
        let rows = page(&format!("/api/v1/meters/home/main/energy?step=month&from={from}&to={to}"));
        let rows: serde_json::Value = serde_json::from_str(&rows).unwrap();
        rows["rows"][0]["kwh"].as_f64().unwrap_or_else(|| panic!("{rows}"))
    };
    assert!(rows(before) > 10.0 && rows(month) > 10.0);
    let named = |month: jiff::civil::Date| month.to_string()[..7].to_owned();
    let beside = page(&format!("/m/home/main/month/{}?with={before}&lang=en", named(month)));
    assert!(beside.contains(&before.year().to_string()) && beside.contains("ghost"), "{beside}");

    // A gap and a change of price, each with a note, and alarms.
    let main = page("/m/home/main?lang=en");
    assert!(main.contains("The meter was replaced") && main.contains("Electricity became dearer"), "{main}");
    let kept = std::fs::read_to_string(folder.path().join("data/house.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let trust = page("/api/v1/meters/home/main/trust");
    assert!(
        trust.contains(kept["replaced"].as_str().unwrap()),
        "nobody counted from then on: {kept}, {trust}"
    );
    wait_until("the alarms are watched", || page("/status?lang=en").contains("oven-forgotten"));
    let year = page("/api/v1/sites/home/all");
    let year: serde_json::Value = serde_json::from_str(&year).unwrap();
    let saved = &year["media"][0]["saved"];
    assert!(saved["amount"].as_f64().unwrap() > 100.0 && saved["kwh"].as_f64().unwrap() > 1000.0, "{saved}");

    // What a meter has counted goes on from one publisher to the next.
    let panels: serde_json::Value = serde_json::from_str(&page("/api/v1/meters/home/panels")).unwrap();
    let (total, made) = (&panels["total"]["kwh"], &year["media"][0]["made"]["kwh"]);
    assert!((total.as_f64().unwrap() - made.as_f64().unwrap()).abs() < 1.0, "{total}, not {made} kWh");

    let checked =
        run_to_end("powerpi", folder.path(), &["ledger", "check", "--ledger", "data/ledger.sqlite"]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains("The ledger is sound (meters: 11,"), "{checked:?}");
    running.signal(Signal::INT);
    assert!(running.wait(Duration::from_secs(60)).success(), "{}", running.log());
}
