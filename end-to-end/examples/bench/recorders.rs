//! What recorders cost that share a ledger and its sites: CPU of the real programs, with a real broker and PostgreSQL.
//!
//! Each of them hears all messages and records those of its own sites, so two do more work together than one alone. How much more
//! two can record, each on a processor of its own, is one's CPU of a minute by that of the busier one of two. They draw
//! no pictures here: pages of a cluster draw their own.

use std::fs;
use std::time::Duration;

use end_to_end::measuring::median;
use end_to_end::{Program, Site, wait_until};
use meter_messages::{Meter, Minute, OutboxMinute, PulseCount, Topic};
use postgres_for_tests::{Server, Syncs, rows};

use crate::client::Client;

const SITES: usize = 20;
const METERS_OF_SITE: usize = 50;
const METERS: usize = SITES * METERS_OF_SITE;

/// A program that uses less than this of a second has nothing more to do but to say that it is there.
const QUIET: Duration = Duration::from_millis(30);

pub(crate) fn compare(rounds: usize, minutes: i64) {
    let server = Server::start(Syncs::Yes);
    let (mut alone, mut busier, mut both) = (Vec::new(), Vec::new(), Vec::new());
    println!(
        "{SITES} sites of {METERS_OF_SITE} meters, {minutes} minutes of each; CPU seconds of 100,000 minutes:"
    );
    for round in 0..rounds {
        let one = cpu_of(&server, &format!("r{round}_one"), 1, minutes);
        let two = cpu_of(&server, &format!("r{round}_two"), 2, minutes);
        println!("  one recorder {one:.2?}, two that share the sites {two:.2?}");
        alone.push(one[0]);
        busier.push(two[0].max(two[1]));
        both.push(two[0] + two[1]);
    }
    let (alone, busier, both) = (median(alone), median(busier), median(both));
    println!("| one recorder | the busier one of two | both of two | two can record, on CPU that is there |");
    println!("|---|---|---|---|");
    println!("| {alone:.2} | {busier:.2} | {both:.2} | {:.2} times as much as one |", alone / busier);
}

/// CPU seconds of 100,000 minutes, of each of some recorders.
fn cpu_of(server: &Server, name: &str, recorders: usize, minutes: i64) -> Vec<f64> {
    let (ledger, site) = (server.address(name), Site::new(""));
    let _broker = site.start("powerpi-broker");
    let recorders: Vec<Program> = (0..recorders).map(|number| start(&site, &ledger, number)).collect();
    let mut publisher = Client::connect(site.mqtt, "publisher");
    let first = daemon_runtime::now().as_second() / Minute::SECONDS - minutes - 2;
    let recorded = |minutes: i64| {
        rows(&ledger, "SELECT count(*) FROM minute")[0][0] == (METERS as i64 * minutes).to_string()
    };
    // What is said while nobody holds a site is passed over, and its publisher would say it again.
    wait_until("all sites are recorded", || {
        publisher.publish_all(&infos(), true);
        publisher.publish_all(&of_minute(first, 1), false);
        std::thread::sleep(Duration::from_secs(1));
        recorded(1)
    });
    let shares = "SELECT count(*) FROM lease WHERE recorder IS NOT NULL GROUP BY recorder";
    let share = (SITES / recorders.len()).to_string();
    wait_until("sites are shared out", || rows(&ledger, shares) == vec![[share.clone()]; recorders.len()]);
    recorders.iter().for_each(wait_until_quiet);
    let before: Vec<Duration> = recorders.iter().map(|recorder| recorder.burden().cpu).collect();
    for seq in 2..=minutes + 1 {
        publisher.publish_all(&of_minute(first, seq), false);
    }
    wait_until("all minutes are recorded", || recorded(minutes + 1));
    recorders.iter().for_each(wait_until_quiet);
    let took = recorders.iter().zip(before).map(|(recorder, before)| recorder.burden().cpu - before);
    took.map(|cpu| cpu.as_secs_f64() * 100_000.0 / (METERS as i64 * minutes) as f64).collect()
}

fn start(site: &Site, ledger: &str, number: usize) -> Program {
    let folder = site.path().join(number.to_string());
    fs::create_dir_all(&folder).unwrap();
    let settings = format!(
        "ledger = '{ledger}'\nrrd_dir = 'rrd'\nmax_meters = {}\nmax_rrd_files = 1\n\
         [mqtt]\nport = {}\nclient_id = 'recorder-{number}'\n",
        4 * METERS,
        site.mqtt
    );
    fs::write(folder.join("powerpi-recorder.toml"), settings).unwrap();
    Program::start("powerpi-recorder", &folder)
}

fn wait_until_quiet(program: &Program) {
    let mut before = Duration::ZERO;
    wait_until("a recorder has nothing to do", || {
        std::thread::sleep(Duration::from_secs(1));
        let now = program.burden().cpu;
        now - std::mem::replace(&mut before, now) < QUIET
    });
}

fn meters() -> impl Iterator<Item = (usize, Meter)> {
    (0..METERS).map(|number| {
        let (site, meter) = (number / METERS_OF_SITE, number % METERS_OF_SITE);
        (number, format!("s{site:02}/m{meter:02}").parse().unwrap())
    })
}

fn infos() -> Vec<(String, Vec<u8>)> {
    let info = |(number, meter)| {
        let info = format!(
            r#"{{"name":"{number}","pulses_per_kwh":1000,"source":"bench","version":"1","outbox":"{number:032x}","oldest_seq":1}}"#
        );
        (Topic::Info(meter).to_string(), info.into_bytes())
    };
    meters().map(info).collect()
}

/// A minute of all meters.
fn of_minute(first: i64, seq: i64) -> Vec<(String, Vec<u8>)> {
    let (minute, pulses) = (Minute::nearest(first + seq), 7);
    let count = PulseCount { minute, watched_s: 60, seq: seq as u64, pulses, total: 7 * seq as u64 };
    let said = |(number, meter)| {
        let outbox = Some(format!("{number:032x}").parse().unwrap());
        (Topic::Minute(meter).to_string(), OutboxMinute { count, outbox, gap: None, times: None }.to_json())
    };
    meters().map(said).collect()
}
