//! `powerpi ledger rename` and `merge`: a meter gets another name, or becomes a part of another meter's history.

use std::path::Path;

use anyhow::Context;
use meter_ledger::{LedgerHome, Merged, Renamed};
use meter_messages::{Meter, Topic};
use serde_json::json;

use super::{forgetting, person};
use crate::ledger_file::open_existing;
use crate::progress;

/// Where settings may name a meter.
const SETTINGS: &str = "/etc/powerpi";

/// By whom, and whether it is meant.
#[derive(clap::Args)]
struct How {
    /// Who says it [default: the user of this machine]
    #[arg(long, value_name = "NAME", default_value_t = person::of_this_machine(), hide_default_value = true)]
    by: String,
    /// Tells what would be changed, and changes nothing
    #[arg(long)]
    dry_run: bool,
}

/// The command line of `rename`.
#[derive(clap::Args)]
pub(crate) struct Rename {
    /// The meter, as in `powerpi ledger meters`
    #[arg(value_name = "SITE/METER")]
    meter: Meter,
    /// What it is to be called: an id, or SITE/ID for one of another site
    #[arg(value_name = "NEW")]
    new: String,
    #[command(flatten)]
    how: How,
}

/// The command line of `merge`.
#[derive(clap::Args)]
pub(crate) struct Merge {
    /// The meter that will be no more, as in `powerpi ledger meters`
    #[arg(value_name = "FROM")]
    from: Meter,
    /// The meter that takes over all its minutes
    #[arg(value_name = "INTO")]
    into: Meter,
    #[command(flatten)]
    how: How,
}

impl Rename {
    fn new_name(&self) -> anyhow::Result<Meter> {
        let text = match self.new.contains('/') {
            true => self.new.clone(),
            false => format!("{}/{}", self.meter.site, self.new),
        };
        text.parse().with_context(|| format!("\"{}\" is no name of a meter", self.new.escape_debug()))
    }
}

/// Renames a meter, in one transaction; the recorder waits for it.
pub(super) fn rename(home: &LedgerHome, json: bool, options: &Rename) -> anyhow::Result<()> {
    let (Rename { meter, how, .. }, new) = (options, options.new_name()?);
    let mut ledger = open_existing(home)?;
    let mut batch = ledger.batch()?;
    let Renamed { before, now, name, newest } = batch.rename(meter, &new, &how.by, daemon_runtime::now())?;
    if !how.dry_run {
        batch.commit().context("writing the ledger")?;
    }
    let (newest, settings) = (newest.map(|newest| newest.to_string()), settings_that_name(&before));
    if json {
        let told = json!({
            "renamed": before.to_string(), "now": now.to_string(), "newest": newest, "dry_run": how.dry_run,
            "retained": retained(&before), "settings": settings,
        });
        println!("{told}");
        return Ok(());
    }
    let until =
        newest.map_or("nothing was recorded of it".to_owned(), |newest| format!("recorded until {newest}"));
    match how.dry_run {
        true => println!("{before} ({name}) would be {now}: {until}. Nothing was changed (--dry-run)."),
        false => {
            println!("{before} ({name}) is {now} now: {until}.");
            println!(
                "Its publisher may go on under the old name: what it sends is recorded for {now}. Change the id in its \
                 settings when it suits you."
            );
        }
    }
    say_rest(&before, &settings, how.dry_run);
    Ok(())
}

/// Merges two meters, in one transaction; the recorder waits for it.
pub(super) fn merge(home: &LedgerHome, json: bool, options: &Merge) -> anyhow::Result<()> {
    let Merge { from, into, how } = options;
    let mut ledger = open_existing(home)?;
    let mut batch = ledger.batch()?;
    let bar = progress::bar(0, progress::DAYS);
    let merged = batch.merge(from, into, (&how.by, daemon_runtime::now()), |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let merged = merged?;
    if !how.dry_run {
        batch.commit().context("writing the ledger")?;
    }
    let settings = settings_that_name(from);
    let Merged { minutes, known, spans, displaced, readings, other_readings, corrections, .. } = merged;
    if json {
        let told = json!({
            "merged": from.to_string(), "into": into.to_string(), "minutes": minutes, "known_minutes": known,
            "longer_times": spans, "left_out": displaced, "readings": readings, "other_readings": other_readings, "corrections": corrections,
            "dry_run": how.dry_run, "retained": retained(from), "settings": settings,
        });
        println!("{told}");
        return Ok(());
    }
    let verb = if how.dry_run { "would be a part of" } else { "is a part of" };
    println!("{from} {verb} {into}: {minutes} minutes, {readings} readings, {corrections} corrections.");
    if known > 0 {
        println!("{known} minutes were there already, recorded under both names; they count once.");
    }
    if spans > 0 {
        println!("{spans} imported times of which only the sum is known come along.");
    }
    if displaced > 0 {
        println!(
            "{displaced} imported times are left out, because something else is recorded of their time."
        );
    }
    if other_readings > 0 {
        println!("{other_readings} readings are left out: {into} has one of the same time.");
    }
    if how.dry_run {
        println!(
            "Nothing was changed (--dry-run). A merge cannot be undone: make a backup first, by `powerpi backup`."
        );
    }
    say_rest(from, &settings, how.dry_run);
    Ok(())
}

fn retained(meter: &Meter) -> Vec<String> {
    forgetting::retained(meter).iter().map(Topic::to_string).collect()
}

fn say_rest(before: &Meter, settings: &[String], dry_run: bool) {
    if !settings.is_empty() {
        println!("These settings name {before}, and mean nothing until they say the new name:");
        settings.iter().for_each(|file| println!("  {file}"));
    }
    if !dry_run {
        forgetting::say_retained(before);
    }
}

/// The settings of this machine in which a meter's name stands. Those that cannot be read are passed over.
fn settings_that_name(meter: &Meter) -> Vec<String> {
    let (name, Ok(files)) = (meter.to_string(), std::fs::read_dir(SETTINGS)) else { return Vec::new() };
    let is_of_settings = |path: &Path| path.extension().is_some_and(|it| it == "toml");
    let names_it = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        ['"', '\''].iter().any(|quote| text.contains(&format!("{quote}{name}{quote}")))
    };
    let files = files.flatten().map(|file| file.path()).filter(|path| is_of_settings(path) && names_it(path));
    let mut files: Vec<String> = files.map(|path| path.display().to_string()).collect();
    files.sort();
    files
}
