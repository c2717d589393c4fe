//! SD cards that are set back to an old copy, shared, or belong to a meter that
//! was replaced: each pulse is in the ledger once, under its constant.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use end_to_end::{Program, Site, http_get, run_to_end, wait_until};
use jiff::{Timestamp, ToSpan};
use meter_messages::{MeterConstant, Minute};
use pi_publisher::pulse_source::simulated::{Household, SimulatedSettings};

/// A past that began on a full minute, 30 days ago.
fn beginning() -> Timestamp {
    Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 30 * 86_400).unwrap()
}

/// A meter that counts some minutes of that past, a hundred in a second.
fn meter(began: Timestamp, minutes: std::ops::Range<i64>, pulses_per_kwh: u32) -> String {
    let (from, until) = (began + minutes.start.minutes(), began + minutes.end.minutes());
    format!(
        "[[meter]]\nid = 'main'\npulses_per_kwh = {pulses_per_kwh}\n[meter.source]\nkind = 'simulated'\n\
         seed = 7\nspeed = 6000\nfrom = '{from}'\nuntil = '{until}'\n"
    )
}

fn emitted(began: Timestamp, minutes: std::ops::Range<i64>, pulses_per_kwh: u32) -> Vec<(Minute, u32)> {
    let settings = SimulatedSettings { seed: 7, ..SimulatedSettings::default() };
    let household =
        Household::new(&settings, MeterConstant::try_from(u64::from(pulses_per_kwh)).unwrap()).unwrap();
    let minute = |number| Minute::nearest(began.as_second() / 60 + number);
    minutes.map(minute).map(|minute| (minute, household.pulses_in(minute))).collect()
}

/// What is on the card, in minutes.
fn counted(card: &Path) -> u64 {
    let file = card.join("outbox.sqlite");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(file, flags).unwrap();
    connection.query_row("SELECT count(*) FROM minute", [], |row| row.get(0)).unwrap_or(0)
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// Counts some minutes and returns once they are recorded.
fn count_and_record(site: &Site, began: Timestamp, minutes: std::ops::Range<i64>, recorded: usize) {
    site.set_publisher("card", &meter(began, minutes, 1000));
    let publisher = site.start("pi-publisher");
    wait_until("the minutes are recorded", || site.recorded("hq/main").len() >= recorded);
    publisher.stop();
}

fn site_with_card() -> (Site, std::path::PathBuf, [Program; 2]) {
    let site = Site::new("");
    let card = site.path().join("card");
    fs::create_dir(&card).unwrap();
    let daemons = [site.start("powerpi-broker"), site.start("powerpi-recorder")];
    (site, card, daemons)
}

#[test]
fn a_card_that_was_set_back_to_an_old_copy_loses_and_doubles_nothing() {
    let began = beginning();
    let (site, card, _daemons) = site_with_card();
    let old = site.path().join("old");
    count_and_record(&site, began, 0..30, 30);
    copy(&card, &old);
    count_and_record(&site, began, 30..60, 60);

    // The recorder is there: the first numbers that are given anew lie below its mark.
    copy(&old, &card);
    count_and_record(&site, began, 60..80, 80);
    assert_eq!(site.recorded("hq/main"), emitted(began, 0..80, 1000));

    // Nobody is there: by the time somebody is, the numbers have passed the mark.
    count_and_record(&site, began, 80..100, 100);
    copy(&card, &old);
    count_and_record(&site, began, 100..110, 110);
    copy(&old, &card);
    let [broker, recorder] = _daemons;
    broker.stop();
    site.set_publisher("card", &meter(began, 110..200, 1000));
    let before = counted(&card);
    let publisher = site.start("pi-publisher");
    wait_until("the minutes are on the card", || counted(&card) >= before + 90);
    publisher.kill();
    let _broker = site.start("powerpi-broker");
    let publisher = site.start("pi-publisher");
    wait_until("all is recorded", || site.recorded("hq/main").len() >= 200);
    publisher.stop();
    recorder.stop();
    assert_eq!(site.recorded("hq/main"), emitted(began, 0..200, 1000));
}

#[test]
fn two_publishers_on_one_card_are_refused() {
    let site = Site::new(&meter(beginning(), 0..10, 1000));
    let publisher = site.start("pi-publisher");
    let second = run_to_end("pi-publisher", site.path(), &["--config", "pi-publisher.toml"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("another pi-publisher"), "{said}");
    let setting = ["--config", "pi-publisher.toml", "set-reading", "main", "5"];
    let refused = run_to_end("pi-publisher", site.path(), &setting);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stop it first"));
    publisher.stop();
}

#[test]
fn a_meter_replaced_while_the_server_is_away_has_both_constants() {
    let began = beginning();
    let site = Site::new("");
    let card = site.path().join("card");
    fs::create_dir(&card).unwrap();
    for (minutes, constant) in [(0..60, 1000), (60..100, 500)] {
        let before = if card.join("outbox.sqlite").is_file() { counted(&card) } else { 0 };
        let all = before + (minutes.end - minutes.start) as u64;
        site.set_publisher("card", &meter(began, minutes, constant));
        let publisher = site.start("pi-publisher");
        wait_until("the minutes are on the card", || counted(&card) >= all);
        publisher.stop();
    }
    let _daemons = [site.start("powerpi-broker"), site.start("powerpi-recorder")];
    let publisher = site.start("pi-publisher");
    wait_until("all is recorded", || site.recorded("hq/main").len() >= 100);
    let known = site.meter("hq/main").unwrap();
    let (old, new) = (emitted(began, 0..60, 1000), emitted(began, 60..100, 500));
    assert_eq!(site.recorded("hq/main"), [old.clone(), new.clone()].concat());
    let pulses =
        |minutes: &[(Minute, u32)]| minutes.iter().map(|(_, pulses)| u64::from(*pulses)).sum::<u64>();
    let sum = site.ledger().sum(&known, Minute::nearest(0)..Minute::nearest(i64::MAX)).unwrap();
    let shares: Vec<_> = sum.shares().map(|(constant, pulses)| (constant.per_unit(), pulses)).collect();
    assert_eq!(shares, [(500.0, pulses(&new)), (1000.0, pulses(&old))]);
    publisher.stop();

    // The reading that the new meter shows: no minute and no total changes by it, and pages go on from there.
    let before = known_total(&site);
    let set = |arguments: &str| {
        let arguments = ["--config pi-publisher.toml set-reading main", arguments].join(" ");
        let set = run_to_end("pi-publisher", site.path(), &arguments.split(' ').collect::<Vec<_>>());
        assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    };
    set("5000");
    set("0,5 --replaced --by ernst");
    site.set_publisher("card", &meter(began, 100..110, 500));
    let publisher = site.start("pi-publisher");
    wait_until("ten more are recorded", || site.recorded("hq/main").len() >= 110);
    assert_eq!(site.recorded("hq/main")[100..], emitted(began, 100..110, 500));
    assert_eq!(known_total(&site), before + pulses(&emitted(began, 100..110, 500)));
    let said = || {
        let known = site.meter("hq/main").unwrap();
        let readings = site.ledger().readings(&known, 10).unwrap().into_iter();
        readings.map(|it| (it.reading.shown, it.reading.replaced, it.of_publisher)).collect::<Vec<_>>()
    };
    wait_until("the ledger knows what was set", || said() == [(5000.0, false, true), (0.5, true, true)]);
    assert_eq!(site.ledger().shows(&site.meter("hq/main").unwrap()).unwrap(), Some(0.5));
    publisher.stop();
    // And it can be taken back.
    set("--undo");
    let publisher = site.start("pi-publisher");
    wait_until("the ledger knows it", || said() == [(5000.0, false, true)]);
    publisher.stop();
}

fn known_total(site: &Site) -> u64 {
    let known = site.meter("hq/main").unwrap();
    site.ledger().newest(&known).unwrap().unwrap().total
}

/// Two publishers with the settings of the sample: both are recorded, and everybody is told.
#[test]
fn two_publishers_under_one_name_are_told_to_all_and_lose_nothing() {
    let began = beginning();
    let (site, _card, _daemons) = site_with_card();
    let web = site.start("powerpi-web");
    site.set_publisher("card", &meter(began, 0..900, 1000));
    let settings = fs::read_to_string(site.path().join("pi-publisher.toml")).unwrap();
    let second = settings.replace("'card'", "'.'");
    // Another meter: it has counted before.
    let second = second
        .replace("[meter.source]", "initial_total = 70000\n[meter.source]")
        .replace("seed = 7", "seed = 8");
    let folder = site.path().join("other");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("pi-publisher.toml"), second).unwrap();

    let first = site.start("pi-publisher");
    let other = Program::start("pi-publisher", &folder);
    let is_told = |publisher: &Program| publisher.log().contains("another publisher counts under the name");
    wait_until("the first one is told", || is_told(&first));
    wait_until("and the other one", || is_told(&other));

    let of = |seed| {
        let settings = SimulatedSettings { seed, ..SimulatedSettings::default() };
        Household::new(&settings, MeterConstant::try_from(1000).unwrap()).unwrap()
    };
    let households = [of(7), of(8)];
    let first_minute = began.as_second() / 60;
    let both = |number| {
        let minute = Minute::nearest(first_minute + number);
        (minute, households.iter().map(|household| household.pulses_in(minute)).sum())
    };
    let expected: Vec<(Minute, u32)> = (0..900).map(both).collect();
    wait_until("both are recorded", || site.recorded("hq/main") == expected);
    let (_, trust) = http_get(site.web, "/api/v1/meters/hq/main/trust");
    let trust: serde_json::Value = serde_json::from_str(&trust).unwrap();
    let twice = trust["counted_twice"].as_u64().unwrap();
    assert!((890..=900).contains(&twice), "{trust}");
    for (path, said) in [
        ("/m/hq/main?lang=en", "Two publishers count under the name of this meter"),
        ("/status?lang=de", "Unter dem Namen dieses Zählers zählen zwei Geräte"),
    ] {
        let page = http_get(site.web, path).1;
        assert!(page.contains(said), "{page}");
    }
    for program in [first, other, web] {
        program.stop();
    }
}
