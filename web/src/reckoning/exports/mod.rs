//! The energy and cost of each minute, hour, day or month of a time, written piece
//! by piece: a year of minutes is never in memory.

mod rows;
mod statistics;
mod text;
mod workbook;

use std::ops::Range;

use bytes::Bytes;
use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError};
use meter_messages::Minute;

pub(crate) use rows::{Row, Rows};
pub(crate) use statistics::{StatisticId, Statistics};
pub(crate) use text::{Notation, Text};
pub(crate) use workbook::{WorkbookError, workbook};

use crate::reckoning::periods::midnight;
use crate::route::{EnergyRequest, RouteError, Step};

/// A text that the ledger's thread writes a piece at a time.
pub(crate) trait Pieces: Sized + Send + 'static {
    /// The next piece, perhaps an empty one; `None` after the last.
    fn next(&mut self, ledger: &Ledger) -> Result<Option<Bytes>, LedgerError>;
}

/// The longest time that may be asked for, in days.
pub(crate) fn most_days(step: Step) -> i64 {
    match step {
        Step::Minute => 366,
        Step::Hour => 10 * 366,
        Step::Day | Step::Month => 100 * 366,
    }
}

/// What a file of rows is called, but for its ending: `hq-main-hour-2026-11-24`.
pub(crate) fn file_name(request: &EnergyRequest, span: &Range<Minute>, zone: &TimeZone) -> String {
    let EnergyRequest { meter, step, .. } = request;
    let day = span.start.timestamp().to_zoned_datetime(zone.clone()).date();
    format!("{}-{}-{}-{day}", meter.site, meter.meter, step.name())
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
        return Err(RouteError::parameter("to", "must not be before from"));
    }
    let days = most_days(request.step);
    if to.epoch_minutes() - from.epoch_minutes() > (days + 1) * 1440 {
        return Err(RouteError::parameter(
            "from",
            format!("must be at most {days} days before to for this step"),
        ));
    }
    let start = request.step.beginning(from, zone);
    let begun = request.step.beginning(to, zone);
    let end = if begun == to { to } else { request.step.next(begun, zone) };
    Ok(start..end)
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
        let request = EnergyRequest { meter, from: moment(from), to: moment(to), step, form: None };
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
        assert_eq!(refused("2026-10-03", "2026-10-02", Step::Day), "to: must not be before from");
        let long = "from: must be at most 366 days before to for this step";
        assert_eq!(refused("2020-01-01", "2026-01-01", Step::Minute), long);
        assert!(asked("2020-01-01", "2026-01-01", Step::Hour).is_ok());
        assert!(asked("0001-01-01", "9999-01-01", Step::Month).is_ok(), "held within the years there are");
    }
}
