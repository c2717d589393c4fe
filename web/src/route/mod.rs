//! From a path and a query to what is asked for. Pure.

mod api;
mod energy;
mod periods;
mod pictures;
mod query;

use meter_messages::Meter;

use crate::ledger::series::SeriesRequest;
use crate::reckoning::calendar::Kind;

pub(crate) use energy::{EnergyRequest, Form, StatisticsRequest, Step};
pub(crate) use periods::PeriodRequest;
pub(crate) use pictures::{PictureRequest, span_name};
pub(crate) use query::{Moment, Query, RouteError};

/// What a browser asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`: all meters, or the only one.
    Start,
    /// `/kiosk`: for a wall.
    Kiosk,
    /// `/status`: how the machinery does.
    Status,
    /// `/login`: has the browser ask for name and password.
    Login,
    /// `/manifest.webmanifest`: makes it installable.
    Manifest,
    /// `/m/<site>/<meter>`: a meter's page.
    Meter(Meter),
    /// `/m/<site>/<meter>/day/2026-11-24` and the like.
    Period(PeriodRequest),
    /// `/m/<site>/<meter>/go?kind=…&date=…`: what a date picker asks for.
    Go(PeriodRequest),
    /// `/m/<site>/<meter>/<span>.svg` or `.png`, or the same of a period.
    Picture(PictureRequest),
    /// `/m/<site>/<meter>/readings`: what people read off the meter, and the form for it.
    Readings(Meter),
    /// `/api/v1/meters/<site>/<meter>/readings`: the same for programs.
    ReadingsData(Meter),
    /// `/api/v1/meters`
    Meters,
    /// `/api/v1/meters/<site>/<meter>`
    Figures(Meter),
    /// `/api/v1/meters/<site>/<meter>/trust`
    Trust(Meter),
    /// `/api/v1/meters/<site>/<meter>/energy`, also with `.csv`, `.json` or `.xlsx`.
    Energy(EnergyRequest),
    /// `/api/v1/meters/<site>/<meter>/statistics.csv`
    Statistics(StatisticsRequest),
    /// `/api/v1/meters/<site>/<meter>/series`: data of the interactive chart.
    Series(SeriesRequest),
    /// `/api/v1/meters/<site>/<meter>/live`: server-sent events.
    Live(Meter),
    /// `/api/v1/live`: server-sent events of all meters, or of `?meter=`.
    Lives(Option<Meter>),
    /// `/health`
    Health,
    /// `/assets/<name>`
    Asset(String),
}

impl Route {
    /// Reads a path and its query.
    pub(crate) fn parse(path: &str, query: Query<'_>) -> Result<Self, RouteError> {
        let parts: Vec<&str> = path.strip_prefix('/').ok_or(RouteError::NotFound)?.split('/').collect();
        match parts.as_slice() {
            [""] => Ok(Self::Start),
            ["health"] => Ok(Self::Health),
            ["assets", name] => Ok(Self::Asset((*name).to_owned())),
            ["kiosk"] => Ok(Self::Kiosk),
            ["status"] => Ok(Self::Status),
            ["login"] => Ok(Self::Login),
            ["manifest.webmanifest"] => Ok(Self::Manifest),
            ["m", site, id, rest @ ..] => Self::of_meter(meter(site, id)?, rest, query),
            ["api", "v1", rest @ ..] => Self::of_api(rest, query),
            _ => Err(RouteError::NotFound),
        }
    }

    /// Reads what stands after `/m/<site>/<meter>`.
    fn of_meter(meter: Meter, rest: &[&str], query: Query<'_>) -> Result<Self, RouteError> {
        match rest {
            [] => Ok(Self::Meter(meter)),
            ["go"] => PeriodRequest::picked(meter, query).map(Self::Go),
            ["readings"] => Ok(Self::Readings(meter)),
            ["all"] => Ok(Self::Period(PeriodRequest::all(meter))),
            [last] => match Kind::of_name(last) {
                Some(kind) => Ok(Self::Go(PeriodRequest::current(meter, kind))),
                None => PictureRequest::parse(meter, None, last, query).map(Self::Picture),
            },
            [kind, file] if file.contains('.') => {
                PictureRequest::parse(meter, Some(kind), file, query).map(Self::Picture)
            }
            [kind, name] => PeriodRequest::named(meter, kind, name, query).map(Self::Period),
            _ => Err(RouteError::NotFound),
        }
    }

    /// The one meter that it is about.
    pub(crate) fn meter(&self) -> Option<&Meter> {
        match self {
            Self::Meter(meter)
            | Self::Readings(meter)
            | Self::ReadingsData(meter)
            | Self::Figures(meter)
            | Self::Trust(meter)
            | Self::Live(meter) => Some(meter),
            Self::Period(request) | Self::Go(request) => Some(&request.meter),
            Self::Picture(request) => Some(&request.meter),
            Self::Energy(request) => Some(&request.meter),
            Self::Statistics(request) => Some(&request.meter),
            Self::Series(request) => Some(&request.meter),
            Self::Lives(meter) => meter.as_ref(),
            Self::Start
            | Self::Kiosk
            | Self::Status
            | Self::Login
            | Self::Manifest
            | Self::Meters
            | Self::Health
            | Self::Asset(_) => None,
        }
    }

    /// Whether it says nothing of any meter, so that it is for everybody.
    pub(crate) fn is_for_everybody(&self) -> bool {
        matches!(self, Self::Manifest | Self::Health | Self::Asset(_))
    }
}

fn meter(site: &str, id: &str) -> Result<Meter, RouteError> {
    let meter = |site: &str, id: &str| Some(Meter { site: site.parse().ok()?, meter: id.parse().ok()? });
    meter(site, id).ok_or(RouteError::NotFound)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_where_nothing_is() {
        for path in [
            "",
            "//",
            "/m",
            "/m/hq",
            "/m/hq/main/",
            "/m/../main",
            "/m/hq/MAIN",
            "/m/hq/main/decade",
            "/m/hq/main/decade/2026",
            "/m/hq/main/day/2026-11-24/x",
            "/m/hq/main/day.gif",
            "/m/hq/main/day.svg/x",
            "/api",
            "/api/v1/meters/hq",
            "/api/v1/meters/hq/main/x",
            "/assets/a/b",
            "/health/",
            "/m/hq/ma%2Fin",
            "/api/v2/meters",
        ] {
            assert_eq!(Route::parse(path, Query("")), Err(RouteError::NotFound), "{path}");
        }
    }
}
