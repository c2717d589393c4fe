//! The energy of each minute, hour, day or month of a time, written piece by
//! piece: a year of minutes is never in memory.

use std::fmt::Write;
use std::ops::Range;

use bytes::Bytes;
use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::Minute;

use crate::periods::{local, midnight};
use crate::route::{EnergyRequest, RouteError, Step};

/// How many rows the ledger is asked for at once: at most a month of minutes is
/// read in one go, so that others need not wait long.
fn rows_at_once(step: Step) -> usize {
    match step {
        Step::Minute => 1440,
        Step::Hour => 7 * 24,
        Step::Day => 28,
        Step::Month => 1,
    }
}

/// The longest time that may be asked for, in days.
fn most_days(step: Step) -> i64 {
    match step {
        Step::Minute => 366,
        Step::Hour => 10 * 366,
        Step::Day | Step::Month => 100 * 366,
    }
}

/// The time of a request in whole steps. `now` is the minute in progress.
pub(crate) fn span(
    request: &EnergyRequest,
    now: Minute,
    zone: &TimeZone,
) -> Result<Range<Minute>, RouteError> {
    let today = || midnight(now.timestamp().to_zoned_datetime(zone.clone()).date(), zone);
    let from = request.from.map_or_else(today, |from| from.minute(zone));
    let to = request.to.map_or(now, |to| to.minute(zone));
    if to < from {
        return Err(RouteError::parameter("to", "must not lie before from"));
    }
    let days = most_days(request.step);
    if to.epoch_minutes() - from.epoch_minutes() > (days + 1) * 1440 {
        return Err(RouteError::parameter(
            "from",
            format!("must lie at most {days} days before to for this step"),
        ));
    }
    let start = request.step.beginning(from, zone);
    let begun = request.step.beginning(to, zone);
    let end = if begun == to { to } else { request.step.next(begun, zone) };
    Ok(start..end)
}

/// The form of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Comma-separated values with a line of names.
    Csv,
    /// One object with an array of rows.
    Json,
}

/// Writes the rows of a span, a piece at a time.
#[derive(Debug)]
pub(crate) struct Rows {
    meter: RecordedMeter,
    step: Step,
    form: Form,
    zone: TimeZone,
    /// What is still to be written.
    rest: Range<Minute>,
    written: usize,
    begun: bool,
    ended: bool,
}

impl Rows {
    /// Rows of whole steps.
    pub(crate) fn new(
        meter: RecordedMeter,
        step: Step,
        form: Form,
        span: Range<Minute>,
        zone: TimeZone,
    ) -> Self {
        Self { meter, step, form, zone, rest: span, written: 0, begun: false, ended: false }
    }

    /// The next piece; `None` after the last.
    pub(crate) fn next(&mut self, ledger: &Ledger) -> Result<Option<Bytes>, LedgerError> {
        let mut piece = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            self.begin(&mut piece);
        }
        while piece.is_empty() && self.rest.start < self.rest.end {
            self.some_rows(ledger, &mut piece)?;
        }
        if piece.is_empty() && !std::mem::replace(&mut self.ended, true) {
            self.end(&mut piece);
        }
        Ok((!piece.is_empty()).then(|| piece.into()))
    }

    fn some_rows(&mut self, ledger: &Ledger, piece: &mut String) -> Result<(), LedgerError> {
        let mut bounds = vec![self.rest.start];
        while bounds.len() <= rows_at_once(self.step) && self.rest.start < self.rest.end {
            self.rest.start = self.step.next(self.rest.start, &self.zone);
            bounds.push(self.rest.start);
        }
        let sums = ledger.sums(&self.meter, &bounds)?;
        for (start, sum) in bounds.into_iter().zip(sums) {
            // What nobody watched is not there, which is not the same as zero.
            if sum.minutes > 0 {
                self.row(start, &sum, piece);
            }
        }
        Ok(())
    }

    fn begin(&self, piece: &mut String) {
        match self.form {
            Form::Csv => piece.push_str("start,local,minutes,watched_s,pulses,kwh,mean_w\r\n"),
            Form::Json => {
                let step = format!("{:?}", self.step).to_lowercase();
                let zone = self.zone.iana_name().unwrap_or("UTC");
                let constant = self.meter.pulses_per_kwh.get();
                push(
                    piece,
                    format_args!(
                        "{{\"meter\":\"{}\",\"pulses_per_kwh\":{constant},\"step\":\"{step}\",\"time_zone\":\"{zone}\",\"rows\":[",
                        self.meter.meter
                    ),
                );
            }
        }
    }

    fn row(&mut self, start: Minute, sum: &Sum, piece: &mut String) {
        let at = start.timestamp();
        let local = local(at, &self.zone);
        let kwh = sum.kwh();
        let mean_w = sum.mean_w().unwrap_or_default();
        let Sum { minutes, watched_s, pulses, .. } = sum;
        match self.form {
            Form::Csv => {
                let row = format_args!("{at},{local},{minutes},{watched_s},{pulses},{kwh},{mean_w:.1}\r\n");
                push(piece, row);
            }
            Form::Json => {
                let comma = if self.written > 0 { "," } else { "" };
                push(
                    piece,
                    format_args!(
                        "{comma}\n{{\"start\":\"{at}\",\"local\":\"{local}\",\"minutes\":{minutes},\
                     \"watched_s\":{watched_s},\"pulses\":{pulses},\"kwh\":{kwh},\"mean_w\":{mean_w:.1}}}"
                    ),
                );
            }
        }
        self.written += 1;
    }

    fn end(&self, piece: &mut String) {
        if self.form == Form::Json {
            piece.push_str("\n]}\n");
        }
    }
}

fn push(piece: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into memory does not fail.
    let _ = piece.write_fmt(text);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::route::Moment;

    fn asked(from: &str, to: &str, step: Step) -> Result<(String, String), RouteError> {
        let moment = |text: &str| {
            let at = text.parse().map(Moment::At);
            Some(at.unwrap_or_else(|_| Moment::Day(text.parse().unwrap())))
        };
        let meter = "hq/main".parse().unwrap();
        let request = EnergyRequest { meter, from: moment(from), to: moment(to), step, csv: None };
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let span = span(&request, "2026-11-23T17:23:00Z".parse().unwrap(), &zone)?;
        Ok((span.start.to_string(), span.end.to_string()))
    }

    #[test]
    fn a_time_is_widened_to_whole_local_steps() {
        let widened = |step| asked("2026-10-25T00:10:00Z", "2026-10-25T01:20:30Z", step).unwrap();
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(widened(Step::Minute), pair("2026-10-25T00:10:00Z", "2026-10-25T01:21:00Z"));
        assert_eq!(widened(Step::Hour), pair("2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"));
        assert_eq!(widened(Step::Day), pair("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"));
        assert_eq!(widened(Step::Month), pair("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"));
        assert_eq!(
            asked("2026-10-25", "2026-10-26", Step::Day).unwrap(),
            pair("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")
        );
    }

    #[test]
    fn impossible_times_are_refused_by_name() {
        let refused = |from, to, step| asked(from, to, step).unwrap_err().to_string();
        assert_eq!(refused("2026-10-03", "2026-10-02", Step::Day), "to: must not lie before from");
        let long = "from: must lie at most 366 days before to for this step";
        assert_eq!(refused("2020-01-01", "2026-01-01", Step::Minute), long);
        assert!(asked("2020-01-01", "2026-01-01", Step::Hour).is_ok());
        assert!(asked("0001-01-01", "9999-01-01", Step::Month).is_ok(), "held within the years there are");
    }
}
