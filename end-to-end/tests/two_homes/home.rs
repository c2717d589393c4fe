//! A ledger in PostgreSQL, and what it holds.

use std::path::Path;

use end_to_end::{Site, run_to_end, wait_until};
use meter_ledger::{Ledger, LedgerHome};
use meter_messages::{MeterConstant, Minute};
use pi_publisher::pulse_source::simulated::{Household, SimulatedSettings};
use postgres_for_tests::{Server, Syncs, execute};

/// As docs/CLUSTER.md has them.
const RIGHTS: &str = "GRANT INSERT, DELETE ON settings_version TO web; GRANT UPDATE ON alarm_watch TO alarms";

/// A ledger in a server of its own, which may be killed.
pub(crate) struct Home {
    pub(crate) server: Server,
    pub(crate) address: String,
}

impl Home {
    pub(crate) fn start() -> Self {
        let server = Server::start(Syncs::Yes);
        let address = server.address("home");
        let sql =
            "CREATE ROLE web LOGIN; CREATE ROLE alarms LOGIN; GRANT USAGE ON SCHEMA home TO web, alarms;
                   ALTER DEFAULT PRIVILEGES IN SCHEMA home GRANT SELECT ON TABLES TO web, alarms";
        execute(&address, sql);
        Self { server, address }
    }

    /// The pages' address, who may only read.
    pub(crate) fn of_web(&self) -> String {
        self.address.replace("user=tester", "user=web")
    }

    /// The alarms' address, who may only read.
    pub(crate) fn of_alarms(&self) -> String {
        self.address.replace("user=tester", "user=alarms")
    }

    /// Pages and alarms may write what is theirs, as docs/CLUSTER.md says, once the recorder has made the tables.
    pub(crate) fn give_rights(&self) {
        execute(&self.address, RIGHTS);
    }

    /// Has the programs of a site use it, which used a file before.
    pub(crate) fn give_to(&self, site: &Site) {
        site.replace("powerpi-recorder", "'ledger.sqlite'", &format!("'{}'", self.address));
        site.replace("powerpi-web", "'ledger.sqlite'", &format!("'{}'", self.of_web()));
    }

    /// Every recorded minute of a meter and its pulses.
    pub(crate) fn recorded(&self, meter: &str) -> Vec<(Minute, u32)> {
        recorded(&self.address, meter)
    }

    /// Waits until the first `minutes` minutes of a meter are recorded without a gap, and fails unless all that is recorded is
    /// what the source emitted, once.
    pub(crate) fn is_exact(&self, meter: &str, minutes: u64, household: &Household) {
        let is_whole = |recorded: &[(Minute, u32)]| {
            let first = recorded.first().map_or(0, |(minute, _)| minute.epoch_minutes());
            let there =
                recorded.iter().zip(first..).take_while(|((minute, _), at)| minute.epoch_minutes() == *at);
            there.count() as u64 >= minutes
        };
        wait_until("all is recorded that was counted", || is_whole(&self.recorded(meter)));
        let recorded = self.recorded(meter);
        let expected: Vec<_> =
            recorded.iter().map(|(minute, _)| (*minute, household.pulses_in(*minute))).collect();
        assert_eq!(recorded, expected, "{meter}: recorded, and what the source emitted");
        let twice =
            self.rows("SELECT meter, minute FROM every_minute GROUP BY meter, minute HAVING count(*) > 1");
        assert!(twice.is_empty(), "{twice:?}");
    }

    /// What a query finds.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        postgres_for_tests::rows(&self.address, sql)
    }
}

/// Every recorded minute of a meter in a database, and its pulses.
pub(crate) fn recorded(address: &str, meter: &str) -> Vec<(Minute, u32)> {
    let home: LedgerHome = address.parse().unwrap();
    // Nothing where the server is down, or nobody has made tables yet.
    let Ok(ledger) = Ledger::open_read_only(&home) else { return Vec::new() };
    let Some(known) = ledger.meter(&meter.parse().unwrap()).unwrap() else { return Vec::new() };
    let minutes = ledger.minutes(&known, Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX)).unwrap();
    minutes.iter().map(|minute| (minute.minute, minute.pulses)).collect()
}

/// What a simulated source of 1,000 pulses per kWh emits.
pub(crate) fn household(seed: u64) -> Household {
    let settings = SimulatedSettings { seed, ..SimulatedSettings::default() };
    Household::new(&settings, MeterConstant::try_from(1000).unwrap()).unwrap()
}

/// `powerpi ledger copy`: whether it went well, and all that it said.
pub(crate) fn copy(folder: &Path, from: &str, to: &str) -> (bool, String) {
    let output = run_to_end("powerpi", folder, &["ledger", "copy", from, to]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), said)
}
