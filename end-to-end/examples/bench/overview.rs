//! What the page of all meters costs with one, and with ten thousand.

use end_to_end::Site;
use end_to_end::measuring::{Line, Plot, Report, median, milliseconds};
use end_to_end::torture::mosquitto;
use tempfile::TempDir;

use crate::asking::{ask, fresh, site_of};
use crate::days::table;
use crate::ledger;

const METERS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// Draws it, and returns a table.
pub(crate) fn measure(report: &Report, rounds: usize, most: usize) -> String {
    let broker = Site::new("");
    let _mosquitto = mosquitto::spawn(&broker);
    let line = |name: &str| Line { name: name.into(), points: Vec::new() };
    let mut lines = vec![line("overview, ms"), line("a meter, ms"), line("memory, MB")];
    for meters in METERS.into_iter().filter(|meters| *meters <= most) {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("ledger.sqlite");
        ledger::of_many(&file, meters);
        let measured: Vec<[f64; 3]> = (0..rounds)
            .map(|_| {
                let site = site_of(&file, "Europe/Berlin", broker.mqtt);
                site.prepend("powerpi-web", &format!("max_meters = {}\n", 2 * meters));
                let web = fresh(&site, &file);
                let one = milliseconds(ask(site.web, "/m/hq/m00000"));
                let overview = milliseconds(ask(site.web, "/"));
                [overview, one, web.burden().peak_kib as f64 * 1024.0 / 1e6]
            })
            .collect();
        for (index, line) in lines.iter_mut().enumerate() {
            line.points.push((meters as f64, median(measured.iter().map(|it| it[index]))));
        }
    }
    let table = table("meters", &lines);
    let title = "The page of all meters of a program that has just begun";
    report.draw("cost-by-meters", &Plot { title, across: "meters", lines });
    table
}
