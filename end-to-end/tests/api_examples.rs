//! The examples of docs/API.md, as they stand there, asked of a running server: curl, Python, and the address that a
//! spreadsheet imports.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

use end_to_end::{Program, Site, wait_until};
use jiff::Timestamp;

/// What the documents call the server, and the meter.
const NAMES: [&str; 2] = ["http://localhost:8080", "home/main"];

fn example(begin: &str, site: &Site) -> String {
    let text = include_str!("../../docs/API.md");
    let block = text.split_once(begin).unwrap_or_else(|| panic!("no {begin:?} in docs/API.md")).1;
    let block = block.split("```").next().unwrap();
    let there = format!("http://127.0.0.1:{}", site.web);
    NAMES.into_iter().zip([there.as_str(), "hq/main"]).fold(block.to_owned(), |block, (name, ours)| {
        assert!(block.contains(name), "{name} is not in {block}");
        block.replace(name, ours)
    })
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Yesterday's and today's hours are recorded.
fn start() -> (Site, Vec<Program>) {
    let until = daemon_runtime::now().as_second() / 3600 * 3600;
    let time = |seconds: i64| Timestamp::from_second(seconds).unwrap();
    let meter = format!(
        "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\nseed = 7\n\
         from = '{}'\nuntil = '{}'\n",
        time(until - 50 * 3600),
        time(until)
    );
    let site = Site::new(&meter);
    let programs = ["powerpi-broker", "powerpi-recorder", "powerpi-web", "pi-publisher"];
    let programs = programs.map(|name| site.start(name)).into();
    wait_until("all hours are recorded", || site.recorded("hq/main").len() == 50 * 60);
    (site, programs)
}

#[test]
fn what_the_document_shows_works_as_it_stands() {
    let (site, _programs) = start();
    let kwh = site.ledger().reading(&site.meter("hq/main").unwrap()).unwrap().unwrap();

    let curl =
        run("sh", &["-c", &example("<!-- run by end-to-end/tests/api_examples.rs -->\n```sh\n", &site)]);
    let state: serde_json::Value = serde_json::from_str(&curl).unwrap();
    assert!((state["total"]["kwh"].as_f64().unwrap() - kwh).abs() < 0.001, "{curl}");

    let python = run("python3", &["-c", &example("```python\n", &site)]);
    let days: Vec<(&str, f64)> = python
        .lines()
        .filter(|line| !line.ends_with("not known"))
        .map(|line| line.split_once(' ').unwrap())
        .map(|(day, rest)| (day, rest.trim_end_matches(" kWh").parse().unwrap()))
        .collect();
    assert!(days.len() >= 3, "{python}");
    let all: f64 = days.iter().map(|(_, kwh)| kwh).sum();
    assert!((all - kwh).abs() < 0.01 * days.len() as f64, "{all} of {kwh} kWh: {python}");

    // What a spreadsheet's formula names.
    let formula = example("```text\n", &site);
    let address = formula.split('"').nth(1).unwrap();
    let csv = run("curl", &["-sf", address]);
    assert!(csv.lines().count() >= 2 && csv.lines().next().unwrap().contains("kwh"), "{csv}");
}
