//! Links to the figures behind a page, as files.

use jiff::tz::TimeZone;
use meter_figures::{Step, local};
use meter_messages::{Minute, PeriodKind};

use super::Frame;
use crate::ledger::history::History;

/// The rows of one step.
pub(super) struct Download {
    /// What the step is called.
    pub(super) rows: &'static str,
    /// Each form's name and address.
    pub(super) files: [(&'static str, String); 3],
}

/// All steps that fit a page, the longest first.
pub(super) fn downloads(frame: &Frame, history: &History, zone: &TimeZone) -> Vec<Download> {
    let (from, to) = span(history, zone);
    let address = format!("/api/v1/meters/{}/energy", history.meter.meter);
    let download = |(step, rows): (Step, &'static str)| {
        let file = |ending: &str| {
            let address = format!("{address}.{ending}?from={from}&to={to}&step={}", step.name());
            // A workbook speaks the page's language; the others speak none.
            if ending == "xlsx" { format!("{address}&lang={}", frame.texts.code) } else { address }
        };
        let file = |ending: &str| frame.plain(&file(ending));
        Download { rows, files: [("CSV", file("csv")), ("Excel", file("xlsx")), ("JSON", file("json"))] }
    };
    let minutes = history.span.end.epoch_minutes() - history.first.max(history.span.start).epoch_minutes();
    // A period has more than one of them, and they are not too many.
    let fits = |(step, _): &(Step, &str)| {
        let is_part = match step {
            Step::Minute => true,
            Step::Period(kind) => history.period.as_ref().is_none_or(|period| *kind < period.kind),
        };
        is_part && minutes <= step.most_days() * 1440
    };
    Step::ALL.into_iter().zip(frame.texts.steps).rev().filter(fits).map(download).collect()
}

/// From when until when, as addresses have it: in local days where these fit.
fn span(history: &History, zone: &TimeZone) -> (String, String) {
    let day = |at: Minute| local(at, zone).date().to_string();
    let (start, end) = (history.span.start, history.span.end);
    match &history.period {
        Some(period) if period.kind == PeriodKind::Hour => (start.to_string(), end.to_string()),
        Some(_) => (day(start), day(end)),
        None if history.days.is_some() => (day(start), day(end)),
        None => (day(history.first), day(end)),
    }
}
