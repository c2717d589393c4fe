//! What was used since midnight, from the ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerHome};
use meter_messages::{Medium, Meter, Minute};
use tokio::time::Instant;

/// The ledger gets a minute each minute.
const READ_EVERY: Duration = Duration::from_secs(10);

/// What the ledger says of a meter.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) medium: Medium,
    /// Since midnight, in kWh or m³; `None` where nobody watched.
    pub(super) quantity: Option<f64>,
}

/// Reads the ledger from time to time.
pub(super) struct Today {
    ledger: LedgerHome,
    zone: TimeZone,
    newest: Option<(Instant, BTreeMap<Meter, Counted>)>,
}

impl Today {
    pub(super) fn new(ledger: LedgerHome, zone: TimeZone) -> Self {
        Self { ledger, zone, newest: None }
    }

    /// All meters, as they were at most ten seconds ago.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(super) async fn read(&mut self) -> anyhow::Result<BTreeMap<Meter, Counted>> {
        if let Some((_, meters)) = self.newest.as_ref().filter(|(at, _)| at.elapsed() < READ_EVERY) {
            return Ok(meters.clone());
        }
        let (ledger, zone) = (self.ledger.clone(), self.zone.clone());
        let meters = tokio::task::spawn_blocking(move || since_midnight(&ledger, &zone)).await??;
        self.newest = Some((Instant::now(), meters.clone()));
        Ok(meters)
    }
}

fn since_midnight(home: &LedgerHome, zone: &TimeZone) -> anyhow::Result<BTreeMap<Meter, Counted>> {
    let ledger = Ledger::open_read_only(home).with_context(|| home.to_string())?;
    let now = daemon_runtime::now();
    let midnight = now.to_zoned_datetime(zone.clone()).start_of_day()?.timestamp();
    let span =
        Minute::containing(midnight.as_second())?..Minute::containing(now.as_second() + Minute::SECONDS)?;
    let meters = ledger.meters()?.into_iter().map(|meter| {
        let quantity = ledger.sum(&meter, span.clone())?.quantity();
        Ok((meter.meter, Counted { name: meter.name, medium: meter.medium, quantity }))
    });
    meters.collect()
}
