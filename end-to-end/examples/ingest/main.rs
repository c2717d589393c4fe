//! `make bench-ingest`: what it costs to get minutes of one meter, and of ten thousand, into the ledger; beside what
//! people keep them with otherwise.
//!
//! The real broker and recorder, with files as packaged. Minutes are published with QoS 1 until every meter's mark
//! covers them; then the ledger is read back. Meters are known before, and have one minute each, so what is measured
//! is not the making of their files, which is said by itself.
#![allow(clippy::unwrap_used)]

mod burst;
mod client;
mod figures;
mod latency;
mod live;
mod meters;
mod orders;
mod peers;
mod shape;

use std::path::PathBuf;

use clap::Parser;
use end_to_end::measuring::{Line, Plot, Report};

use crate::figures::{Figures, TABLE_HEAD};
use crate::meters::Order;
use crate::peers::Peer;
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
    /// Nothing but the shapes and the burst: no peers, no late minutes, no latencies
    #[arg(long)]
    alone: bool,
    /// A short form: one round with a tenth of the minutes
    #[arg(long)]
    quick: bool,
    /// Fills the places of this document, and draws beside it
    #[arg(long)]
    document: Option<PathBuf>,
    /// Nothing but so many meters live, each minute of the clock a minute of each: METERSxMINUTES
    #[arg(long)]
    live: Option<Shape>,
    /// Is one of the peers: records into RRD files of this folder
    #[arg(long, requires = "port", hide = true)]
    record: Option<PathBuf>,
    /// From the broker at this port
    #[arg(long, hide = true)]
    port: Option<u16>,
}

fn main() {
    let mut arguments = Arguments::parse();
    if let Some((folder, port)) = arguments.record.as_ref().zip(arguments.port) {
        return peers::record(folder, port);
    }
    if let Some(shape) = arguments.live {
        return live::live(shape);
    }
    if arguments.quick {
        arguments.shapes.iter_mut().for_each(|shape| shape.minutes = (shape.minutes / 10).max(1));
        (arguments.rounds, arguments.burst) = (1, arguments.burst / 10);
    }
    let report = Report::new(arguments.document.clone());
    let keepers = if arguments.alone { Vec::new() } else { peers::installed() };
    let mut peers: Vec<Peer> =
        keepers.iter().map(|keeper| Peer::new(*keeper, arguments.shapes.len())).collect();
    let mut measured = vec![Vec::new(); arguments.shapes.len()];
    for round in 1..=arguments.rounds {
        for (index, shape) in arguments.shapes.iter().enumerate() {
            let figures = shape.measure(Order::AsCounted);
            println!("round {round}: {shape}: {figures}");
            measured[index].push(figures);
            // In turns, so that whatever else the machine does hits all.
            peers.iter_mut().for_each(|peer| peer.measure(index, *shape));
        }
    }
    tell(&report, &arguments, &measured);
    if !arguments.alone {
        peers::tell(&report, &arguments.shapes, &measured, &peers);
        let few_and_many = [arguments.shapes.first(), arguments.shapes.get(2)];
        let few_and_many: Vec<Shape> = few_and_many.into_iter().flatten().copied().collect();
        orders::compare(&report, &keepers, arguments.rounds, &few_and_many);
        latency::compare(&report, &keepers, if arguments.quick { 30 } else { 200 });
    }
}

/// The shapes and the burst.
fn tell(report: &Report, arguments: &Arguments, measured: &[Vec<Figures>]) {
    let mut table = format!("{TABLE_HEAD}\n");
    let medians: Vec<Figures> = measured.iter().map(|all| Figures::medians(all)).collect();
    for (shape, medians) in arguments.shapes.iter().zip(&medians) {
        table += &(medians.row(shape) + "\n");
    }
    if arguments.burst > 0 {
        table += &format!("\n{}\n", burst::measure(arguments.burst, arguments.rounds));
    }
    report.tell("minutes", &table);
    let line = |name: &str, figure: fn(&Figures) -> f64| Line {
        name: name.into(),
        points: arguments
            .shapes
            .iter()
            .map(|shape| shape.meters as f64)
            .zip(medians.iter().map(figure))
            .collect(),
    };
    let lines = vec![
        line("broker, µs", |it| it.broker * 10.0),
        line("recorder, µs", |it| it.recorder * 10.0),
        line("memory of both, MB", |it| it.memory_mb),
    ];
    report.draw(
        "cost-by-recorded-meters",
        &Plot { title: "CPU of a minute, and memory", across: "meters", lines },
    );
}
