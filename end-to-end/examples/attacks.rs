//! `make bench-attacks`: all attacks at full length, each on programs of its own; how long a publisher waited for its
//! PUBACKs before each and beside it, and the most that the programs kept.
//!
//! Exit code 1 if anything is wrong, or somebody honest had to wait more than five times as long.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use end_to_end::attacks::{Extent, Outcome, beside_each, table};
use end_to_end::measuring::Report;

/// What an attack may make of the time within which 99 of 100 PUBACKs come.
const MOST: f64 = 5.0;

/// Measures what others notice of each attack, and what the programs keep of it.
#[derive(Parser)]
struct Arguments {
    /// Only attacks whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Fills the place of this document
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Arguments { only, document } = Arguments::parse();
    let outcomes = beside_each(Extent::Full, &only, &|told| println!("{told}"));
    Report::new(document).tell("attacks", &table(&outcomes));
    let count = |wrong: fn(&&Outcome) -> bool| outcomes.iter().filter(wrong).count();
    let faults = count(|outcome| !outcome.faults.is_empty());
    let slow = count(|outcome| outcome.beside.p99_ratio(&outcome.quiet) > MOST);
    println!("{} attacks, {faults} with faults, {slow} beside which PUBACKs took too long", outcomes.len());
    if faults + slow == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
