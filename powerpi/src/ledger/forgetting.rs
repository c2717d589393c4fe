//! `powerpi ledger forget`: deletes all that the ledger holds of a meter that is no more.

use anyhow::{Context, bail};
use meter_ledger::CorrectingError;
use meter_ledger::LedgerHome;
use meter_messages::{Meter, Topic};
use serde_json::json;

use super::person;
use crate::ledger_file::open_existing;

/// A meter of which a minute came within so many minutes is still counted.
const STILL_COUNTED: i64 = 30;

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The meter, as in `powerpi ledger meters`
    #[arg(value_name = "SITE/METER")]
    meter: Meter,
    /// Who says it [default: the user of this machine]
    #[arg(long, value_name = "NAME", default_value_t = person::of_this_machine(), hide_default_value = true)]
    by: String,
    /// Tells what would be deleted, and deletes nothing
    #[arg(long)]
    dry_run: bool,
}

/// What the broker retains of a meter.
pub(super) fn retained(meter: &Meter) -> [Topic; 3] {
    [Topic::Info(meter.clone()), Topic::State(meter.clone()), Topic::Recorded(meter.clone())]
}

/// Says how an admin clears it.
pub(super) fn say_retained(meter: &Meter) {
    println!("What the broker still retains of {meter} is harmless; an admin deletes it by");
    retained(meter).iter().for_each(|topic| println!("  mosquitto_pub -r -n -t {topic}"));
}

/// Forgets a meter, in one transaction; the recorder waits for it.
pub(super) fn run(home: &LedgerHome, json: bool, options: &Options) -> anyhow::Result<()> {
    let (Options { meter, by, dry_run }, now) = (options, daemon_runtime::now());
    let mut ledger = open_existing(home)?;
    let mut batch = ledger.batch()?;
    if let Some(now) = batch.name_now(meter)? {
        bail!("{meter} is a former name of {now}; name that, or rename it back");
    }
    let forgotten = batch.forget(meter, by, now)?;
    let forgotten = forgotten.ok_or_else(|| CorrectingError::UnknownMeter(meter.clone()))?;
    let newest = forgotten.newest.map(|newest| newest.to_string());
    let age = forgotten.newest.map(|newest| now.as_second() / 60 - newest.epoch_minutes());
    if let (Some(newest), true) = (&newest, age.is_some_and(|age| age.abs() <= STILL_COUNTED)) {
        bail!(
            "{meter} is still counted: a minute of {newest} has come. Take it out of its publisher's settings first, \
             or it is recorded again"
        );
    }
    if !dry_run {
        batch.commit().context("writing the ledger")?;
    }
    let retained = retained(meter);
    if json {
        let retained: Vec<String> = retained.iter().map(Topic::to_string).collect();
        println!(
            "{}",
            json!({ "forgotten": meter.to_string(), "newest": newest, "retained": retained, "dry_run": dry_run })
        );
        return Ok(());
    }
    let until =
        newest.map_or("nothing was recorded of it".to_owned(), |newest| format!("recorded until {newest}"));
    match dry_run {
        true => println!(
            "{meter} ({}) would be forgotten: {until}. Nothing was changed (--dry-run).",
            forgotten.name
        ),
        false => {
            println!("{meter} ({}) is forgotten: {until}.", forgotten.name);
            say_retained(meter);
        }
    }
    Ok(())
}
