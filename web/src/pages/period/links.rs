//! From a period to others.

use jiff::tz::TimeZone;
use meter_figures::Period;
use meter_messages::{Minute, PeriodKind};

use crate::ledger::history::History;
use crate::pages::Frame;
use crate::route::MOST_DAYS_OF_HOURS;

/// Links from a period to others.
pub(super) struct Links {
    pub(super) kinds: Vec<(&'static str, String, bool)>,
    pub(super) earlier: Option<String>,
    pub(super) later: Option<String>,
    /// What it can be compared with by one click.
    pub(super) comparisons: Vec<(&'static str, String)>,
    pub(super) uncompared: Option<String>,
    /// How its days go, where it has several and not too many.
    pub(super) profile: Option<String>,
}

/// All that a period leads to.
pub(super) fn links(frame: &Frame, history: &History, compared: bool, zone: &TimeZone) -> Links {
    let texts = frame.texts;
    let path = history.meter.meter.to_string();
    let newest = Minute::nearest(history.until.epoch_minutes() - 1);
    let within = history.span.start.clamp(history.first, newest.max(history.first));
    let link = |period: &Period| frame.link(&here(&path, Some(period), zone));
    let current = history.period.as_ref().map(|period| period.kind);
    // From a year to its last month, not to its first.
    let anchor = |kind: PeriodKind| match current {
        Some(current) if current as u8 <= kind as u8 => within,
        _ => Minute::nearest(history.span.end.epoch_minutes() - 1).clamp(history.first.min(newest), newest),
    };
    let mut kinds: Vec<_> = PeriodKind::ALL
        .map(|kind| {
            let period = Period::containing(kind, anchor(kind), zone);
            (texts.kind(kind), link(&period), current == Some(kind))
        })
        .into();
    kinds.push((
        texts.everything,
        frame.link(&here(&path, None, zone)),
        current.is_none() && history.days.is_none(),
    ));
    let neighbour = |period: Period| {
        let recorded = period.span.end > history.first && period.span.start < history.until;
        recorded.then(|| link(&period))
    };
    let compare = |other: Period| {
        let recorded = other.span.end > history.first;
        let this = here(&path, history.period.as_ref(), zone);
        recorded.then(|| frame.link(&format!("{this}?with={}", other.first_day(zone))))
    };
    let period = history.period.as_ref();
    let mut comparisons = Vec::new();
    if let Some(address) =
        period.filter(|period| period.kind != PeriodKind::Hour).and_then(|it| compare(it.previous(zone)))
    {
        comparisons.push((texts.period.before_it, address));
    }
    let a_year_before = period.filter(|period| matches!(period.kind, PeriodKind::Week | PeriodKind::Month));
    if let Some(address) = a_year_before.and_then(|it| compare(it.counterpart(zone)?)) {
        comparisons.push((texts.period.a_year_before, address));
    }
    Links {
        kinds,
        earlier: period.and_then(|period| neighbour(period.previous(zone))),
        later: period.and_then(|period| neighbour(period.next(zone))),
        comparisons,
        profile: profile(&path, history, zone).map(|address| frame.link(&address)),
        uncompared: compared.then(|| frame.link(&here(&path, period, zone))),
    }
}

fn profile(path: &str, history: &History, zone: &TimeZone) -> Option<String> {
    let days = (history.span.end.epoch_minutes() - history.span.start.epoch_minutes()) / 1440;
    let is_long =
        !matches!(history.period.as_ref().map(|it| it.kind), Some(PeriodKind::Hour | PeriodKind::Day));
    let name = match (&history.period, history.days) {
        (Some(period), _) => format!("{}/{}", period.kind.name(), period.name(zone)),
        (None, Some([first, last])) => format!("span/{first}..{last}"),
        (None, None) => return None,
    };
    (is_long && days <= MOST_DAYS_OF_HOURS).then(|| format!("/m/{path}/profile/{name}"))
}

/// The path of a period's page; of everything without one.
pub(super) fn here(path: &str, period: Option<&Period>, zone: &TimeZone) -> String {
    match period {
        Some(period) => format!("/m/{path}/{}/{}", period.kind.name(), period.name(zone)),
        None => format!("/m/{path}/all"),
    }
}
