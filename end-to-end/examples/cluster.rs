//! `make test-cluster`: strikes the programs of several machines for ten minutes, and says what became of every minute. The last
//! line is `kills N, minutes M, lost L, twice T`; exit code 1 if any was lost or twice, or a check failed.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use end_to_end::measuring::Report;
use end_to_end::torture::cluster::ClusterStorm;
use end_to_end::torture::seed;

/// Kills, stops and cuts off the programs of a cluster on this machine.
#[derive(Parser)]
#[command(name = "cluster")]
struct Arguments {
    /// How long there are blows
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Publishers, of one site each
    #[arg(long, default_value_t = 8)]
    publishers: usize,
    /// How many minutes of a household go by in a second
    #[arg(long, default_value_t = 5)]
    minutes_a_second: u64,
    /// Puts the report into this document
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (seed, began) = (seed("cluster"), Instant::now());
    let storm = ClusterStorm {
        seed,
        lasts: Duration::from_secs(60 * arguments.minutes),
        publishers: arguments.publishers,
        minutes_a_second: arguments.minutes_a_second,
    };
    let stormed = storm.run(&|told| println!("[{:4} s] {told}", began.elapsed().as_secs()));
    println!("{}", stormed.last_words);
    for fault in &stormed.result.faults {
        println!("fault: {fault}");
    }
    let took = began.elapsed().as_secs();
    Report::new(arguments.document).tell(
        "cluster",
        &format!(
            "{} publishers, {} minutes of blows, seed {seed}, all of it in {took} s.\n\n{stormed}",
            arguments.publishers, arguments.minutes
        ),
    );
    println!("{}", stormed.result);
    if stormed.result.is_exact() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
