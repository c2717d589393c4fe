//! A household at rest: one meter whose value is said once a second, and nobody who looks.
//!
//! Broker, recorder and pages together, beside mosquitto alone with the same publisher.

use std::time::Duration;

use end_to_end::torture::mosquitto;
use end_to_end::{Program, Site, wait_until};

use crate::figures::{median, ratios};

const METER: &str = "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n\
    source = { kind = 'simulated', seed = 1, kwh_per_year = 3500 }\n";

/// In turns, so that whatever else the machine does hits both.
pub(crate) fn compare(rounds: usize, lasting: Duration) {
    let (one, other) = (Site::new(METER), Site::new(METER));
    let ours = ["powerpi-broker", "powerpi-recorder", "powerpi-web"].map(|name| one.start(name));
    let theirs = [mosquitto::spawn(&other)];
    let publishers = [one.start("pi-publisher"), other.start("pi-publisher")];
    // Its first minute may begin up to a minute later.
    std::thread::sleep(Duration::from_secs(60));
    wait_until("the first minute is recorded", || !one.recorded("hq/main").is_empty());
    let (mut by_us, mut by_them) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        // Both at the same time: they share the machine, whatever it does.
        let all: Vec<&Program> = ours.iter().chain(&theirs).chain(&publishers).collect();
        let (cpu, wakeups) = (on_cpu(&all), wakeups(&all));
        std::thread::sleep(lasting);
        let seconds = lasting.as_secs_f64();
        let since = |now: &[f64], then: &[f64]| -> Vec<f64> {
            now.iter().zip(then).map(|(now, then)| (now - then) / seconds).collect()
        };
        let (cpu, wakeups) = (since(&on_cpu(&all), &cpu), since(&self::wakeups(&all), &wakeups));
        for ((program, cpu), wakeups) in all.iter().zip(&cpu).zip(&wakeups) {
            println!("  {}: {cpu:.0} µs of CPU and {wakeups:.1} wake-ups a second", program.name());
        }
        by_us.push(cpu[..3].iter().sum());
        by_them.push(cpu[3]);
    }
    println!(
        "\n| at rest with one meter | powerpi: broker, recorder, pages | mosquitto alone | ratio |\n|---|---|---|---|"
    );
    let ratio = ratios(&by_us, &by_them);
    println!("| µs of CPU a second | {:.0} | {:.0} | {ratio} |\n", median(by_us), median(by_them));
}

/// In µs.
fn on_cpu(programs: &[&Program]) -> Vec<f64> {
    programs.iter().map(|program| program.on_cpu().as_secs_f64() * 1e6).collect()
}

fn wakeups(programs: &[&Program]) -> Vec<f64> {
    programs.iter().map(|program| program.wakeups() as f64).collect()
}
