//! `make torture`: breaks things for an hour and says what became of every minute.
//!
//! The soak runs beside the kills, so that an hour is an hour. The report goes to a file, its
//! last line also here: `kills N, minutes M, lost L, twice T`. Exit code 1 if any was lost or
//! twice, or a check failed.
#![allow(clippy::unwrap_used)]

mod parts;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use end_to_end::torture::seed;

/// Kills programs, cuts power on paper and lets PowerPi soak; reports what became of every minute.
#[derive(Parser)]
#[command(name = "torture")]
struct Arguments {
    /// Processes to kill
    #[arg(long, default_value_t = 1000)]
    kills: u64,
    /// Length of the soak under load; its memory is judged from five minutes on
    #[arg(long, default_value_t = 60)]
    soak_minutes: u64,
    /// The report's file
    #[arg(long, default_value = "docs/TORTURE.md")]
    report: PathBuf,
    /// The commit under test, for the report [default: what git says here]
    #[arg(long)]
    commit: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = seed("torture");
    let soak = Duration::from_secs(60 * arguments.soak_minutes);
    let began = daemon_runtime::now();
    let outcome = parts::run(seed, arguments.kills, soak);
    let commit = arguments.commit.unwrap_or_else(report::commit_here);
    let report = report::Report { seed, began, commit: &commit, outcome: &outcome }.to_string();
    let others = report::of_others(&std::fs::read_to_string(&arguments.report).unwrap_or_default());
    std::fs::write(&arguments.report, report + &others).unwrap();
    println!("\nthe report is in {}", arguments.report.display());
    for fault in &outcome.result.faults {
        println!("fault: {fault}");
    }
    println!("{}", outcome.result);
    if outcome.result.is_exact() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
