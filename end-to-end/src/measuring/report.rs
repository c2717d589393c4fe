//! Where what was measured goes: to whoever looks on, and into the document.

use std::fs;
use std::path::PathBuf;

use super::document::filled;
use super::plot::Plot;

/// The places of the document that benchmarks fill.
#[cfg(test)]
pub(crate) const ALL: [&str; 10] =
    ["brokers", "echo", "rest", "minutes", "peers", "orders", "latency", "pages", "growth", "web"];

/// Tells what was measured.
#[derive(Debug)]
pub struct Report {
    document: Option<PathBuf>,
}

impl Report {
    /// Fills the places of this document, if there is one, and puts plots beside it.
    pub fn new(document: Option<PathBuf>) -> Self {
        Self { document }
    }

    /// Prints figures, and puts them into their place in the document, under the date and the machine.
    ///
    /// # Panics
    /// If the document cannot be written, or has no such place.
    pub fn tell(&self, name: &str, figures: &str) {
        println!("\n{figures}");
        let Some(path) = &self.document else { return };
        let document = fs::read_to_string(path).unwrap();
        let figures = format!("*{}*\n\n{}", circumstances(), figures.trim());
        let document = filled(&document, name, &figures);
        fs::write(path, document.unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap();
    }

    /// Draws a plot beside the document; without one nothing is drawn.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn draw(&self, name: &str, plot: &Plot<'_>) {
        let Some(path) = &self.document else { return };
        let path = path.with_file_name(format!("{name}.svg"));
        fs::write(&path, plot.svg()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        println!("{} is drawn", path.display());
    }
}

/// When, and on what.
fn circumstances() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split(' ').nth(1).unwrap_or("unknown");
    let date = daemon_runtime::now().strftime("%Y-%m-%d");
    format!("{date}; {count} × {model}; load of the last five minutes, the benchmark's own included: {load}")
}
