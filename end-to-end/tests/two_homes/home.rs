//! A ledger in PostgreSQL, and what it holds.

use std::path::Path;

use end_to_end::{Site, run_to_end};
use meter_ledger::{Ledger, LedgerHome};
use meter_messages::Minute;
use postgres_for_tests::{Server, Syncs};

/// A ledger in a server of its own, which may be killed.
pub(crate) struct Home {
    pub(crate) server: Server,
    pub(crate) address: String,
}

impl Home {
    pub(crate) fn start() -> Self {
        let server = Server::start(Syncs::Yes);
        let address = server.address("home");
        Self { server, address }
    }

    /// Has programs of a site use it, which used a file before.
    pub(crate) fn give_to(&self, site: &Site, programs: &[&str]) {
        programs.iter().for_each(|name| site.replace(name, "'ledger.sqlite'", &format!("'{}'", self.address)));
    }

    /// Every recorded minute of a meter and its pulses.
    pub(crate) fn recorded(&self, meter: &str) -> Vec<(Minute, u32)> {
        let home: LedgerHome = self.address.parse().unwrap();
        // Nothing where the server is down, or nobody has made tables yet.
        let Ok(ledger) = Ledger::open_read_only(&home) else { return Vec::new() };
        let Some(known) = ledger.meter(&meter.parse().unwrap()).unwrap() else { return Vec::new() };
        let minutes = ledger.minutes(&known, Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX)).unwrap();
        minutes.iter().map(|minute| (minute.minute, minute.pulses)).collect()
    }

    /// What a query finds.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        postgres_for_tests::rows(&self.address, sql)
    }
}

/// `powerpi ledger copy`: whether it went well, and all that it said.
pub(crate) fn copy(folder: &Path, from: &str, to: &str) -> (bool, String) {
    let output = run_to_end("powerpi", folder, &["ledger", "copy", from, to]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), said)
}
