//! `make bench`, the part about little work: what a single message costs a broker, and what PowerPi costs while nothing
//! happens but one meter's values; beside Debian's mosquitto in the same run.
#![allow(clippy::unwrap_used)]

mod echo;
mod figures;
mod idle;

use std::time::Duration;

use clap::Parser;

/// Measures what little work costs, beside Debian's mosquitto.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Each is measured so often; the medians are told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Single messages of a round
    #[arg(long, default_value_t = 300)]
    messages: usize,
    /// Seconds that a round watches a site where little happens
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

fn main() {
    let arguments = Arguments::parse();
    echo::compare(arguments.rounds, arguments.messages);
    idle::compare(arguments.rounds, Duration::from_secs(arguments.seconds));
}
