//! `make scale`: what a million publishers do to brokers and recorders, reckoned from what one machine was measured to do. A
//! simulation, not a cluster: nothing is sent.
#![allow(clippy::unwrap_used)]

mod outage;
mod queue;

use std::path::PathBuf;

use clap::Parser;
use end_to_end::measuring::Report;

use crate::outage::{Recovery, Return};
use crate::queue::{Arrivals, Queue};

/// Simulates publishers that send each minute, and that come back together after an outage.
#[derive(Parser)]
#[command(name = "scale")]
struct Arguments {
    /// How many there are, of one meter each
    #[arg(long, default_value_t = 1_000_000)]
    publishers: u64,
    /// Minutes that are recorded in a second, of all machines together; several are compared
    #[arg(long, value_delimiter = ',', default_values_t = [20_000, 40_000, 80_000])]
    minutes_a_second: Vec<u64>,
    /// Logins in a second, of all brokers together
    #[arg(long, value_delimiter = ',', default_values_t = [500, 2_000, 10_000])]
    logins_a_second: Vec<u64>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fills the places of this document
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() {
    let arguments = Arguments::parse();
    let report = Report::new(arguments.document.clone());
    report.tell("arrivals", &arrivals(&arguments));
    report.tell("outages", &outages(&arguments));
}

/// Every publisher sends a minute each minute.
fn arrivals(arguments: &Arguments) -> String {
    let mut table = format!(
        "{} publishers, ten minutes.\n\n\
         | minutes recorded a second | sent within | longest queue | last one recorded after, s |\n|---|---|---|---|\n",
        grouped(arguments.publishers)
    );
    for rate in &arguments.minutes_a_second {
        for within_s in [1, 15, 30, 55] {
            let queue =
                Queue::run(&Arrivals { publishers: arguments.publishers, within_s, minutes: 10 }, *rate);
            let last =
                queue.last_after_s.map_or_else(|| "ever later".to_owned(), |seconds| seconds.to_string());
            table +=
                &format!("| {} | {within_s} s | {} | {last} |\n", grouped(*rate), grouped(queue.longest));
        }
    }
    table
}

/// All are there again at the same moment, and try to come back as they do.
fn outages(arguments: &Arguments) -> String {
    let mut table = format!(
        "{} publishers.\n\n| outage | logins a second | minutes recorded a second | all connected after | tries of one, at most \
         | longest queue | sent twice | all recorded after |\n|---|---|---|---|---|---|---|---|\n",
        grouped(arguments.publishers)
    );
    let lasted_s = [600, 3_600, 86_400];
    for (logins, rate) in arguments.logins_a_second.iter().zip(&arguments.minutes_a_second) {
        let all = Return {
            publishers: arguments.publishers,
            logins_a_second: *logins,
            minutes_a_second: *rate,
            seed: arguments.seed,
        };
        for (lasted_s, recovery) in lasted_s.into_iter().zip(all.after(lasted_s)) {
            let Recovery { connected_s, most_tries, longest_queue, twice, recorded_s } = recovery;
            let recorded = recorded_s.map_or_else(|| "never".to_owned(), span);
            table += &format!(
                "| {} | {} | {} | {} | {most_tries} | {} | {} | {recorded} |\n",
                span(lasted_s),
                grouped(*logins),
                grouped(*rate),
                span(connected_s),
                grouped(longest_queue),
                grouped(twice),
            );
        }
    }
    table
}

/// As in "1,000,000".
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let from_the_end = |at: usize| (digits.len() - at).is_multiple_of(3) && at > 0;
    digits.chars().enumerate().fold(String::new(), |mut text, (at, digit)| {
        if from_the_end(at) {
            text.push(',');
        }
        text.push(digit);
        text
    })
}

/// As in "2 h 5 min".
fn span(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, _) => format!("{minutes} min"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
