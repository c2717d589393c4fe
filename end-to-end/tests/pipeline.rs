//! From pulse to picture: what the source emitted is, count by count, in the
//! ledger, in the RRD, in the API and on the page.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use end_to_end::{Program, Site, http_get, mosquitto_sub, rrd_minutes, run_to_end, wait_until};
use jiff::Timestamp;
use meter_messages::{MeterConstant, Minute};
use pi_publisher::pulse_source::simulated::{Household, SimulatedSettings};

/// What the household is made of, in settings and as the source itself.
fn household(more: &str) -> (String, Household) {
    let meter = format!(
        "[[meter]]\nid = 'main'\nname = 'Haus'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\nseed = 7\n{more}"
    );
    let settings = SimulatedSettings { seed: 7, ..SimulatedSettings::default() };
    let household = Household::new(&settings, MeterConstant::try_from(1000).unwrap()).unwrap();
    (meter, household)
}

fn minutes_from(first: Minute, count: i64) -> impl Iterator<Item = Minute> {
    (0..count).map(move |n| Minute::nearest(first.epoch_minutes() + n))
}

/// Fails unless exactly these minutes are recorded, as the source emitted them.
fn assert_all_recorded(site: &Site, household: &Household) {
    let recorded = site.recorded("hq/main");
    let first = recorded.first().unwrap().0;
    let expected: Vec<_> = minutes_from(first, recorded.len() as i64)
        .map(|minute| (minute, household.pulses_in(minute)))
        .collect();
    assert_eq!(recorded, expected, "recorded, and what the source emitted");
    let end = Minute::nearest(recorded[recorded.len() - 1].0.epoch_minutes() + 1);
    let rrd = || rrd_minutes(&site.rrd("hq/main"), first, end);
    // It follows the ledger, a little later.
    let began = Instant::now();
    while rrd() != expected && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(rrd(), expected, "in the RRD, and what the source emitted");
}

fn start_all(site: &Site) -> [Program; 3] {
    [site.start("powerpi-broker"), site.start("powerpi-recorder"), site.start("pi-publisher")]
}

#[test]
fn three_hours_are_the_same_everywhere() {
    let until = daemon_runtime::now().as_second() / 60 * 60 - 120;
    let (from, until) = (until - 3 * 3600, Timestamp::from_second(until).unwrap());
    let (meter, household) =
        household(&format!("from = '{}'\nuntil = '{until}'\n", Timestamp::from_second(from).unwrap()));
    let site = Site::new(&meter);
    let _daemons = start_all(&site);
    let _web = site.start("powerpi-web");
    wait_until("three hours are recorded", || site.recorded("hq/main").len() == 180);
    assert_all_recorded(&site, &household);

    let first = Minute::containing(from).unwrap();
    let pulses: u64 = minutes_from(first, 180).map(|minute| u64::from(household.pulses_in(minute))).sum();
    let kwh = pulses as f64 / 1000.0;
    let path = format!("/api/v1/meters/hq/main/energy?from={first}&to={until}&step=minute");
    let (status, body) = http_get(site.web, &path);
    assert_eq!(status, 200, "{body}");
    let rows: serde_json::Value = serde_json::from_str(&body).unwrap();
    let rows = rows["rows"].as_array().unwrap();
    let of_api: u64 = rows.iter().map(|row| row["pulses"].as_u64().unwrap()).sum();
    assert_eq!((rows.len(), of_api), (180, pulses));
    let (_, csv) = http_get(site.web, &path.replace("/energy?", "/energy.csv?"));
    assert_eq!(csv.trim_end().lines().count(), 181, "{csv}");
    let (_, page) = http_get(site.web, "/m/hq/main?lang=en");
    assert!(page.contains(&format!("{kwh:.3}")), "{kwh:.3} kWh in total on {page}");
}

#[test]
fn whoever_stops_for_a_while_nothing_is_missing_and_nothing_twice() {
    // Ten minutes of the household's time in a second of ours.
    let from = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 40 * 86_400).unwrap();
    let (meter, household) = household(&format!("from = '{from}'\nspeed = 600\n"));
    let site = Site::new(&meter);
    let [broker, recorder, publisher] = start_all(&site);
    let count = || site.recorded("hq/main").len();
    let more = |minutes: usize| {
        let before = count();
        wait_until("more minutes are recorded", || count() >= before + minutes);
    };
    // Without the server the publisher counts on.
    let counts_on = || {
        let before = site.counted("main");
        wait_until("more minutes are counted", || site.counted("main") >= before + 20);
    };
    more(20);
    recorder.stop();
    counts_on();
    let recorder = site.start("powerpi-recorder");
    more(30);
    broker.stop();
    counts_on();
    let broker = site.start("powerpi-broker");
    more(30);
    drop(broker); // By SIGKILL.
    let _broker = site.start("powerpi-broker");
    more(20);
    publisher.stop();
    // Twenty minutes of the household's time that nobody counts now.
    std::thread::sleep(Duration::from_secs(2));
    let publisher = site.start("pi-publisher");
    more(20);
    publisher.stop();
    recorder.stop();
    let recorded = count();
    assert!(recorded >= 100, "{recorded} minutes");
    let _recorder = site.start("powerpi-recorder");
    wait_until("the RRD is checked", || site.rrd("hq/main").is_file());
    assert_all_recorded(&site, &household);
}

#[test]
fn kept_minutes_can_be_sent_again_to_a_new_server() {
    let until = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 600).unwrap();
    let from = Timestamp::from_second(until.as_second() - 7200).unwrap();
    let (meter, household) = household(&format!("from = '{from}'\nuntil = '{until}'\n"));
    let site = Site::new(&meter);
    let [_broker, recorder, _publisher] = start_all(&site);
    wait_until("two hours are recorded", || site.recorded("hq/main").len() == 120);
    recorder.stop();
    // The server's disks are lost.
    for lost in ["ledger.sqlite", "rrd/hq/main.rrd"] {
        std::fs::remove_file(site.path().join(lost)).unwrap();
    }
    for rest in ["ledger.sqlite-wal", "ledger.sqlite-shm"] {
        let _ = std::fs::remove_file(site.path().join(rest));
    }
    let _recorder = site.start("powerpi-recorder");
    let span = ["replay", "--from", "2020-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z"];
    let config = ["--config", "pi-publisher.toml"];
    let replayed = run_to_end("pi-publisher", site.path(), &[&config[..], &span].concat());
    let said = String::from_utf8_lossy(&replayed.stdout);
    assert!(replayed.status.success() && said.contains("main: 120 minutes sent"), "{replayed:?}");
    wait_until("two hours are recorded again", || site.recorded("hq/main").len() == 120);
    wait_until("the RRD is there again", || site.rrd("hq/main").is_file());
    assert_all_recorded(&site, &household);
}

#[test]
fn minutes_of_another_outbox_are_not_sent_again() {
    let (meter, _) = household("");
    let site = Site::new(&meter);
    let [_broker, _recorder, publisher] = start_all(&site);
    let mark = || mosquitto_sub(site.mqtt, "powerpi/hq/main/recorded", 1, 2).pop();
    wait_until("the outbox has its account", || mark().is_some());
    publisher.stop();
    // The card is changed for a new one, and later the old one is put in again.
    let (outbox, old) = (site.path().join("outbox.sqlite"), site.path().join("old.sqlite"));
    std::fs::rename(&outbox, &old).unwrap();
    let before = mark();
    let publisher = site.start("pi-publisher");
    wait_until("the new outbox has its account", || mark() != before);
    publisher.stop();
    std::fs::rename(&old, &outbox).unwrap();
    let replay = ["replay", "--config", "pi-publisher.toml"];
    let span = ["--from", "2020-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z"];
    let refused = run_to_end("pi-publisher", site.path(), &[&replay[..], &span].concat());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the recorder has outbox"), "{said}");
}
