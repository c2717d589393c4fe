//! `powerpi ledger void`, `replace`, `scale`, `undo` and `corrections`: what people say of times in which a meter was
//! counted wrongly. Each is one transaction, which the recorder waits for.

use std::io::Write;
use std::ops::Range;

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use meter_ledger::{
    CorrectingError, Correction, CorrectionKind, Factor, Ledger, LedgerHome, NewCorrection, RecordedMeter,
    Sum, Undone,
};
use meter_messages::{Meter, Minute};
use serde_json::{Value, json};

use super::moments::{self, Clock, Span};
use super::person;
use crate::ledger_file::open_existing;

/// Of what something is said, and by whom.
#[derive(clap::Args)]
pub(crate) struct Saying {
    /// The meter, as in `powerpi ledger meters`
    #[arg(value_name = "SITE/METER")]
    meter: Meter,
    #[command(flatten)]
    span: Span,
    /// Why, in one line: it stands in the list of corrections
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    how: How,
}

/// By whom, and whether it is meant.
#[derive(clap::Args)]
pub(crate) struct How {
    /// Who says it [default: the user of this machine]
    #[arg(long, value_name = "NAME", default_value_t = person::of_this_machine(), hide_default_value = true)]
    by: String,
    /// Tells what would be changed, and changes nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    clock: Clock,
}

/// How much there was.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Amount {
    /// The pulses of the whole time
    #[arg(long, value_name = "NUMBER")]
    pulses: Option<u64>,
    /// The kWh or m³ of the whole time, rounded to whole pulses
    #[arg(long, value_name = "NUMBER")]
    quantity: Option<f64>,
}

impl Amount {
    fn pulses(&self, meter: &RecordedMeter, span: &Range<Minute>) -> anyhow::Result<u64> {
        let Some(quantity) = self.quantity else { return Ok(self.pulses.unwrap_or_default()) };
        let last = Minute::nearest(span.end.epoch_minutes() - 1);
        let constant = meter.constant_at(span.start);
        if constant != meter.constant_at(last) {
            bail!("the meter constant changes in that time; say how many --pulses there were");
        }
        // Beyond what a number of pulses may be it is refused later.
        let pulses = (quantity * constant.per_unit()).round();
        if pulses >= 0.0 { Ok(pulses as u64) } else { bail!("--quantity must be 0 or more") }
    }
}

/// `void`
pub(super) fn void(home: &LedgerHome, json: bool, saying: &Saying) -> anyhow::Result<()> {
    say(home, json, saying, |_, _| Ok(CorrectionKind::Void))
}

/// `replace`
pub(super) fn replace(home: &LedgerHome, json: bool, saying: &Saying, amount: &Amount) -> anyhow::Result<()> {
    say(home, json, saying, |meter, span| Ok(CorrectionKind::Replace { pulses: amount.pulses(meter, span)? }))
}

/// `scale`
pub(super) fn scale(home: &LedgerHome, json: bool, saying: &Saying, factor: Factor) -> anyhow::Result<()> {
    say(home, json, saying, |_, _| Ok(CorrectionKind::Scale(factor)))
}

fn say(
    home: &LedgerHome,
    json: bool,
    saying: &Saying,
    kind: impl FnOnce(&RecordedMeter, &Range<Minute>) -> anyhow::Result<CorrectionKind>,
) -> anyhow::Result<()> {
    let Saying { meter: id, reason, how, .. } = saying;
    let span = saying.span.minutes(&how.clock)?;
    let meter = known(&Ledger::open_read_only(home)?, id)?;
    let new = NewCorrection { kind: kind(&meter, &span)?, span, reason: reason.clone(), by: how.by.clone() };
    let mut ledger = open_existing(home)?;
    let mut batch = ledger.batch()?;
    let said = batch.correct(id, &new, daemon_runtime::now())?;
    finish(batch, how)?;
    // Others may have said more meanwhile, but nothing of these minutes.
    let now = known(&ledger, id)?;
    let (before, after) = match (how.dry_run, now.with(&said)) {
        (true, with) => (now, with?),
        (false, _) => (now.without(&said), now),
    };
    Told { ledger: &ledger, how, json, said: &said }.print(&before, &after)
}

/// `undo`
pub(super) fn undo(
    home: &LedgerHome,
    json: bool,
    number: i64,
    reason: Option<&str>,
    how: &How,
) -> anyhow::Result<()> {
    let mut ledger = open_existing(home)?;
    let mut batch = ledger.batch()?;
    let undone = Undone { at: daemon_runtime::now(), by: how.by.clone(), reason: reason.map(str::to_owned) };
    let (id, said) = batch.undo(number, &undone)?;
    finish(batch, how)?;
    let now = known(&ledger, &id)?;
    let (before, after) = match (how.dry_run, now.without(&said)) {
        (true, without) => (now, without),
        (false, _) => (now.with(&said)?, now),
    };
    Told { ledger: &ledger, how, json, said: &said }.print(&before, &after)
}

fn finish(batch: meter_ledger::Batch<'_>, how: &How) -> anyhow::Result<()> {
    // What is not committed is as if it had never been.
    if how.dry_run { Ok(()) } else { batch.commit().context("writing the ledger") }
}

fn known(ledger: &Ledger, meter: &Meter) -> anyhow::Result<RecordedMeter> {
    let known = ledger.meter(meter)?;
    Ok(known.ok_or_else(|| CorrectingError::UnknownMeter(meter.clone()))?)
}

/// What is told of a correction that was said or undone.
struct Told<'a> {
    ledger: &'a Ledger,
    how: &'a How,
    json: bool,
    said: &'a Correction,
}

impl Told<'_> {
    fn print(&self, before: &RecordedMeter, after: &RecordedMeter) -> anyhow::Result<()> {
        let Self { ledger, how, said, .. } = self;
        let sum = |meter: &RecordedMeter| ledger.sum(meter, said.span.clone());
        let (was, is) = (sum(before)?, sum(after)?);
        if self.json {
            let mut told = as_json(&before.meter, said);
            told["dry_run"] = how.dry_run.into();
            told["before"] = sum_as_json(&was);
            told["after"] = sum_as_json(&is);
            println!("{told}");
            return Ok(());
        }
        let symbol = before.medium.unit().symbol();
        println!("{}", as_text(&before.meter, said, how.dry_run, &how.clock.zone()));
        println!("  before: {}", sum_as_text(&was, symbol));
        println!("  after:  {}", sum_as_text(&is, symbol));
        match (how.dry_run, &said.undone) {
            (true, _) => println!("Nothing was changed (--dry-run)."),
            (false, None) => println!("`powerpi ledger undo {}` takes it back.", said.id),
            (false, Some(_)) => {}
        }
        Ok(())
    }
}

/// Lists what was said of one meter, or of all.
pub(super) fn list(home: &LedgerHome, json: bool, only: Option<&Meter>, clock: &Clock) -> anyhow::Result<()> {
    let ledger = Ledger::open_read_only(home)?;
    let meters = match only {
        Some(only) => vec![known(&ledger, only)?],
        None => ledger.meters()?,
    };
    let (zone, mut out) = (clock.zone(), std::io::stdout().lock());
    for meter in meters {
        for said in ledger.corrections(&meter)? {
            let line = match json {
                true => as_json(&meter.meter, &said).to_string(),
                false => as_text(&meter.meter, &said, false, &zone),
            };
            writeln!(out, "{line}").context("writing the list")?;
        }
    }
    Ok(())
}

fn what(kind: CorrectionKind) -> String {
    match kind {
        CorrectionKind::Void => "not watched".to_owned(),
        CorrectionKind::Replace { pulses } => format!("{pulses} pulses in all"),
        CorrectionKind::Scale(factor) => format!("times {factor}"),
    }
}

fn as_text(meter: &Meter, said: &Correction, would_be: bool, zone: &TimeZone) -> String {
    let Correction { id, span, kind, reason, by, undone, .. } = said;
    let (from, to) = (moments::told(span.start, zone), moments::told(span.end, zone));
    let number = if would_be && undone.is_none() { "(would be said)".to_owned() } else { id.to_string() };
    let mut text = format!("{number}\t{meter}\t{from} up to {to}\t{}\t{reason} ({by})", what(*kind));
    if let Some(undone) = undone {
        let why = undone.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let verb = if would_be { "would be undone" } else { "undone" };
        text += &format!("\t{verb} by {}{why}", undone.by);
    }
    text
}

fn as_json(meter: &Meter, said: &Correction) -> Value {
    let Correction { id, span, kind, reason, said: at, by, undone } = said;
    let mut told = json!({
        "correction": id,
        "meter": meter.to_string(),
        "from": span.start.to_string(),
        "to": span.end.to_string(),
        "kind": kind.name(),
        "reason": reason,
        "by": by,
        "said": at.to_string(),
        "undone": undone.as_ref().map(|undone| json!({
            "at": undone.at.to_string(), "by": undone.by, "reason": undone.reason,
        })),
    });
    match kind {
        CorrectionKind::Void => {}
        CorrectionKind::Replace { pulses } => told["pulses"] = (*pulses).into(),
        CorrectionKind::Scale(factor) => told["factor"] = factor.to_string().into(),
    }
    told
}

fn sum_as_text(sum: &Sum, symbol: &str) -> String {
    match sum.quantity() {
        Some(quantity) => format!("{} pulses, {quantity:.3} {symbol}", sum.pulses),
        None => "not watched".to_owned(),
    }
}

fn sum_as_json(sum: &Sum) -> Value {
    let Sum { pulses, minutes, watched_s, .. } = sum;
    json!({ "pulses": pulses, "minutes": minutes, "watched_s": watched_s, "quantity": sum.quantity() })
}
