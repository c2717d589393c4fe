//! How a series gets into the ledger: as pieces in whole pulses, a month at most in a transaction, while the recorder runs.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_ledger::{Batch, Imported, Importing, Ledger, NewImport, NewMeter, Piece, RecordedMeter};
use meter_messages::Minute;
use serde_json::json;

use super::amounts::{Amount, Cutting, LeftOut, Rounding, minute};
use super::series::Series;
use crate::ledger_file::{LedgerFile, open_existing};
use crate::progress;

/// The longest time of which only the sum is known, in minutes.
const LONGEST: i64 = 400 * 1440;

/// So many pieces are written in one transaction, and those of the same day.
const MOST: usize = 5_000;

/// Between two transactions the recorder has its turn.
const TURN: Duration = Duration::from_millis(20);

/// Where to, and how it is told.
pub(super) struct Landing<'a> {
    pub(super) ledger: &'a LedgerFile,
    pub(super) meter: RecordedMeter,
    /// What the meter is, if the import is to make it.
    pub(super) new: Option<&'a NewMeter>,
    pub(super) by: &'a str,
    pub(super) dry_run: bool,
    pub(super) zone: &'a TimeZone,
}

/// What is seen before anything is written.
#[derive(Debug, Default)]
struct Seen {
    pieces: u64,
    pulses: u64,
    first: Option<Minute>,
    last: Option<Minute>,
    left_out: LeftOut,
    /// Before 2000, or still to come.
    outside: u64,
    longest: u32,
}

/// A month by the zone's clock.
struct Month {
    first: Date,
    imported: Imported,
    longest: u32,
    quantity: f64,
    quantity_there: f64,
}

impl Landing<'_> {
    /// Imports a series, or tells what would be imported.
    pub(super) fn land(&self, series: &Series) -> anyhow::Result<()> {
        let seen = self.look(series)?;
        let (Some(first), Some(last)) = (seen.first, seen.last) else {
            bail!("there is nothing to import: {}", self.told(&seen, series));
        };
        let meter = self.meter.meter.clone();
        let new = NewImport {
            meter,
            source: series.source.clone(),
            by: self.by.to_owned(),
            first,
            pulses: seen.pulses,
        };
        let mut ledger = open_existing(&self.ledger.home)?;
        let mut batch = ledger.batch()?;
        let begun = self.begin(&mut batch, &new, last)?;
        match self.dry_run {
            true => drop(batch),
            false => batch.commit().context("writing the ledger")?,
        }
        let mut writing = Writing {
            landing: self,
            ledger,
            new,
            last,
            importing: begun,
            months: Vec::new(),
            bar: progress::bar(seen.pieces, "{bar} {pos}/{len}, {eta} left"),
        };
        let (mut pieces, mut failed): (Vec<Piece>, Option<anyhow::Error>) = (Vec::new(), None);
        self.for_each_piece(series, &mut |piece| {
            if failed.is_none() && writing.is_full(&pieces, &piece) {
                failed = writing.write(&pieces).err();
                pieces.clear();
            }
            if failed.is_none() {
                pieces.push(piece);
            }
        });
        failed.map_or(Ok(()), Err)?;
        writing.write(&pieces)?;
        writing.end(&seen, series)
    }

    fn begin(&self, batch: &mut Batch<'_>, new: &NewImport, last: Minute) -> anyhow::Result<Importing> {
        if let Some(meter) = self.new
            && !batch.make_meter(meter)?
        {
            bail!("something has just come of the meter {}; say it again", meter.meter);
        }
        Ok(batch.begin_import(new, last, daemon_runtime::now())?)
    }

    fn look(&self, series: &Series) -> anyhow::Result<Seen> {
        let (mut seen, mut longest) = (Seen::default(), 0);
        let mut each = |piece: Piece| {
            seen.pieces += 1;
            seen.pulses += piece.pulses;
            seen.first.get_or_insert(piece.from);
            seen.last = Some(piece.from);
            longest = longest.max(piece.minutes);
        };
        let (left_out, outside) = self.for_each_piece(series, &mut each);
        (seen.left_out, seen.outside, seen.longest) = (left_out, outside, longest);
        Ok(seen)
    }

    /// Calls `each` with the pieces that the ledger can hold, in order; returns what is left out.
    fn for_each_piece(&self, series: &Series, each: &mut impl FnMut(Piece)) -> (LeftOut, u64) {
        let constant = self.meter.constant.per_unit();
        let now = daemon_runtime::now().as_second().div_euclid(Minute::SECONDS);
        let (mut rounding, mut outside, mut of) = (Rounding::default(), 0, self.meter.constant);
        let mut land = |amount: Amount| {
            let Some(from) = minute(amount.from)
                .filter(|_| amount.minutes <= LONGEST && amount.from + amount.minutes <= now + 1)
            else {
                outside += 1;
                return;
            };
            let constant = self.meter.constant_at(from);
            if constant != of {
                (rounding, of) = (Rounding::default(), constant);
            }
            let pulses = rounding.pulses(amount.quantity, constant.per_unit());
            let watched_s = (amount.watched_ms / 1000).clamp(1, 60) as u8;
            each(Piece { from, minutes: amount.minutes.unsigned_abs() as u32, watched_s, pulses });
        };
        let mut cutting = Cutting::default();
        let left_out = series.for_each(constant, &mut |stretch| cutting.take(stretch, &mut land));
        cutting.end(&mut land);
        (left_out, outside)
    }

    fn quantity(&self, from: Minute, pulses: u64) -> f64 {
        self.meter.constant_at(from).quantity(pulses)
    }

    /// What was read, and what of it cannot be taken.
    fn told(&self, seen: &Seen, series: &Series) -> String {
        let Seen { left_out: LeftOut { falls, negative, without }, outside, .. } = seen;
        let mut told = format!("{} values in {}", series.len(), series.unit);
        for (count, what) in [
            (*falls, "totals lower than the one before: what lies between is left out"),
            (*negative, "below zero: left out"),
            (*without, "without a number: left out"),
            (*outside, "times before 2000, still to come, or longer than 400 days: left out"),
        ] {
            if count > 0 {
                told += &format!("\n  {count} {what}");
            }
        }
        told
    }
}

/// While it is written.
struct Writing<'a> {
    landing: &'a Landing<'a>,
    ledger: Ledger,
    new: NewImport,
    last: Minute,
    importing: Importing,
    months: Vec<Month>,
    bar: ProgressBar,
}

impl Writing<'_> {
    fn month(&self, piece: &Piece) -> Date {
        piece.from.timestamp().to_zoned_datetime(self.landing.zone.clone()).date().first_of_month()
    }

    /// Whether pieces are to be written before the next one: another month, or another day after many.
    fn is_full(&self, pieces: &[Piece], next: &Piece) -> bool {
        let day = |piece: &Piece| piece.from.epoch_minutes().div_euclid(1440);
        let Some(last) = pieces.last() else { return false };
        if day(last) == day(next) && self.month(last) == self.month(next) {
            return false;
        }
        pieces.len() >= MOST || self.month(last) != self.month(next)
    }

    fn write(&mut self, pieces: &[Piece]) -> anyhow::Result<()> {
        let Some(first) = pieces.first() else { return Ok(()) };
        let month = self.month(first);
        let mut batch = self.ledger.batch()?;
        if self.landing.dry_run {
            // What is not committed is as if it had never been.
            self.importing = self.landing.begin(&mut batch, &self.new, self.last)?;
        }
        let imported = batch.import(&mut self.importing, pieces)?;
        if !self.landing.dry_run {
            batch.commit().context("writing the ledger")?;
            std::thread::sleep(TURN);
        }
        if self.months.last().is_none_or(|known| known.first != month) {
            let (imported, quantity) = (Imported::default(), 0.0);
            self.months.push(Month { first: month, imported, longest: 1, quantity, quantity_there: 0.0 });
        }
        if let Some(known) = self.months.last_mut() {
            known.imported = known.imported.and(&imported);
            known.longest = pieces.iter().map(|piece| piece.minutes).fold(known.longest, u32::max);
            known.quantity += self.landing.quantity(first.from, imported.pulses);
            known.quantity_there += self.landing.quantity(first.from, imported.pulses_there);
        }
        self.bar.inc(pieces.len() as u64);
        Ok(())
    }

    fn end(mut self, seen: &Seen, series: &Series) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        let whole = self.months.iter().fold(Imported::default(), |sum, month| sum.and(&month.imported));
        if !self.landing.dry_run {
            let mut batch = self.ledger.batch()?;
            batch.finish_import(&self.importing, daemon_runtime::now())?;
            batch.commit().context("writing the ledger")?;
        }
        let mut out = std::io::stdout().lock();
        if self.landing.ledger.json {
            return writeln!(out, "{}", self.as_json(&whole, seen)).context("writing what was imported");
        }
        self.print(&mut out, &whole, seen, series).context("writing what was imported")
    }

    fn as_json(&self, whole: &Imported, seen: &Seen) -> serde_json::Value {
        let Self { landing, importing, months, .. } = self;
        let is_new = whole.minutes + whole.spans > 0;
        json!({
            "import": (is_new && !landing.dry_run).then_some(importing.id),
            "meter": landing.meter.meter.to_string(),
            "source": self.new.source,
            "dry_run": landing.dry_run,
            "minutes": whole.minutes, "longer_times": whole.spans, "longest_minutes": seen.longest,
            "pulses": whole.pulses, "there_already": whole.there, "pulses_there": whole.pulses_there,
            "left_out": seen.left_out.falls + seen.left_out.negative + seen.left_out.without + seen.outside,
            "months": months.iter().map(|month| json!({
                "month": month.first.strftime("%Y-%m").to_string(),
                "minutes": month.imported.minutes, "longer_times": month.imported.spans,
                "longest_minutes": month.longest,
                "quantity": month.quantity, "quantity_there": month.quantity_there,
            })).collect::<Vec<_>>(),
        })
    }

    fn print(
        &self,
        out: &mut impl Write,
        whole: &Imported,
        seen: &Seen,
        series: &Series,
    ) -> std::io::Result<()> {
        let Landing { meter, dry_run, .. } = self.landing;
        let symbol = meter.medium.unit().symbol();
        writeln!(out, "{}: {}", self.new.source, self.landing.told(seen, series))?;
        writeln!(out, "month\tnew {symbol}\ttimes\tlongest\tthere already {symbol}")?;
        for month in &self.months {
            let Month { first, imported, longest, quantity, quantity_there } = month;
            let times = imported.minutes + imported.spans;
            let there = if imported.there > 0 { format!("{quantity_there:.3}") } else { "-".to_owned() };
            writeln!(out, "{}\t{quantity:.3}\t{times}\t{longest} min\t{there}", first.strftime("%Y-%m"))?;
        }
        if whole.there > 0 {
            writeln!(
                out,
                "For {} times something is recorded already; that is not counted again.",
                whole.there
            )?;
        }
        if seen.longest > 1 {
            writeln!(
                out,
                "Times of up to {} minutes stay what they are: how it went within them is not known.",
                seen.longest
            )?;
        }
        match (dry_run, whole.minutes + whole.spans) {
            (_, 0) => writeln!(out, "Nothing is new."),
            (true, _) => writeln!(out, "Nothing was changed (--dry-run)."),
            (false, _) => {
                let id = self.importing.id;
                if let Some(made) = self.landing.new {
                    writeln!(out, "The meter {} ({}) is new.", made.meter, made.name)?;
                }
                writeln!(
                    out,
                    "Imported for {} as number {id}; `powerpi import undo {id}` takes it back.",
                    meter.meter
                )
            }
        }
    }
}
