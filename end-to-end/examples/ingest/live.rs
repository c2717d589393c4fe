//! Many meters live: each minute of the clock brings one of every meter within its first second.

use std::time::{Duration, Instant};

use meter_messages::Minute;

use crate::meters::Meters;
use crate::shape::{Running, Shape};

/// Broker and recorder together take no more, however many minutes pass.
const MOST_MB: f64 = 150.0;

/// # Panics
/// If a minute is not in the ledger once, is not marked before the next one begins, or broker and recorder take too
/// much memory.
pub(crate) fn live(Shape { meters: count, minutes }: Shape) {
    let meters = Meters::new(count, 0);
    let mut running = Running::start(&meters, count);
    let last = minutes as u64 + 1;
    let mut slowest = Duration::ZERO;
    for seq in 2..=last {
        let minute = meters.minutes(seq, seq, count);
        let marked = meters.marked(running.site.mqtt, seq);
        wait_for_next_minute();
        let began = Instant::now();
        running.publisher.publish_within(&minute, Duration::from_secs(1));
        let (at, _) = marked.join().unwrap();
        let took = at.duration_since(began);
        assert!(took.as_secs() < Minute::SECONDS as u64, "minute {seq} was marked after {took:?} only");
        slowest = slowest.max(took);
        let (broker, recorder) = memory_mb(&running);
        println!(
            "minute {}: all marked after {:.2} s; broker {broker:.0} MB, recorder {recorder:.0} MB at most",
            seq - 1,
            took.as_secs_f64()
        );
        assert!(broker + recorder <= MOST_MB, "broker and recorder take more than {MOST_MB} MB");
    }
    let (broker, recorder) = memory_mb(&running);
    running.recorder.stop();
    meters.check_ledger(&running.site, last);
    println!(
        "{count} meters live for {minutes} minutes: every minute once in the ledger, marked after {:.2} s at worst; \
         broker {broker:.0} and recorder {recorder:.0} MB at most",
        slowest.as_secs_f64()
    );
}

fn wait_for_next_minute() {
    let second = daemon_runtime::now().as_second().rem_euclid(Minute::SECONDS);
    std::thread::sleep(Duration::from_secs((Minute::SECONDS - second) as u64));
}

/// The most that broker and recorder have taken.
fn memory_mb(running: &Running) -> (f64, f64) {
    let mb = |kib: u64| kib as f64 * 1024.0 / 1e6;
    (mb(running.broker.burden().peak_kib), mb(running.recorder.burden().peak_kib))
}
