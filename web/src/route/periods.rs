//! The pages of periods: `/m/<site>/<meter>/day/2026-11-24` and the like.

use jiff::civil::Date;
use meter_messages::{Meter, PeriodKind};

use super::query::{A_DAY, Query, RouteError};

/// A period; its names are read where the time zone is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeriodRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// How long; `None` for everything.
    pub(crate) kind: Option<PeriodKind>,
    /// Its name; of a date picker any day in it. The one of now without.
    pub(crate) name: Option<String>,
    /// A day in the period that it is to be compared with.
    pub(crate) with: Option<Date>,
    /// The first and the last day of what is no period.
    pub(crate) days: Option<[Date; 2]>,
}

/// The most days that are no period: with them, a year and the days around it.
const MOST_DAYS: i32 = 400;

impl PeriodRequest {
    /// Everything there is of a meter.
    pub(super) fn all(meter: Meter) -> Self {
        Self { meter, kind: None, name: None, with: None, days: None }
    }

    /// The period of now.
    pub(super) fn current(meter: Meter, kind: PeriodKind) -> Self {
        Self { meter, kind: Some(kind), name: None, with: None, days: None }
    }

    /// A period by its name.
    pub(super) fn named(meter: Meter, kind: &str, name: &str, query: Query<'_>) -> Result<Self, RouteError> {
        let kind = PeriodKind::of_name(kind).ok_or(RouteError::NotFound)?;
        Ok(Self {
            meter,
            kind: Some(kind),
            name: Some(name.to_owned()),
            with: query.day("with")?,
            days: None,
        })
    }

    /// Days by their name: `2026-07-01..2026-09-30`.
    pub(super) fn span(meter: Meter, name: &str) -> Result<Self, RouteError> {
        let (first, last) = name.split_once("..").ok_or(RouteError::NotFound)?;
        let day = |text: &str| text.parse::<Date>().ok().filter(|_| text.len() == "2026-07-01".len());
        let days = [day(first), day(last)].map(|day| day.ok_or(RouteError::NotFound));
        let [first, last] = days;
        Ok(Self { days: Some(checked([first?, last?])?), ..Self::all(meter) })
    }

    /// What a date picker says: a period with a day, or from one day to another.
    pub(super) fn picked(meter: Meter, query: Query<'_>) -> Result<Self, RouteError> {
        if let (Some(first), Some(last)) = (query.day("from")?, query.day("to")?) {
            return Ok(Self { days: Some(checked([first, last])?), ..Self::all(meter) });
        }
        let (kind, day) = picked(query)?;
        Ok(Self { meter, kind, name: Some(day), with: None, days: None })
    }
}

/// Refuses days in the wrong order, and more than a page can show.
fn checked([first, last]: [Date; 2]) -> Result<[Date; 2], RouteError> {
    if last < first {
        return Err(RouteError::parameter("to", "must not be before the first day"));
    }
    let days = (last - first).get_days();
    let is_whole_months = first.day() == 1 && last == last.last_of_month();
    match days >= MOST_DAYS && !is_whole_months {
        true => Err(RouteError::parameter("to", "more than 400 days must be whole months")),
        false => Ok([first, last]),
    }
}

/// The kind of period and the day that a date picker says; no kind for everything.
pub(super) fn picked(query: Query<'_>) -> Result<(Option<PeriodKind>, String), RouteError> {
    let kinds = PeriodKind::ALL.map(|kind| (kind.name(), Some(kind)));
    let kind = match query.get("kind").as_deref() {
        Some("all") => None,
        _ => query.word("kind", &kinds)?.unwrap_or(Some(PeriodKind::Day)),
    };
    let day = query.day("date")?.ok_or_else(|| RouteError::parameter("date", A_DAY))?;
    Ok((kind, day.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::route::Route;

    fn route(path: &str, query: &str) -> Result<Route, RouteError> {
        Route::parse(path, Query(query))
    }

    #[test]
    fn periods_are_named_and_picked() {
        let request = |kind, name: Option<&str>, with: Option<&str>| PeriodRequest {
            meter: "hq/main".parse().unwrap(),
            kind,
            name: name.map(str::to_owned),
            with: with.map(|day| day.parse().unwrap()),
            days: None,
        };
        let day = request(Some(PeriodKind::Day), Some("2026-11-24"), Some("2025-11-24"));
        assert_eq!(route("/m/hq/main/day/2026-11-24", "with=2025-11-24&lang=de"), Ok(Route::Period(day)));
        assert_eq!(route("/m/hq/main/all", ""), Ok(Route::Period(request(None, None, None))));
        let picked = request(Some(PeriodKind::Week), Some("2026-11-24"), None);
        assert_eq!(route("/m/hq/main/go", "kind=week&date=2026-11-24"), Ok(Route::Go(picked)));
        assert_eq!(
            route("/m/hq/main/month", ""),
            Ok(Route::Go(request(Some(PeriodKind::Month), None, None)))
        );
        let span = |first: &str, last: &str| PeriodRequest {
            days: Some([first.parse().unwrap(), last.parse().unwrap()]),
            ..request(None, None, None)
        };
        let quarter = span("2026-07-01", "2026-09-30");
        assert_eq!(route("/m/hq/main/span/2026-07-01..2026-09-30", ""), Ok(Route::Period(quarter.clone())));
        assert_eq!(route("/m/hq/main/go", "from=2026-07-01&to=2026-09-30"), Ok(Route::Go(quarter)));
        let years = span("2024-01-01", "2026-12-31");
        assert_eq!(route("/m/hq/main/span/2024-01-01..2026-12-31", ""), Ok(Route::Period(years)));
        for (path, query) in [
            ("/m/hq/main/span/2026-09-30..2026-07-01", ""),
            ("/m/hq/main/span/2024-01-02..2026-12-31", ""),
            ("/m/hq/main/go", "kind=week"),
            ("/m/hq/main/go", "kind=decade&date=2026-11-24"),
            ("/m/hq/main/day/2026-11-24", "with=yesterday"),
            ("/api/v1/meters/hq/main/series", "from=0&to=-1"),
            ("/api/v1/meters/hq/main/series", "from=0&to=1&points=0"),
            ("/api/v1/live", "meter=x"),
        ] {
            assert!(matches!(route(path, query), Err(RouteError::Parameter { .. })), "{path}?{query}");
        }
    }
}
