//! What pages cost with a day of history, and with ten years.

use end_to_end::Site;
use end_to_end::measuring::{Line, Plot, Report, median, milliseconds};
use end_to_end::torture::mosquitto;
use tempfile::TempDir;

use crate::asking::{ask, fresh, site_of};
use crate::ledger::{self, MAIN};

const DAYS: [i64; 5] = [1, 10, 100, 1_000, ledger::TEN_YEARS];

/// Draws it, and returns a table.
pub(crate) fn measure(report: &Report, rounds: usize, most: i64) -> String {
    let broker = Site::new("");
    let _mosquitto = mosquitto::spawn(&broker);
    let now = daemon_runtime::now().as_second();
    let kinds: [(&str, String); 4] = [
        ("now", format!("/m/{MAIN}")),
        ("this year", format!("/m/{MAIN}/year/{}", daemon_runtime::now().strftime("%Y"))),
        ("all", format!("/m/{MAIN}/all")),
        (
            "series of all",
            format!("/api/v1/meters/{MAIN}/series?from={}&to={now}&points=2000", now - most * 86_400),
        ),
    ];
    let mut lines: Vec<Line> =
        kinds.iter().map(|(name, _)| Line { name: format!("{name}, ms"), points: Vec::new() }).collect();
    for days in DAYS.into_iter().filter(|days| *days <= most) {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("ledger.sqlite");
        ledger::of_a_household(&file, days);
        for ((_, path), line) in kinds.iter().zip(&mut lines) {
            let cold = median((0..rounds).map(|_| {
                let site = site_of(&file, "Europe/Berlin", broker.mqtt);
                let _web = fresh(&site, &file);
                milliseconds(ask(site.web, path))
            }));
            line.points.push((days as f64, cold));
        }
    }
    let table = table("days of history", &lines);
    report.draw(
        "cost-by-days",
        &Plot { title: "A page of a program that has just begun, ms", across: "days of history", lines },
    );
    table
}

/// A row for each step of what grows.
pub(crate) fn table(across: &str, lines: &[Line]) -> String {
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let mut table = format!("| {across} | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for row in 0..lines.first().map_or(0, |line| line.points.len()) {
        let cells: Vec<String> = lines.iter().map(|line| format!("{:.1}", line.points[row].1)).collect();
        table += &format!("| {} | {} |\n", lines[0].points[row].0, cells.join(" | "));
    }
    table
}
