//! From a period of all meters to others, and to files.

use jiff::tz::TimeZone;
use meter_figures::{Period, Step};
use meter_messages::{Medium, Minute, PeriodKind, SiteId};

use crate::ledger::house::{HouseHistory, RecordedHouse};
use crate::pages::Frame;
use crate::pages::downloads::Download;
use crate::route::MOST_DAYS_OF_HOURS;

/// Links from a period to others.
pub(super) struct Links {
    pub(super) kinds: Vec<(&'static str, String, bool)>,
    pub(super) earlier: Option<String>,
    pub(super) later: Option<String>,
    /// The same period in kWh or m³, and in money.
    pub(super) by_quantity: String,
    pub(super) by_money: String,
}

/// The path of a site's pages; without one, of those of all meters.
pub(crate) fn base(site: Option<&SiteId>) -> String {
    site.map_or_else(|| "/site".to_owned(), |site| format!("/s/{site}"))
}

/// The path of a period's page, in money or not; of everything without one.
pub(crate) fn here(
    site: Option<&SiteId>,
    period: Option<&Period>,
    in_money: bool,
    zone: &TimeZone,
) -> String {
    let (base, money) = (base(site), if in_money { "?in=money" } else { "" });
    match period {
        Some(period) => format!("{base}/{}/{}{money}", period.kind.name(), period.name(zone)),
        None => format!("{base}/all{money}"),
    }
}

/// All that a period leads to.
pub(super) fn links(
    frame: &Frame,
    house: &RecordedHouse,
    history: &HouseHistory,
    in_money: bool,
    zone: &TimeZone,
) -> Links {
    let path = |period: Option<&Period>, in_money: bool| {
        frame.link(&here(house.site.as_ref(), period, in_money, zone))
    };
    let link = |period: &Period| path(Some(period), in_money);
    let newest = Minute::nearest(house.until.epoch_minutes() - 1).max(house.first);
    let current = history.period.as_ref().map(|period| period.kind);
    // From a year to its last month, not to its first.
    let anchor = |kind: PeriodKind| match current {
        Some(current) if current as u8 <= kind as u8 => history.whole.span.start,
        _ => Minute::nearest(history.whole.span.end.epoch_minutes() - 1),
    };
    let mut kinds: Vec<_> = PeriodKind::ALL
        .map(|kind| {
            let period = Period::containing(kind, anchor(kind).clamp(house.first, newest), zone);
            (frame.texts.kind(kind), link(&period), current == Some(kind))
        })
        .into();
    kinds.push((frame.texts.everything, path(None, in_money), current.is_none()));
    let neighbour = |period: Period| {
        let is_recorded = period.span.end > house.first && period.span.start < house.until;
        is_recorded.then(|| link(&period))
    };
    let period = history.period.as_ref();
    Links {
        by_quantity: path(period, false),
        by_money: path(period, true),
        kinds,
        earlier: period.and_then(|period| neighbour(period.previous(zone))),
        later: period.and_then(|period| neighbour(period.next(zone))),
    }
}

/// The files of a medium that fit a page, the longest steps first.
pub(super) fn downloads(
    frame: &Frame,
    house: &RecordedHouse,
    history: &HouseHistory,
    medium: Medium,
    zone: &TimeZone,
) -> Vec<Download> {
    let span = &history.whole.span;
    let (from, to) = (date(span.start.max(house.first).min(span.end), zone), date(span.end, zone));
    let base = match &house.site {
        Some(site) => format!("/api/v1/sites/{site}"),
        None => "/api/v1/site".to_owned(),
    };
    let download = |(step, rows): (Step, &'static str)| {
        let file = |ending: &str| {
            let address = format!(
                "{base}/energy.{ending}?from={from}&to={to}&step={}&medium={}",
                step.name(),
                medium.as_str()
            );
            // A workbook speaks the page's language; the others speak none.
            frame.plain(&if ending == "xlsx" {
                format!("{address}&lang={}", frame.texts.code)
            } else {
                address
            })
        };
        Download { rows, files: [("CSV", file("csv")), ("Excel", file("xlsx")), ("JSON", file("json"))] }
    };
    let minutes = span.end.epoch_minutes() - span.start.max(house.first).epoch_minutes();
    let fits = |(step, _): &(Step, &str)| {
        let is_part = match step {
            Step::Minute => false,
            Step::Period(kind) => history.period.as_ref().is_none_or(|period| *kind < period.kind),
        };
        let most_days = if *step == Step::HOUR { MOST_DAYS_OF_HOURS } else { step.most_days() };
        is_part && minutes <= most_days * 1440
    };
    Step::ALL.into_iter().zip(frame.texts.steps).rev().filter(fits).map(download).collect()
}

/// A minute's day, for a date picker and files.
pub(super) fn date(at: Minute, zone: &TimeZone) -> String {
    at.timestamp().to_zoned_datetime(zone.clone()).date().to_string()
}
