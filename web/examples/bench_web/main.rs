//! Measures the pages on this machine, in turns with others: `make bench-web`.
//!
//! A finished picture against nginx that serves the same bytes from a file; data of the charts;
//! what pictures cost that nobody drew before, against `rrdtool graph` from the same file; the
//! weight of the first view; VictoriaMetrics and PHP with the same data; and a thousand streams of live values.
//!
//! `bench_web [ROUNDS] [SECONDS] [FOLDER]`: the folder is made anew.
#![allow(clippy::unwrap_used)]

mod client;
mod peers;
mod pictures;
mod programs;
mod site;
mod streams;

use std::path::PathBuf;

use crate::programs::{Nginx, Web};

/// What `wrk` does: so many connections, from one thread.
const CONNECTIONS: usize = 16;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(default, |it| it.parse().expect("a number"));
    let (rounds, seconds) = (number(5), number(3));
    let folder = PathBuf::from(arguments.next().unwrap_or("target/benchmark-web".to_owned()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.canonicalize().unwrap();
    site::record(&folder);
    let broker = programs::Broker::start();
    let web = Web::start(&folder, broker.port);

    throughput(&web, &folder, rounds, seconds);
    peers::compare(&web, &folder, rounds, seconds);
    pictures::compare(&web, &folder, rounds);
    weight(&web);
    streams::measure(&web, &broker);
}

/// Answers a second, round by round; nginx serves what we answered from a file.
fn throughput(web: &Web, folder: &std::path::Path, rounds: usize, seconds: usize) {
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
    println!(
        "{CONNECTIONS} connections, {rounds} rounds of {seconds} s: answers a second, and CPU of each in µs"
    );
    for ((what, path), (file, body)) in cases.iter().zip(&files) {
        let mut results = Vec::new();
        for _ in 0..rounds {
            // In turns, so that whatever else the machine does hits both.
            let ours = programs::wrk(web.address, path, CONNECTIONS, seconds, &web.processes());
            let theirs =
                programs::wrk(nginx.address, &format!("/{file}"), CONNECTIONS, seconds, &nginx.processes());
            results.push((ours, theirs));
        }
        let of = |pick: &dyn Fn(&(programs::Load, programs::Load)) -> f64| {
            median(results.iter().map(pick).collect())
        };
        println!(
            "  {what} ({} bytes): powerpi {:.0} ({:.1} µs), nginx {:.0} ({:.1} µs), ratio {:.2}",
            body.len(),
            of(&|it| it.0.per_second),
            of(&|it| it.0.cpu_us),
            of(&|it| it.1.per_second),
            of(&|it| it.1.cpu_us),
            of(&|it| it.0.per_second / it.1.per_second),
        );
    }
}

/// What comes over the wire before the first view stands: page, style, scripts, data.
fn weight(web: &Web) {
    let now = daemon_runtime::now().as_second();
    let data = format!("/api/v1/meters/hq/main/series?from={}&to={now}&points=2000", now - 9 * 86_400);
    let page = String::from_utf8(client::get(web.address, "/", "").body).unwrap();
    let linked = page.split('"').filter(|part| part.starts_with("/assets/") || part.starts_with("/manifest"));
    let mut addresses: Vec<&str> = linked.chain(["/", &data]).collect();
    addresses.sort_unstable();
    addresses.dedup();
    println!("bytes of the first view ({} answers):", addresses.len());
    for coding in ["", "gzip", "br"] {
        let total: usize =
            addresses.iter().map(|address| client::get(web.address, address, coding).body.len()).sum();
        println!("  {}: {total}", if coding.is_empty() { "not packed" } else { coding });
    }
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
