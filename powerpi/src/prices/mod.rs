//! `powerpi prices`: prices of the day from a file into the ledger, while the recorder runs.

mod columns;
pub(crate) mod numbers;
mod table;
pub(crate) mod times;
pub(crate) mod when;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use meter_ledger::{LedgerHome, NewPrices, Pricing};
use meter_messages::{Currency, SiteId};

use self::columns::Columns;
use self::numbers::PriceUnit;
use self::table::Table;
use self::times::{Priced, priced};
use crate::ledger_file::{USUAL_LEDGER, open_existing};

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Reads prices of the day from a CSV file into the ledger; the same file again changes nothing
    Import(Import),
}

#[derive(clap::Args)]
struct Import {
    /// The CSV file; which columns were taken for times and prices is told
    file: PathBuf,
    /// The site whose prices they are
    #[arg(long)]
    site: SiteId,
    /// What a price is for, where the column's name does not say it
    #[arg(long, value_name = "ct/kWh|EUR/kWh|EUR/MWh")]
    unit: Option<PriceUnit>,
    /// The currency that is stored with the prices, like EUR; the unit's if it names one
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
    /// The time zone of times that do not say theirs, like Europe/Berlin; the system's by default
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// The name of the column with the times
    #[arg(long, value_name = "NAME")]
    time_column: Option<String>,
    /// The name of the column with the prices
    #[arg(long, value_name = "NAME")]
    price_column: Option<String>,
    /// The ledger: its file, or a database as postgresql://host/name
    #[arg(long, value_name = "LEDGER", default_value = USUAL_LEDGER)]
    ledger: LedgerHome,
    /// Only says what would be entered
    #[arg(long)]
    dry_run: bool,
}

/// Does what is asked for.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match &options.command {
        Command::Import(import) => import.run(),
    }
}

impl Import {
    fn run(&self) -> anyhow::Result<()> {
        let zone = zone(self.time_zone.as_deref())?;
        let bytes = std::fs::read(&self.file).with_context(|| format!("reading {}", self.file.display()))?;
        let table = Table::read(&bytes)?;
        let columns = Columns::find(&table, self.time_column.as_deref(), self.price_column.as_deref())?;
        let unit = self.unit.or_else(|| PriceUnit::in_name(&columns.price_name));
        let Some(unit) = unit else {
            bail!(
                "the column \"{}\" does not say what its prices are for; add --unit ct/kWh, --unit EUR/kWh or --unit EUR/MWh",
                columns.price_name
            );
        };
        let currency = self.currency.unwrap_or(unit.currency);
        let prices = priced(&table, &columns, unit, &zone)?;
        let mut out = std::io::stdout().lock();
        for line in told(&columns, unit, &zone, &prices, currency) {
            writeln!(out, "{line}").context("writing what was read")?;
        }
        let entered = enter(&self.ledger, (&self.site, currency), &prices, self.dry_run)?;
        let NewPrices { new, corrected, .. } = entered;
        let how = if self.dry_run { "would be" } else { "are" };
        writeln!(out, "Quarters of an hour that {how} new: {new}, corrected: {corrected}.")
            .context("writing what was entered")
    }
}

pub(crate) fn zone(name: Option<&str>) -> anyhow::Result<TimeZone> {
    let Some(name) = name else { return Ok(TimeZone::system()) };
    TimeZone::get(name)
        .map_err(|_| anyhow::anyhow!("unknown time zone \"{name}\"; write one like Europe/Berlin"))
}

/// What was understood.
fn told(
    columns: &Columns,
    unit: PriceUnit,
    zone: &TimeZone,
    prices: &Priced,
    currency: Currency,
) -> Vec<String> {
    let zone = if prices.are_local { zone.iana_name().unwrap_or("the system's time") } else { "with offset" };
    let mut lines = vec![format!(
        "Times: column \"{}\" ({zone}); prices: column \"{}\" ({unit}).",
        columns.time_name, columns.price_name
    )];
    if let (Some(first), Some(last)) = (prices.rows.first(), prices.rows.last()) {
        let shown = |row: &times::Row| {
            format!("{} for {} min: {} {currency}/kWh", row.from, row.minutes, row.price.per_kwh())
        };
        lines.push(format!("First: {}. Last: {}.", shown(first), shown(last)));
    }
    lines.push(format!("Rows with a price: {}, without one: {}.", prices.rows.len(), prices.without));
    lines
}

/// Enters them, in one transaction; the recorder waits for it.
fn enter(
    home: &LedgerHome,
    (site, currency): (&SiteId, Currency),
    prices: &Priced,
    dry_run: bool,
) -> anyhow::Result<NewPrices> {
    let mut ledger = open_existing(home)?;
    let mut batch = ledger.batch()?;
    let quarters = prices.rows.iter().flat_map(times::Row::quarters);
    let entered = match batch.enter_prices(site, currency, daemon_runtime::now(), quarters)? {
        Pricing::Entered(entered) => entered,
        Pricing::TooManySites => {
            bail!("there are prices of as many sites, or in as many currencies, as there may be")
        }
        Pricing::TooMany(_) => bail!("{site} has prices of as many quarters of an hour as it may have"),
    };
    if !dry_run {
        batch.commit()?;
    }
    Ok(entered)
}
