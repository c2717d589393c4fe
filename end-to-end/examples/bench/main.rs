//! `make bench`, but for what passes through in numbers: what little work costs, what pages with ten years cost, and how
//! cost grows with history, meters and viewers.
#![allow(clippy::unwrap_used)]

mod asking;
mod client;
mod days;
mod echo;
mod homes;
mod idle;
mod ledger;
mod overview;
mod pages;
mod recorders;
mod viewers;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use end_to_end::measuring::Report;

/// Measures PowerPi beside others, or with more and more of everything.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Single messages, and a site where nothing happens, beside Debian's mosquitto
    Rest(Rest),
    /// Pages with ten years of minutes in three time zones
    Pages(Common),
    /// Pages with ten years of minutes in a file, and in PostgreSQL
    Homes(Common),
    /// What recorders cost that share a ledger in PostgreSQL
    Recorders(Common),
    /// Pages by days of history, by meters and by viewers
    Growth(Common),
    /// Makes a ledger with one meter's minutes up to now
    Ledger {
        /// The file, which is not there yet
        file: PathBuf,
        /// How many days
        #[arg(long, default_value_t = ledger::TEN_YEARS)]
        days: i64,
    },
}

#[derive(Args)]
struct Common {
    /// Each is measured so often; the medians are told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// A short form: one round, with a third of the history, and less of everything that grows
    #[arg(long)]
    quick: bool,
    /// Fills the places of this document, and draws beside it
    #[arg(long)]
    document: Option<PathBuf>,
}

impl Common {
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds }
    }

    fn days(&self) -> i64 {
        if self.quick { ledger::TEN_YEARS / 3 } else { ledger::TEN_YEARS }
    }

    fn report(&self) -> Report {
        Report::new(self.document.clone())
    }
}

#[derive(Args)]
struct Rest {
    #[command(flatten)]
    common: Common,
    /// Single messages of a round
    #[arg(long, default_value_t = 300)]
    messages: usize,
    /// Seconds that a round watches a site where little happens
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

fn main() {
    match Arguments::parse().what {
        What::Rest(Rest { common, messages, seconds }) => {
            let (messages, seconds) = if common.quick { (100, 10) } else { (messages, seconds) };
            echo::compare(&common.report(), common.rounds(), messages);
            idle::compare(&common.report(), common.rounds(), Duration::from_secs(seconds));
        }
        What::Pages(common) => {
            pages::compare(&common.report(), common.rounds(), common.days());
        }
        What::Homes(common) => homes::compare(common.rounds(), common.days()),
        What::Recorders(common) => recorders::compare(common.rounds(), if common.quick { 20 } else { 60 }),
        What::Growth(common) => {
            let report = common.report();
            let figures = [
                days::measure(&report, common.rounds(), if common.quick { 1_000 } else { ledger::TEN_YEARS }),
                overview::measure(&report, common.rounds(), if common.quick { 1_000 } else { 10_000 }),
                viewers::measure(&report, if common.quick { 3 } else { 20 }),
            ];
            report.tell("growth", &figures.join("\n"));
        }
        What::Ledger { file, days } => ledger::of_a_household(&file, days),
    }
}
