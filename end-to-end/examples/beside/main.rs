//! A site beside other people's software for an hour: Prometheus, mosquitto as a bridge, Node-RED and Home Assistant. At the
//! end all of them have to have heard the same, and what their logs complain of is told.
//!
//! `make test-interop`, or `beside [--minutes 60] [--document docs/INTEROP.md]`
#![allow(clippy::unwrap_used)]

mod assistant;
mod neighbours;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use end_to_end::measuring::Report;
use end_to_end::{Program, Site, free_port, wait_for};
use meter_messages::Minute;

use assistant::Assistant;
use neighbours::{Bridge, NodeRed, Prometheus};

/// The command line.
#[derive(Parser)]
struct Arguments {
    /// How long they run side by side
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Fills in what came of it
    #[arg(long)]
    document: Option<PathBuf>,
}

/// The programs that tell Prometheus their figures.
const PROGRAMS: [&str; 4] = ["powerpi-broker", "powerpi-recorder", "powerpi-web", "pi-publisher"];
/// The meters, and what they count.
const METERS: [(&str, &str); 3] = [("main", "energy"), ("heat-pump", "energy"), ("water", "volume")];

/// What somebody else has heard of all meters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Heard {
    minutes: u64,
    pulses: u64,
}

/// A line of what is told at the end.
struct Told {
    who: String,
    what: String,
    log: String,
    is_right: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (site, ports) = settings();
    let mut programs: Vec<Program> = PROGRAMS[..3].iter().map(|name| site.start(name)).collect();
    let folder = |name: &str| {
        let folder = site.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    };
    let prometheus =
        Prometheus::start(&folder("prometheus"), &PROGRAMS.into_iter().zip(ports).collect::<Vec<_>>());
    let bridge = Bridge::start(&folder("mosquitto"), site.mqtt);
    let node_red = NodeRed::start(&folder("node-red"), site.mqtt);
    let mut assistant = Assistant::start(&folder("home-assistant"), site.mqtt);
    // Everybody listens by now, so nobody misses a minute.
    programs.push(site.start("pi-publisher"));
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60 * arguments.minutes) {
        std::thread::sleep(Duration::from_secs(10));
        assert!(programs.iter_mut().all(|program| program.ended().is_none()), "a program has ended");
        assert!(assistant.iter_mut().all(Assistant::is_running), "Home Assistant has ended");
    }
    programs.pop().unwrap().stop();
    let recorded = recorded_all(&site);
    let mut told = vec![prometheus.told(&site), bridge.told(recorded), node_red.told(recorded)];
    told.extend(assistant.map(|assistant| assistant.told(&site)));
    told.extend(programs.iter().map(own_log));
    tell(&arguments, recorded, &told)
}

/// A household, a heat pump, and water; each program tells its figures.
fn settings() -> (Site, [u16; 4]) {
    let meter = |(id, what): &(&str, &str)| {
        let (of, source) = match *what {
            "energy" => ("pulses_per_kwh = 1000", if *id == "main" { "" } else { "meter = 'heat-pump'" }),
            _ => ("medium = 'water'\npulses_per_m3 = 1000", "meter = 'water'"),
        };
        format!("[[meter]]\nid = '{id}'\n{of}\n[meter.source]\nkind = 'simulated'\nseed = 7\n{source}\n")
    };
    let site = Site::new(&METERS.iter().map(meter).collect::<String>());
    let ports = [free_port(), free_port(), site.web, free_port()];
    site.append("powerpi-broker", &format!("[health]\nlisten = '127.0.0.1:{}'\n", ports[0]));
    for (program, port) in [("powerpi-recorder", ports[1]), ("pi-publisher", ports[3])] {
        site.append(program, &format!("[metrics]\nlisten = '127.0.0.1:{port}'\n"));
    }
    (site, ports)
}

/// All that was counted, once it is recorded.
fn recorded_all(site: &Site) -> Heard {
    let of = |(id, _): &(&str, &str)| {
        let minutes = site.recorded(&format!("hq/{id}"));
        Heard {
            minutes: minutes.len() as u64,
            pulses: minutes.iter().map(|(_, pulses)| u64::from(*pulses)).sum(),
        }
    };
    let all = || METERS.iter().map(of).fold(Heard::default(), Heard::and);
    let counted = || METERS.iter().map(|(id, _)| site.counted(id)).sum::<u64>();
    wait_for("everything is recorded", Duration::from_secs(120), || all().minutes == counted());
    all()
}

impl Heard {
    fn and(self, other: Self) -> Self {
        Self { minutes: self.minutes + other.minutes, pulses: self.pulses + other.pulses }
    }
}

/// The lines of a log that complain, by words that only such lines have: how many, and the first of each kind.
fn complaints(log: &str, words: &[&str]) -> String {
    let found: Vec<&str> = log.lines().filter(|line| words.iter().any(|word| line.contains(word))).collect();
    // What differs in numbers alone is the same.
    let kind = |line: &str| line.chars().filter(|letter| letter.is_alphabetic()).collect::<String>();
    let mut kinds = std::collections::HashSet::new();
    let first: Vec<String> = found
        .iter()
        .filter(|line| kinds.insert(kind(line)))
        .take(6)
        .map(|line| format!("`{}`", line.chars().take(220).collect::<String>().replace(['|', '`'], "/")))
        .collect();
    if found.is_empty() { "none".to_owned() } else { format!("{}: {}", found.len(), first.join("<br>")) }
}

fn own_log(program: &Program) -> Told {
    let log = complaints(&program.log(), &[" WARN ", " ERROR "]);
    Told { who: format!("`{}`", program.name()), what: "runs on".to_owned(), log, is_right: true }
}

fn tell(arguments: &Arguments, recorded: Heard, told: &[Told]) -> ExitCode {
    let Heard { minutes, pulses } = recorded;
    let mut table = format!(
        "{} minutes side by side; the ledger has {minutes} minutes with {pulses} pulses of {} meters, the last of them \
         from {}.\n\n| software | what it has heard | warnings and errors in its log |\n|---|---|---|\n",
        arguments.minutes,
        METERS.len(),
        Minute::containing(daemon_runtime::now().as_second()).unwrap().timestamp().strftime("%Y-%m-%d"),
    );
    for Told { who, what, log, is_right } in told {
        let differs = if *is_right { "" } else { "**DIFFERS**: " };
        table += &format!("| {who} | {differs}{what} | {log} |\n");
    }
    Report::new(arguments.document.clone()).tell("beside", &table);
    if told.iter().all(|told| told.is_right) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
