//! A household at rest: one meter whose value is said once a second, and nobody who looks.
//!
//! Broker, recorder and pages together, beside mosquitto alone with the same publisher.

use std::time::Duration;

use end_to_end::measuring::{Report, median, ratios};
use end_to_end::torture::mosquitto;
use end_to_end::{Program, Site, wait_until};

const METER: &str = "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n\
    source = { kind = 'simulated', seed = 1, kwh_per_year = 3500 }\n";

/// At the same time, so that whatever else the machine does hits both.
pub(crate) fn compare(report: &Report, rounds: usize, lasting: Duration) {
    let (one, other) = (Site::new(METER), Site::new(METER));
    let ours = ["powerpi-broker", "powerpi-recorder", "powerpi-web"].map(|name| one.start(name));
    let theirs = [mosquitto::spawn(&other)];
    let publishers = [one.start("pi-publisher"), other.start("pi-publisher")];
    // Its first minute may begin up to a minute later.
    std::thread::sleep(Duration::from_secs(60));
    wait_until("the first minute is recorded", || !one.recorded("hq/main").is_empty());
    let all: Vec<&Program> = ours.iter().chain(&theirs).chain(&publishers).collect();
    let measured: Vec<Watched> = (0..rounds).map(|_| watch(&all, lasting)).collect();
    report.tell("rest", &table(&all, &measured));
}

/// Of each program: µs of CPU and wake-ups a second.
struct Watched {
    cpu: Vec<f64>,
    wakeups: Vec<f64>,
}

fn watch(all: &[&Program], lasting: Duration) -> Watched {
    let (cpu, wakeups) = (on_cpu(all), wakeups(all));
    std::thread::sleep(lasting);
    let since = |now: &[f64], then: &[f64]| -> Vec<f64> {
        now.iter().zip(then).map(|(now, then)| (now - then) / lasting.as_secs_f64()).collect()
    };
    Watched { cpu: since(&on_cpu(all), &cpu), wakeups: since(&self::wakeups(all), &wakeups) }
}

/// The first three are ours, the fourth is mosquitto.
fn table(all: &[&Program], measured: &[Watched]) -> String {
    let mut table = "| at rest with one meter | µs of CPU a second | wake-ups a second | memory, MB |\n|---|---|---|---|\n".to_owned();
    for (index, program) in all.iter().enumerate() {
        let of = |figures: fn(&Watched) -> &Vec<f64>| median(measured.iter().map(|it| figures(it)[index]));
        let (cpu, wakeups) = (of(|it| &it.cpu), of(|it| &it.wakeups));
        let memory = program.burden().resident_kib as f64 * 1024.0 / 1e6;
        table += &format!("| {} | {cpu:.0} | {wakeups:.1} | {memory:.0} |\n", program.name());
    }
    let ours: Vec<f64> = measured.iter().map(|it| it.cpu[..3].iter().sum()).collect();
    let theirs: Vec<f64> = measured.iter().map(|it| it.cpu[3]).collect();
    table + &format!("\nBroker, recorder and pages together by mosquitto alone: {}\n", ratios(&ours, &theirs))
}

/// In µs.
fn on_cpu(programs: &[&Program]) -> Vec<f64> {
    programs.iter().map(|program| program.on_cpu().as_secs_f64() * 1e6).collect()
}

fn wakeups(programs: &[&Program]) -> Vec<f64> {
    programs.iter().map(|program| program.wakeups() as f64).collect()
}
