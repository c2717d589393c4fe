//! Measures the pages on this machine, in turns with others: `make bench-web`.
//!
//! A finished picture against nginx that serves the same bytes from a file; data of the charts;
//! what pictures cost that nobody drew before, against `rrdtool graph` from the same file; the
//! weight of the first view; VictoriaMetrics and PHP with the same data.
//!
//! The folder is made anew.
#![allow(clippy::unwrap_used)]

mod client;
mod peers;
mod pictures;
mod programs;
mod site;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Parser;
use end_to_end::measuring::{Report, median};

use crate::programs::{Nginx, Web};

/// What `wrk` does: so many connections, from one thread.
const CONNECTIONS: usize = 16;

/// Measures the pages' program against nginx and others.
#[derive(Parser)]
struct Arguments {
    /// Each is measured so often; the medians are told
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of a round
    #[arg(long, default_value_t = 3)]
    seconds: usize,
    /// For everything; made anew
    #[arg(long, default_value = "target/benchmark-web")]
    folder: PathBuf,
    /// A short form: one round of a second each
    #[arg(long)]
    quick: bool,
    /// Fills the places of this document
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() {
    let Arguments { rounds, seconds, folder, quick, document } = Arguments::parse();
    let (rounds, seconds) = if quick { (1, 1) } else { (rounds, seconds) };
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.canonicalize().unwrap();
    site::record(&folder);
    let broker = programs::Broker::start();
    let web = Web::start(&folder, broker.port);
    let parts = [
        format!("{CONNECTIONS} connections, {rounds} rounds of {seconds} s:"),
        throughput(&web, &folder, rounds, seconds),
        peers::compare(&web, &folder, rounds, seconds),
        pictures::compare(&web, &folder, rounds),
        weight(&web),
    ];
    Report::new(document).tell("web", &parts.join("\n\n"));
}

/// Answers a second, round by round; nginx serves what we answered from a file.
fn throughput(web: &Web, folder: &Path, rounds: usize, seconds: usize) -> String {
    let now = daemon_runtime::now().as_second();
    let series = |from: i64, to: i64, points: i64| {
        format!("/api/v1/meters/hq/main/series?from={from}&to={to}&points={points}")
    };
    let today = now / 86_400 * 86_400;
    let cases = [
        ("picture of a day, SVG", "/m/hq/main/day.svg".to_owned()),
        ("picture of a day, PNG", "/m/hq/main/day.png".to_owned()),
        ("a day's minutes, JSON", series(today - 2 * 86_400, today - 86_400, 2_000)),
        ("a year in 1,000 points, JSON", series(today - 366 * 86_400, today - 86_400, 1_000)),
        ("the last day's minutes, JSON", series(now - 86_400, now + 86_400, 2_000)),
        ("the meter's page", "/m/hq/main".to_owned()),
    ];
    let files: Vec<(String, Vec<u8>)> = (0..)
        .zip(&cases)
        .map(|(index, (_, path))| {
            let answer = client::get(web.address, path, "");
            (format!("{index}.{}", if path.ends_with("svg") { "svg" } else { "bin" }), answer.body)
        })
        .collect();
    let nginx = Nginx::start(folder, &files);
    let mut table =
        "| | bytes | powerpi: answers a second, CPU of one | nginx | ratio |\n|---|---|---|---|---|"
            .to_owned();
    for ((what, path), (file, body)) in cases.iter().zip(&files) {
        let mut results = Vec::new();
        for _ in 0..rounds {
            // In turns, so that whatever else the machine does hits both.
            let ours = programs::wrk(web.address, path, CONNECTIONS, seconds, &web.processes());
            let theirs =
                programs::wrk(nginx.address, &format!("/{file}"), CONNECTIONS, seconds, &nginx.processes());
            results.push((ours, theirs));
        }
        let of = |pick: &dyn Fn(&(programs::Load, programs::Load)) -> f64| median(results.iter().map(pick));
        let _ = write!(
            table,
            "\n| {what} | {} | {:.0}, {:.1} µs | {:.0}, {:.1} µs | {:.2} |",
            body.len(),
            of(&|it| it.0.per_second),
            of(&|it| it.0.cpu_us),
            of(&|it| it.1.per_second),
            of(&|it| it.1.cpu_us),
            of(&|it| it.0.per_second / it.1.per_second),
        );
    }
    table
}

/// What comes over the wire before the first view stands: page, style, scripts, data.
fn weight(web: &Web) -> String {
    let now = daemon_runtime::now().as_second();
    let data = format!("/api/v1/meters/hq/main/series?from={}&to={now}&points=2000", now - 9 * 86_400);
    let page = String::from_utf8(client::get(web.address, "/", "").body).unwrap();
    let linked = page.split('"').filter(|part| part.starts_with("/assets/") || part.starts_with("/manifest"));
    let mut addresses: Vec<&str> = linked.chain(["/", &data]).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let [whole, gzip, brotli] = ["", "gzip", "br"].map(|coding| -> usize {
        addresses.iter().map(|address| client::get(web.address, address, coding).body.len()).sum()
    });
    format!(
        "The {} answers of the first view weigh {whole} bytes, {gzip} with gzip and {brotli} with brotli, an icon for home \
         screens included.",
        addresses.len()
    )
}
