//! This month's energy or volume, and its highest quarter of an hour, from the ledger, once a minute.

use std::ops::Range;
use std::time::Duration;

use anyhow::Context;
use daemon_runtime::{Owner, UnknownName, unknown_names};
use jiff::tz::TimeZone;
use meter_figures::{House, RecentSpans};
use meter_ledger::{Ledger, LedgerHome, RecordedMeter};
use meter_messages::{Minute, Unit};
use site_settings::SiteMeters;
use tokio_util::sync::CancellationToken;

use crate::quarter::Quarter;
use crate::watching::Watch;

const EVERY: Duration = Duration::from_secs(60);

/// What the thread that reads the ledger owns.
pub struct Months {
    /// Where the ledger lives; nothing need be there yet.
    pub ledger: LedgerHome,
    /// The zone of months.
    pub zone: TimeZone,
    /// Who is told.
    pub watch: Watch,
    /// What the settings say of meters.
    pub meters: SiteMeters,
    /// Names of alarms' meters that nobody has, as they stand in the log.
    pub unknown: Vec<UnknownName>,
}

/// Reads until `shutdown`. A ledger that does not exist yet is tried again.
pub async fn run(months: Owner<Months>, shutdown: CancellationToken) {
    let mut refused = false;
    while !shutdown.is_cancelled() {
        let read = tokio::select! {
            () = shutdown.cancelled() => return,
            read = months.ask(|months| months.read()) => read,
        };
        match read.context("reading the ledger").and_then(|read| read) {
            Ok(()) => refused = false,
            Err(error) if !std::mem::replace(&mut refused, true) => {
                tracing::warn!("budgets cannot be checked: {error:#}; retried every minute");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

impl Months {
    fn read(&mut self) -> anyhow::Result<()> {
        let ledger = Ledger::open_read_only(&self.ledger)?;
        self.compare_names(&ledger)?;
        let until = Minute::containing(daemon_runtime::now().as_second())?;
        let span = RecentSpans::until(until, &self.zone).month;
        for meter in self.watch.meters() {
            let Some(known) = ledger.meter(&meter)? else { continue };
            let unit = known.medium.unit();
            // What was not watched cannot exceed a budget: only what was counted does.
            let quantity = ledger.sum(&known, span.clone())?.counted();
            let is_energy = unit == Unit::KilowattHour;
            let one = std::slice::from_ref(&known);
            let quarter = is_energy.then(|| quarter(&ledger, one, &span)).transpose()?;
            self.watch.month(&meter, known.name, (unit, quantity), quarter);
        }
        self.read_sites(&ledger, &span)
    }

    /// What the meters through which a site takes in what it uses counted together.
    fn read_sites(&self, ledger: &Ledger, month: &Range<Minute>) -> anyhow::Result<()> {
        let sites = self.watch.sites();
        if sites.is_empty() {
            return Ok(());
        }
        let meters = ledger.meters()?.into_iter().map(|known| self.meters.as_set(known));
        let house = House::new(meters.collect());
        for site in sites {
            let supply = house.supply(&site);
            if supply.is_empty() {
                continue;
            }
            let quarter = quarter(ledger, &supply, month)?;
            self.watch.site(&site, supply.into_iter().map(|known| known.meter).collect(), quarter);
        }
        Ok(())
    }

    /// An alarm of a meter that is mistyped would be quiet for ever.
    fn compare_names(&mut self, ledger: &Ledger) -> anyhow::Result<()> {
        let known = ledger.names()?;
        // Before the first meter every name is unknown.
        if known.is_empty() {
            return Ok(());
        }
        let meters: Vec<String> = self.watch.meters().iter().map(ToString::to_string).collect();
        let said = meters.iter().map(|meter| ("[[alarm]] meter", meter.as_str()));
        let unknown = unknown_names(said, &known);
        for new in unknown.iter().filter(|unknown| !self.unknown.contains(unknown)) {
            tracing::warn!("settings: {new}");
        }
        self.unknown = unknown;
        Ok(())
    }
}

/// The quarter of an hour in progress at the end of a month so far, of some meters together.
fn quarter(ledger: &Ledger, meters: &[RecordedMeter], month: &Range<Minute>) -> anyhow::Result<Quarter> {
    let until = month.end.epoch_minutes();
    let start = Minute::nearest(until - until.rem_euclid(15));
    // As far as all of them are recorded.
    let mut recorded = month.end;
    for known in meters {
        let newest = ledger.newest_up_to(known, month.end)?;
        let of_one = newest.map_or(start, |newest| Minute::nearest(newest.minute.epoch_minutes() + 1));
        recorded = recorded.min(of_one.clamp(start, month.end));
    }
    let mut energy_kwh = 0.0;
    for known in meters {
        energy_kwh += ledger.sum(known, start..recorded)?.counted();
    }
    let highest = ledger.highest_quarter_together(meters, month.start..start)?;
    Ok(Quarter {
        start: start.timestamp(),
        recorded_until: recorded.timestamp(),
        energy_wh: energy_kwh * 1_000.0,
        highest_w: highest.map_or(0.0, |highest| highest.rate()),
    })
}
