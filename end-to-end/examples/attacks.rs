//! `make bench-attacks`: all attacks at full length, each on programs of its own; how long a publisher waited for its
//! PUBACKs before each and beside it, and the most that the programs kept.
//!
//! `attacks [NAME]`: only those whose name contains it. Exit code 1 if anything is wrong.

use std::process::ExitCode;

use end_to_end::attacks::{Extent, beside_each, table};

fn main() -> ExitCode {
    let only = std::env::args().nth(1).unwrap_or_default();
    let outcomes = beside_each(Extent::Full, &only, &|told| println!("{told}"));
    println!("\n{}", table(&outcomes));
    let faults = outcomes.iter().filter(|outcome| !outcome.faults.is_empty()).count();
    println!("{} attacks, {faults} with faults", outcomes.len());
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
