//! What the publisher costs a machine: its size, its memory, and CPU for each
//! pulse and each minute, with a real broker and recorder beside it.
//!
//! `cargo run --release --package end-to-end --example publisher [SECONDS]`
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use end_to_end::{Program, Site, binary, mosquitto_sub, wait_until};
use jiff::Timestamp;

const A_DAY: f64 = 86_400.0;
/// Minutes of the past that are counted as fast as it goes.
const PAST: i64 = 30 * 1440;

/// Meters with pulses of so many kWh a year, each kWh having `constant` of them.
fn meters(count: usize, kwh_per_year: u32, constant: u32, more: &str) -> String {
    let meter = |number: usize| {
        format!(
            "[[meter]]\nid = 'm{number}'\npulses_per_kwh = {constant}\nbounce = {{ min_closed_ms = 5, min_open_ms = 5 }}\n\
             source = {{ kind = 'simulated', seed = {number}, kwh_per_year = {kwh_per_year}{more} }}\n"
        )
    };
    (1..=count).map(meter).collect()
}

/// The daemons that a publisher needs, and the publisher.
fn start(site: &Site) -> [Program; 3] {
    [site.start("powerpi-broker"), site.start("powerpi-recorder"), site.start("pi-publisher")]
}

/// The running count of all meters, as the publisher says it once a second.
fn total(site: &Site, count: usize) -> u64 {
    let said = |number| mosquitto_sub(site.mqtt, &format!("powerpi/hq/m{number}/live"), 1, 5).pop();
    let count_of = |(_, live): (String, String)| {
        serde_json::from_str::<serde_json::Value>(&live).unwrap()["total"].as_u64().unwrap()
    };
    (1..=count).map(|number| count_of(said(number).expect("a live value"))).sum()
}

/// CPU of a second and pulses of a second.
struct Rates {
    cpu: f64,
    pulses: f64,
}

/// Counts in real time for some seconds.
fn count(what: &str, meters: &str, how_many: usize, lasting: Duration) -> Rates {
    let site = Site::new(meters);
    let [_broker, _recorder, publisher] = start(&site);
    // What a start costs is not what counting costs.
    std::thread::sleep(Duration::from_secs(5));
    let before = total(&site, how_many);
    let (began, cpu) = (Instant::now(), publisher.burden().cpu);
    std::thread::sleep(lasting);
    let (burden, seconds) = (publisher.burden(), began.elapsed().as_secs_f64());
    let counted = total(&site, how_many) - before;
    let rates = Rates { cpu: (burden.cpu - cpu).as_secs_f64() / seconds, pulses: counted as f64 / seconds };
    println!(
        "{what}: {:.2} pulses a second, {:.1} MB of memory, {:.2} % of a processor ({:.0} s a day)",
        rates.pulses,
        burden.resident_kib as f64 / 1000.0,
        100.0 * rates.cpu,
        A_DAY * rates.cpu
    );
    rates
}

/// Counts a month of the past, as after a long time without a server.
fn count_the_past() {
    let until = daemon_runtime::now().as_second() / 60 * 60 - 3600;
    let [from, until] =
        [until - 60 * PAST, until].map(|second| Timestamp::from_second(second).unwrap().to_string());
    let site = Site::new(&meters(1, 3500, 1000, &format!(", from = '{from}', until = '{until}'")));
    let [_broker, _recorder, publisher] = start(&site);
    wait_until("the month is recorded", || site.recorded("hq/m1").len() as i64 == PAST);
    let burden = publisher.burden();
    println!(
        "a month of the past: {:.0} µs of CPU a minute, {:.1} MB of memory",
        burden.cpu.as_secs_f64() * 1e6 / PAST as f64,
        burden.resident_kib as f64 / 1000.0
    );
}

fn main() {
    let seconds = std::env::args().nth(1).map_or(60, |seconds| seconds.parse().expect("a number of seconds"));
    let lasting = Duration::from_secs(seconds);
    let size = std::fs::metadata(binary("pi-publisher")).unwrap().len();
    println!("program: {size} bytes");
    let quiet = count("one meter, no pulse", &meters(1, 100, 1, ""), 0, lasting);
    count("one meter of 3,500 kWh a year", &meters(1, 3500, 1000, ""), 1, lasting);
    let busy = count("one meter with many pulses", &meters(1, 50_000, 10_000, ""), 1, lasting);
    let four = count("four of them", &meters(4, 50_000, 10_000, ""), 4, lasting);
    for (what, rates) in [("one meter", busy), ("four meters", four)] {
        let each = (rates.cpu - quiet.cpu) * 1e6 / rates.pulses;
        println!("a pulse: {each:.0} µs of CPU ({what}, beyond a meter without pulses)");
    }
    count_the_past();
}
