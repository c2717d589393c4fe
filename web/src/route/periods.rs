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
}

impl PeriodRequest {
    /// Everything there is of a meter.
    pub(super) fn all(meter: Meter) -> Self {
        Self { meter, kind: None, name: None, with: None }
    }

    /// The period of now.
    pub(super) fn current(meter: Meter, kind: PeriodKind) -> Self {
        Self { meter, kind: Some(kind), name: None, with: None }
    }

    /// A period by its name.
    pub(super) fn named(meter: Meter, kind: &str, name: &str, query: Query<'_>) -> Result<Self, RouteError> {
        let kind = PeriodKind::of_name(kind).ok_or(RouteError::NotFound)?;
        Ok(Self { meter, kind: Some(kind), name: Some(name.to_owned()), with: query.day("with")? })
    }

    /// What a date picker says.
    pub(super) fn picked(meter: Meter, query: Query<'_>) -> Result<Self, RouteError> {
        let (kind, day) = picked(query)?;
        Ok(Self { meter, kind, name: Some(day), with: None })
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
        for (path, query) in [
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
