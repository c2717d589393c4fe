//! Links to the figures behind a page, as files.

use jiff::tz::TimeZone;
use meter_messages::Minute;

use super::Frame;
use crate::ledger::history::History;
use crate::reckoning::calendar::{Kind, Period};
use crate::reckoning::exports;
use crate::route::Step;

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
    let download = |step: Step| {
        let file = |ending: &str| {
            let address = format!("{address}.{ending}?from={from}&to={to}&step={}", step.name());
            // A workbook speaks the page's language; the others speak none.
            if ending == "xlsx" { format!("{address}&lang={}", frame.texts.code) } else { address }
        };
        let file = |ending: &str| frame.plain(&file(ending));
        let files = [("CSV", file("csv")), ("Excel", file("xlsx")), ("JSON", file("json"))];
        Download { rows: frame.texts.steps[step as usize], files }
    };
    let minutes = history.span.end.epoch_minutes() - history.first.max(history.span.start).epoch_minutes();
    let fits = |step: &Step| minutes <= exports::most_days(*step) * 1440;
    steps(history.period.as_ref()).iter().copied().filter(fits).map(download).collect()
}

/// The steps of which a period has more than one.
fn steps(period: Option<&Period>) -> &'static [Step] {
    match period.map(|period| period.kind) {
        Some(Kind::Hour) => &[Step::Minute],
        Some(Kind::Day) => &[Step::Hour, Step::Minute],
        Some(Kind::Week | Kind::Month) => &[Step::Day, Step::Hour, Step::Minute],
        Some(Kind::Year) | None => &[Step::Month, Step::Day, Step::Hour, Step::Minute],
    }
}

/// From when until when, as addresses have it: in local days where these fit.
fn span(history: &History, zone: &TimeZone) -> (String, String) {
    let day = |at: Minute| at.timestamp().to_zoned_datetime(zone.clone()).date().to_string();
    let (start, end) = (history.span.start, history.span.end);
    match &history.period {
        Some(period) if period.kind == Kind::Hour => (start.to_string(), end.to_string()),
        Some(_) => (day(start), day(end)),
        None => (day(history.first), day(end)),
    }
}
