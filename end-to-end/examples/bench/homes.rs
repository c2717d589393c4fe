//! Every kind of page with the same years of one meter's minutes in a SQLite file and in PostgreSQL, one after the other.
//!
//! Three times each, as `pages` does it: by a program that has just begun, after another minute was recorded, and once more.

use std::time::Duration;

use end_to_end::measuring::{median, milliseconds};
use end_to_end::torture::mosquitto;
use end_to_end::{Program, Site};
use meter_ledger::{Ledger, LedgerHome};
use postgres_for_tests::{Server, Syncs};
use tempfile::TempDir;

use crate::asking::{ask, site_of};
use crate::ledger;
use crate::pages::{kinds, wait_for_next_minute};

/// What is kept at hand is asked for so often.
const AGAIN: usize = 5;

/// A page of a home, by a program of its own, and what it took in ms: first, after a minute, and again.
struct Visit {
    site: Site,
    _web: Program,
    path: String,
    took: [f64; 3],
}

impl Visit {
    fn first(home: &str, broker: u16, path: &str) -> Self {
        let site = site_of(home.as_ref(), "Europe/Berlin", broker);
        let web = site.start("powerpi-web");
        let first = milliseconds(ask(site.web, path));
        Self { site, _web: web, path: path.to_owned(), took: [first, 0.0, 0.0] }
    }

    fn others(&mut self) {
        let took = || milliseconds(ask(self.site.web, &self.path));
        self.took[1] = took();
        self.took[2] = median((0..AGAIN).map(|_| took()));
    }
}

pub(crate) fn compare(rounds: usize, days: i64) {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(Syncs::Yes));
    let file = folder.path().join("ledger.sqlite");
    ledger::of_a_household(&file, days);
    let address = server.address("pages");
    let database: LedgerHome = address.parse().unwrap();
    let (from, mut to) = (Ledger::open_read_only(&file).unwrap(), Ledger::open(&database).unwrap());
    from.copy_into(&mut to, false, |_, _| ()).unwrap();
    drop((from, to));
    let homes = [file.display().to_string(), address];
    let kinds = kinds(days);
    // By kind, by home, by round.
    let mut took = vec![[Vec::new(), Vec::new()]; kinds.len()];
    for _ in 0..rounds {
        let broker = Site::new("");
        let _mosquitto = mosquitto::spawn(&broker);
        let visit = |path: &str| homes.each_ref().map(|home| Visit::first(home, broker.mqtt, path));
        let mut visits: Vec<[Visit; 2]> = kinds.iter().map(|(_, path)| visit(path)).collect();
        wait_for_next_minute();
        ledger::catch_up(&file);
        ledger::catch_up(&database);
        // All these programs at once do what each does with a new minute; nobody's pages shall wait for the others'.
        std::thread::sleep(Duration::from_secs(6));
        for (kind, visits) in visits.iter_mut().enumerate() {
            for (home, visit) in visits.iter_mut().enumerate() {
                visit.others();
                took[kind][home].push(visit.took);
            }
        }
    }
    tell(&kinds, &took);
}

/// Medians, and how much longer PostgreSQL takes.
fn tell(kinds: &[(&str, String)], took: &[[Vec<[f64; 3]>; 2]]) {
    println!("| page | SQLite: first, after a minute, again; ms | PostgreSQL | ratio |\n|---|---|---|---|");
    for ((name, _), homes) in kinds.iter().zip(took) {
        let [file, database] =
            homes.each_ref().map(|rounds| [0, 1, 2].map(|at| median(rounds.iter().map(|took| took[at]))));
        let shown = |times: [f64; 3]| times.map(|ms| format!("{ms:.1}")).join(", ");
        let ratios = [0, 1, 2].map(|at| format!("{:.2}", database[at] / file[at])).join(", ");
        println!("| {name} | {} | {} | {ratios} |", shown(file), shown(database));
    }
}
