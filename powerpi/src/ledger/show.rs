//! `powerpi ledger show`: what was counted in a time, and what corrections make of it.

use std::io::Write;
use std::ops::Range;

use anyhow::Context;
use jiff::tz::TimeZone;
use meter_ledger::{CorrectingError, Ledger, LedgerHome, RecordedMeter, Sum};
use meter_messages::{Meter, Minute};
use serde_json::json;

use super::moments::{self, Clock, Span};

/// Up to so many minutes, minutes are shown; and hours up to so many.
const MOST_IN_MINUTES: i64 = 3 * 60;
const MOST_IN_HOURS: i64 = 3 * 24 * 60;

/// What is read in one go: the ledger goes on being written.
const ROWS_AT_ONCE: usize = 1_000;

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The meter, as in `powerpi ledger meters`
    #[arg(value_name = "SITE/METER")]
    meter: Meter,
    /// From which minute on [default: the newest 24 hours that are recorded]
    #[arg(value_name = "FROM", requires = "to")]
    from: Option<String>,
    /// The first minute that is not shown
    #[arg(value_name = "TO")]
    to: Option<String>,
    #[command(flatten)]
    clock: Clock,
}

/// Prints minutes, hours or days, as the time is short or long.
pub(super) fn run(home: &LedgerHome, json: bool, options: &Options) -> anyhow::Result<()> {
    let ledger = Ledger::open_read_only(home)?;
    let unknown = || CorrectingError::UnknownMeter(options.meter.clone());
    let meter = ledger.meter(&options.meter)?.ok_or_else(unknown)?;
    let (zone, mut out) = (options.clock.zone(), std::io::stdout().lock());
    let span = match (&options.from, &options.to) {
        (Some(from), Some(to)) => Span::new(from, to).minutes(&options.clock)?,
        _ => newest_day(&ledger, &meter)?,
    };
    if !json {
        let symbol = meter.medium.unit().symbol();
        writeln!(out, "from\tcounted pulses\tpulses\t{symbol}\twatched s\tcorrected minutes")
            .context(WRITING)?;
    }
    let bounds = bounds(&span, &zone);
    for some in chunks(&bounds) {
        let counted = ledger.sums(&meter.as_counted(), some)?;
        for (step, (counted, sum)) in some.windows(2).zip(counted.iter().zip(ledger.sums(&meter, some)?)) {
            let row = Row { span: step[0]..step[1], counted, sum, meter: &meter };
            let line = if json { row.as_json() } else { row.as_text(&zone) };
            writeln!(out, "{line}").context(WRITING)?;
        }
    }
    Ok(())
}

const WRITING: &str = "writing the list";

fn newest_day(ledger: &Ledger, meter: &RecordedMeter) -> anyhow::Result<Range<Minute>> {
    let newest = ledger.newest(&meter.as_counted())?.context("nothing is recorded of the meter yet")?;
    let end = newest.minute.epoch_minutes() + 1;
    Ok(Minute::nearest(end - 24 * 60)..Minute::nearest(end))
}

/// Where the rows of a span begin, and where the last one ends.
fn bounds(span: &Range<Minute>, zone: &TimeZone) -> Vec<Minute> {
    let (first, end) = (span.start.epoch_minutes(), span.end.epoch_minutes());
    let next = |at: Minute| match end - first {
        minutes if minutes <= MOST_IN_MINUTES => Minute::nearest(at.epoch_minutes() + 1),
        minutes if minutes <= MOST_IN_HOURS => Minute::nearest(at.epoch_minutes() + 60),
        _ => moments::next_day(at, zone),
    };
    let mut bounds = vec![span.start];
    while let Some(last) = bounds.last().copied().filter(|last| *last < span.end) {
        bounds.push(next(last).min(span.end));
    }
    bounds
}

/// Each begins with the bound that the one before ends with.
fn chunks(bounds: &[Minute]) -> impl Iterator<Item = &[Minute]> {
    let steps = bounds.len().saturating_sub(1);
    (0..steps).step_by(ROWS_AT_ONCE).map(move |from| &bounds[from..=(from + ROWS_AT_ONCE).min(steps)])
}

/// What is told of a minute, an hour or a day.
struct Row<'a> {
    span: Range<Minute>,
    counted: &'a Sum,
    sum: Sum,
    meter: &'a RecordedMeter,
}

impl Row<'_> {
    fn as_text(&self, zone: &TimeZone) -> String {
        let from = moments::told(self.span.start, zone);
        let known =
            |sum: &Sum| sum.is_known().then_some(sum.pulses).map_or("-".to_owned(), |it| it.to_string());
        let quantity = self.sum.quantity().map_or("-".to_owned(), |quantity| format!("{quantity:.3}"));
        let (counted, pulses, watched_s) = (known(self.counted), known(&self.sum), self.sum.watched_s);
        let corrected = self.meter.corrected_minutes(&self.span);
        format!("{from}\t{counted}\t{pulses}\t{quantity}\t{watched_s}\t{corrected}")
    }

    fn as_json(&self) -> String {
        let known = |sum: &Sum| sum.is_known().then_some(sum.pulses);
        let row = json!({
            "from": self.span.start.to_string(),
            "to": self.span.end.to_string(),
            "counted_pulses": known(self.counted),
            "pulses": known(&self.sum),
            "quantity": self.sum.quantity(),
            "watched_s": self.sum.watched_s,
            "corrected_minutes": self.meter.corrected_minutes(&self.span),
        });
        row.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_long_time_is_shown_in_days_and_a_short_one_in_minutes() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let first: Minute = "2026-10-24T22:00:00Z".parse().unwrap();
        let of = |minutes: i64| bounds(&(first..Minute::nearest(first.epoch_minutes() + minutes)), &zone);
        assert_eq!((of(180).len(), of(181).len(), of(72 * 60).len()), (181, 5, 73));
        let days = of(4 * 24 * 60);
        assert_eq!(days[1].epoch_minutes() - days[0].epoch_minutes(), 25 * 60);
        assert_eq!(days.len(), 5);
        let together: Vec<_> = chunks(&of(180)).map(<[Minute]>::len).collect();
        assert_eq!(together, [181]);
        assert_eq!(chunks(&of(0)).count(), 0);
    }
}
