//! `make bench-ingest`: what it costs to get minutes of one meter, and of ten thousand, into the ledger.
//!
//! The real broker and recorder, with files as packaged. Minutes are published with QoS 1 until every meter's mark
//! covers them; then the ledger is read back. Meters are known before, and have one minute each, so what is measured
//! is not the making of their files, which is said by itself.
#![allow(clippy::unwrap_used)]

mod burst;
mod client;
mod figures;
mod live;
mod meters;
mod shape;

use clap::Parser;

use crate::figures::{Figures, TABLE_HEAD};
use crate::shape::Shape;

/// Publishes minutes of many meters to the real broker and recorder, and tells what they cost.
#[derive(Parser)]
#[command(name = "ingest")]
struct Arguments {
    /// Every shape once in each; the medians are told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Meters and minutes of each
    #[arg(long, value_delimiter = ',', default_values = ["1x100000", "100x600", "1000x60", "10000x6"])]
    shapes: Vec<Shape>,
    /// Meters of which one minute each is published within a second; 0 for none
    #[arg(long, default_value_t = 10_000)]
    burst: usize,
    /// Nothing but so many meters live, each minute of the clock a minute of each: METERSxMINUTES
    #[arg(long)]
    live: Option<Shape>,
}

fn main() {
    let arguments = Arguments::parse();
    if let Some(shape) = arguments.live {
        return live::live(shape);
    }
    let mut measured = vec![Vec::new(); arguments.shapes.len()];
    for round in 1..=arguments.rounds {
        for (shape, measured) in arguments.shapes.iter().zip(&mut measured) {
            let figures = shape.measure();
            println!("round {round}: {shape}: {figures}");
            measured.push(figures);
        }
    }
    println!("\n{TABLE_HEAD}");
    for (shape, measured) in arguments.shapes.iter().zip(&measured) {
        println!("{}", Figures::medians(measured).row(shape));
    }
    if arguments.burst > 0 {
        println!();
        burst::measure(arguments.burst, arguments.rounds);
    }
}
