//! How long it takes from the publication of a minute until it can be read where it is kept, one after the other.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use end_to_end::measuring::{Report, median, milliseconds, percentile};
use meter_messages::Minute;

use crate::meters::{Meters, Order, ours, publications};
use crate::peers::{Keeper, Running as Peer};
use crate::shape::{Running, Shape};

/// Between two minutes.
const PAUSE: Duration = Duration::from_millis(50);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// Whoever has not kept it by then has lost it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says it of PowerPi and of each peer.
pub(crate) fn compare(report: &Report, keepers: &[Keeper], minutes: usize) {
    let mut table =
        "| one minute at a time | until it can be read, ms, median | 99 of 100 |\n|---|---|---|\n".to_owned();
    let mut row = |name: &str, times: &[Duration]| {
        let of = |percent| percentile(times.iter().copied().map(milliseconds), percent);
        table +=
            &format!("| {name} | {:.2} | {:.2} |\n", median(times.iter().copied().map(milliseconds)), of(99));
    };
    let (readable, marked) = of_ours(minutes);
    row("PowerPi, on disk twice", &readable);
    row("PowerPi, until its publisher is told", &marked);
    let shape = Shape { meters: 1, minutes };
    for keeper in keepers {
        if let Some(times) = Peer::start(*keeper, shape).latencies() {
            row(&format!("mosquitto and {keeper}"), &times);
        }
    }
    report.tell("latency", &table);
}

/// Until a reader of the ledger finds it, and until its mark has come.
fn of_ours(minutes: usize) -> (Vec<Duration>, Vec<Duration>) {
    let meters = Meters::new(1, minutes + 1);
    let mut running = Running::start(&meters, 1);
    let ledger = running.site.ledger();
    let meter = Meters::meter(0);
    let known = ledger.meter(&meter).unwrap().unwrap();
    let mut marked = Vec::new();
    let latency = |seq: u64| {
        let counted = meters.counted(seq, seq, Order::AsCounted);
        let publication = publications(&counted, 1, ours);
        let mark = meters.marked(running.site.mqtt, seq);
        // It has to be subscribed.
        std::thread::sleep(PAUSE);
        let began = Instant::now();
        running.publisher.publish(&publication);
        let minute: Minute = meters.minute(seq);
        look_until(|| ledger.newest(&known).unwrap().is_some_and(|newest| newest.minute >= minute));
        let readable = began.elapsed();
        marked.push(mark.join().unwrap().0.duration_since(began));
        readable
    };
    let readable = each_after_a_pause(2..=minutes as u64 + 1, latency);
    (readable, marked)
}

/// Each with a pause before it.
pub(crate) fn each_after_a_pause(
    seqs: RangeInclusive<u64>,
    mut latency: impl FnMut(u64) -> Duration,
) -> Vec<Duration> {
    seqs.map(|seq| {
        std::thread::sleep(PAUSE);
        latency(seq)
    })
    .collect()
}

/// Looks again and again until it is so.
pub(crate) fn look_until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "a minute is not kept");
        std::thread::sleep(LOOK_EVERY);
    }
}
