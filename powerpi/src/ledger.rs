//! `powerpi ledger`: what is in the ledger, whether it is sound, and what people say of it. All of it while the recorder
//! runs.

mod compacting;
mod copying;
mod forgetting;
mod moments;
mod moving;
pub(crate) mod person;
mod saying;
mod show;

use std::io::Write;

use anyhow::{Context, bail};
use meter_ledger::{Factor, Fault, Ledger, LedgerHome, MeterToCheck, RecordedMeter};
use meter_messages::Meter;
use serde_json::json;

use self::moments::Clock;
use self::saying::{Amount, How, Saying};
use crate::ledger_file::{LedgerFile, open_existing};
use crate::progress;

/// What to do about a fault that nothing in the ledger can mend.
const BACKUP: &str =
    "put a backup of the ledger back, or correct the rows; meanwhile other meters are recorded";

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    ledger: LedgerFile,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Lists the meters with their first and newest minute, and what they show
    Meters,
    /// Reads the whole ledger and says what is wrong with it; exit code 1 if anything is
    Check {
        /// Makes sums anew that do not agree with their minutes, and has publishers send again what they were told is
        /// recorded and is not; minutes are never changed
        #[arg(long)]
        repair: bool,
    },
    /// Shows what was counted in a time, and what corrections make of it
    Show(show::Options),
    /// Says that a time was not watched: what was counted in it means nothing
    Void(Saying),
    /// Says how much there was in a time; it is spread evenly over its minutes
    Replace {
        #[command(flatten)]
        saying: Saying,
        #[command(flatten)]
        amount: Amount,
    },
    /// Says that what was counted in a time is to be multiplied
    Scale {
        #[command(flatten)]
        saying: Saying,
        /// By what: 0.5, 2 or 1/3
        #[arg(long, value_name = "NUMBER")]
        factor: Factor,
    },
    /// Lists what was said of a meter, or of all, also what was taken back
    Corrections {
        /// Only of this meter
        #[arg(value_name = "SITE/METER")]
        meter: Option<Meter>,
        #[command(flatten)]
        clock: Clock,
    },
    /// Takes a correction back
    Undo {
        /// Its number, as in `powerpi ledger corrections`
        #[arg(value_name = "NUMBER")]
        number: i64,
        /// Why, in one line
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Gives a meter another name; its history goes along, and what still comes under the old name is recorded for it
    Rename(moving::Rename),
    /// Puts two meters together whose minutes belong to one
    Merge(moving::Merge),
    /// Gives the room back that the ledger's file no longer needs
    Compact(compacting::Options),
    /// Copies the ledger from its file to PostgreSQL, or back, and compares both
    Copy(copying::Options),
    /// Deletes all that the ledger holds of a meter that is no more
    Forget(forgetting::Options),
}

/// Does what is asked for.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let (home, json) = (&options.ledger.home, options.ledger.json);
    match &options.command {
        // Opening it for writing would make an empty one.
        Command::Meters => meters(&Ledger::open_read_only(home)?, json),
        Command::Check { repair } => run_check(home, json, *repair),
        Command::Show(options) => show::run(home, json, options),
        Command::Void(saying) => saying::void(home, json, saying),
        Command::Replace { saying, amount } => saying::replace(home, json, saying, amount),
        Command::Scale { saying, factor } => saying::scale(home, json, saying, *factor),
        Command::Corrections { meter, clock } => saying::list(home, json, meter.as_ref(), clock),
        Command::Rename(options) => moving::rename(home, json, options),
        Command::Merge(options) => moving::merge(home, json, options),
        Command::Compact(options) => compacting::run(home, json, options),
        Command::Copy(options) => copying::run(json, options),
        Command::Forget(options) => forgetting::run(home, json, options),
        Command::Undo { number, reason, how } => saying::undo(home, json, *number, reason.as_deref(), how),
    }
}

fn run_check(home: &LedgerHome, json: bool, repair: bool) -> anyhow::Result<()> {
    let ledger = Ledger::open_read_only(home)?;
    let found = check(&ledger, json)?;
    drop(ledger);
    match found {
        Found { faults: 0, .. } => Ok(()),
        Found { repairable: 1.., .. } if repair => mend(home, &found),
        Found { faults, repairable: 0, .. } => bail!("faults: {faults}; {BACKUP}"),
        Found { faults, repairable, .. } => {
            bail!("faults: {faults}; `powerpi ledger check --repair` mends {repairable} of them")
        }
    }
}

fn meters(ledger: &Ledger, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for meter in ledger.meters()? {
        let line = if json { as_json(ledger, &meter)? } else { as_text(ledger, &meter)? };
        writeln!(out, "{line}").context("writing the list")?;
    }
    for unheard in ledger.unheard_meters()? {
        let (meter, newest) = (unheard.meter, unheard.newest.map(|newest| newest.to_string()));
        let line = match json {
            true => json!({ "meter": meter.to_string(), "newest": newest }).to_string(),
            false => format!("{meter}\tits name and constant are not known yet"),
        };
        writeln!(out, "{line}").context("writing the list")?;
    }
    Ok(())
}

fn as_json(ledger: &Ledger, meter: &RecordedMeter) -> anyhow::Result<String> {
    let said = json!({
        "meter": meter.meter.to_string(),
        "name": meter.name,
        "medium": meter.medium.as_str(),
        "first": ledger.first(meter)?.map(|first| first.to_string()),
        "newest": ledger.newest(meter)?.map(|newest| newest.minute.to_string()),
        "shows": ledger.shows(meter)?,
        "unit": meter.medium.unit().symbol(),
    });
    Ok(said.to_string())
}

fn as_text(ledger: &Ledger, meter: &RecordedMeter) -> anyhow::Result<String> {
    let (RecordedMeter { meter: id, name, medium, .. }, unit) = (meter, meter.medium.unit().symbol());
    let recorded = match (ledger.first(meter)?, ledger.newest(meter)?, ledger.shows(meter)?) {
        (Some(first), Some(newest), Some(shows)) => {
            format!("{first} to {}\t{shows:.3} {unit}", newest.minute)
        }
        _ => "no minute yet".to_owned(),
    };
    Ok(format!("{id}\t{name}\t{}\t{recorded}", medium.as_str()))
}

/// What was found.
#[derive(Default)]
struct Found {
    faults: u64,
    repairable: u64,
    /// The meters of those that can be repaired.
    meters: Vec<MeterToCheck>,
}

/// Says what is wrong.
fn check(ledger: &Ledger, json: bool) -> anyhow::Result<Found> {
    let meters = ledger.meters_to_check()?;
    let days = meters.iter().map(|meter| meter.days).sum();
    let (bar, mut found) = (progress::bar(days, progress::DAYS), Found::default());
    let mut say = |faults: &[Fault]| {
        bar.suspend(|| faults.iter().for_each(|fault| println!("{}", told(fault, json))));
        let repairable = faults.iter().filter(|fault| fault.is_repairable()).count() as u64;
        found.faults += faults.len() as u64;
        found.repairable += repairable;
        repairable > 0
    };
    say(&ledger.check_file()?);
    let mut to_repair = Vec::new();
    for meter in &meters {
        if say(&ledger.check(meter, || bar.inc(1))?) {
            to_repair.push(meter.clone());
        }
    }
    bar.finish_and_clear();
    let (count, faults) = (meters.len(), found.faults);
    match json {
        true => println!("{}", json!({ "meters": count, "packed_days": days, "faults": faults })),
        false if faults == 0 => println!("The ledger is sound (meters: {count}, packed days: {days})."),
        false => {}
    }
    Ok(Found { meters: to_repair, ..found })
}

fn told(fault: &Fault, json: bool) -> String {
    match json {
        true => {
            let said = fault.to_string();
            json!({ "meter": fault.meter, "fault": said, "repairable": fault.is_repairable() }).to_string()
        }
        false => fault.to_string(),
    }
}

/// Makes sums anew, in one transaction; the recorder waits for it.
fn mend(home: &LedgerHome, found: &Found) -> anyhow::Result<()> {
    let mut ledger = open_existing(home)?;
    let mut batch = ledger.batch()?;
    let (mut days, mut marks) = (0, 0);
    for meter in &found.meters {
        days += batch.repair(meter)?;
        marks += batch.repair_marks(meter)?;
    }
    batch.commit()?;
    eprintln!("days of which the sums were made anew: {days}");
    if marks > 0 {
        eprintln!(
            "outboxes whose publisher sends again what is missing: {marks}, once the recorder is started again \
             (systemctl restart powerpi-recorder)"
        );
    }
    if found.faults > found.repairable {
        bail!("faults that are left: {}; {BACKUP}", found.faults - found.repairable);
    }
    Ok(())
}
