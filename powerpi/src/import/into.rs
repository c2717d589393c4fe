//! Into which meter something is imported, and which part of it.

use std::path::{Path, PathBuf};

use anyhow::bail;
use jiff::Timestamp;
use meter_ledger::{Ledger, NewMeter, RecordedMeter};
use meter_messages::{Info, Medium, Meter, MeterConstant};

use super::landing::Landing;
use super::series::Series;
use crate::ledger::person;
use crate::ledger_file::LedgerFile;
use crate::prices::zone;

/// What is read, and into which meter.
#[derive(clap::Args)]
pub(super) struct Into {
    /// The file
    file: PathBuf,
    /// The meter, as in `powerpi ledger meters`
    #[arg(long, value_name = "SITE/METER")]
    meter: Meter,
    #[command(flatten)]
    new: New,
    /// Only from this time on, like 2024-01-01T00:00:00+01:00
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// The time zone of times that do not say theirs, and of the months in the summary, like Europe/Berlin; the system's by
    /// default
    #[arg(long, value_name = "ZONE")]
    pub(super) time_zone: Option<String>,
    /// Who imports it [default: the user of this machine]
    #[arg(long, value_name = "NAME", default_value_t = person::of_this_machine(), hide_default_value = true)]
    by: String,
    /// Tells by month what would be imported, and changes nothing
    #[arg(long)]
    dry_run: bool,
}

/// What a meter is that the ledger does not know yet.
#[derive(clap::Args)]
struct New {
    /// Makes the meter if the ledger does not know it yet; a publisher may take it over later
    #[arg(long, requires = "constant")]
    create: bool,
    /// How many pulses of the new meter are a kWh or a m³; with 1000, a pulse is a Wh or a litre
    #[arg(long, value_name = "NUMBER", requires = "create", value_parser = constant)]
    constant: Option<MeterConstant>,
    /// What the new meter counts: electricity, gas or water; electricity by default
    #[arg(long, requires = "create")]
    medium: Option<Medium>,
    /// What people call the new meter; its id by default
    #[arg(long, value_name = "TEXT", requires = "create")]
    name: Option<String>,
}

fn constant(text: &str) -> Result<MeterConstant, String> {
    let number: f64 = text.parse().map_err(|_| "write a number, like 1000 or 187.5".to_owned())?;
    MeterConstant::try_from(number).map_err(|error| error.to_string())
}

impl Into {
    pub(super) fn land(
        &self,
        ledger: &LedgerFile,
        read: impl FnOnce(&Path) -> anyhow::Result<Series>,
    ) -> anyhow::Result<()> {
        let zone = zone(self.time_zone.as_deref())?;
        let known = Ledger::open_read_only(&ledger.home)?.meter(&self.meter)?;
        let (meter, new) = self.new.or_known(&self.meter, known)?;
        let mut series = read(&self.file)?;
        let ms = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
        if self.from.is_some() || self.to.is_some() {
            series.keep(ms(self.from).unwrap_or(i64::MIN)..ms(self.to).unwrap_or(i64::MAX));
        }
        let landing =
            Landing { ledger, meter, new: new.as_ref(), by: &self.by, dry_run: self.dry_run, zone: &zone };
        landing.land(&series)
    }
}

impl New {
    /// The meter, and what it is if it is to be made.
    fn or_known(
        &self,
        meter: &Meter,
        known: Option<RecordedMeter>,
    ) -> anyhow::Result<(RecordedMeter, Option<NewMeter>)> {
        if let Some(known) = known {
            self.agrees_with(&known)?;
            return Ok((known, None));
        }
        let Some(constant) = self.constant.filter(|_| self.create) else {
            bail!(
                "the ledger knows no meter {meter}; `powerpi ledger meters` lists those that it knows, and \
                 --create --constant 1000 makes it, with a pulse for each Wh or litre"
            );
        };
        let name = self.name.clone().unwrap_or_else(|| meter.meter.to_string());
        if !Info::is_name(&name) {
            bail!("--name has to be one line of 1 to {} bytes", Info::LONGEST_NAME);
        }
        let new = NewMeter { meter: meter.clone(), name, medium: self.medium.unwrap_or_default(), constant };
        Ok((new.as_recorded(), Some(new)))
    }

    /// Said again, it may not say something else.
    fn agrees_with(&self, known: &RecordedMeter) -> anyhow::Result<()> {
        let RecordedMeter { meter, name, medium, constant, .. } = known;
        let differs = |what: &str, is: &dyn std::fmt::Display| -> anyhow::Result<()> {
            bail!("there is a meter {meter} already, with the {what} {is}; leave --{what} out, and --create")
        };
        if self.constant.is_some_and(|said| said != *constant) {
            differs("constant", constant)?;
        }
        if self.medium.is_some_and(|said| said != *medium) {
            differs("medium", &medium.as_str())?;
        }
        if self.name.as_ref().is_some_and(|said| said != name) {
            differs("name", name)?;
        }
        Ok(())
    }
}
