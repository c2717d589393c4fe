//! This month's energy or volume, and its highest quarter of an hour, from the ledger, once a minute.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use daemon_runtime::{Owner, UnknownName, unknown_names};
use jiff::tz::TimeZone;
use meter_figures::RecentSpans;
use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::{Minute, Unit};
use tokio_util::sync::CancellationToken;

use crate::quarter::Quarter;
use crate::watching::Watch;

const EVERY: Duration = Duration::from_secs(60);

/// What the thread that reads the ledger owns.
pub struct Months {
    /// The ledger's file; it need not exist yet.
    pub ledger: PathBuf,
    /// The zone of months.
    pub zone: TimeZone,
    /// Who is told.
    pub watch: Watch,
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
            let quarter = is_energy.then(|| quarter(&ledger, &known, &span)).transpose()?;
            self.watch.month(&meter, known.name, (unit, quantity), quarter);
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

/// The quarter of an hour in progress at the end of a month so far.
fn quarter(ledger: &Ledger, known: &RecordedMeter, month: &Range<Minute>) -> anyhow::Result<Quarter> {
    let until = month.end.epoch_minutes();
    let start = Minute::nearest(until - until.rem_euclid(15));
    let newest = ledger.newest_up_to(known, month.end)?;
    let recorded = newest.map_or(start, |newest| Minute::nearest(newest.minute.epoch_minutes() + 1));
    let recorded = recorded.clamp(start, month.end);
    let highest = ledger.highest_quarter(known, month.start..start)?;
    Ok(Quarter {
        start: start.timestamp(),
        recorded_until: recorded.timestamp(),
        energy_wh: ledger.sum(known, start..recorded)?.counted() * 1_000.0,
        highest_w: highest.map_or(0.0, |highest| highest.rate()),
    })
}
