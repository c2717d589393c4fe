//! Reads a path and its query. Pure.

use meter_messages::{Meter, PeriodKind};

use super::address::Route;
use super::bill::BillRequest;
use super::house::HouseRequest;
use super::periods::PeriodRequest;
use super::pictures::PictureRequest;
use super::query::{Query, RouteError, meter, site};
use super::settings::SettingsPlace;

impl Route {
    /// Reads a path and its query.
    pub(crate) fn parse(path: &str, query: Query<'_>) -> Result<Self, RouteError> {
        let parts: Vec<&str> = path.strip_prefix('/').ok_or(RouteError::NotFound)?.split('/').collect();
        match parts.as_slice() {
            [""] => Ok(Self::Start),
            ["health"] => Ok(Self::Health),
            ["metrics"] => Ok(Self::Metrics),
            ["spaceapi.json"] => Ok(Self::SpaceApi),
            ["assets", name] => Ok(Self::Asset((*name).to_owned())),
            ["kiosk"] => Ok(Self::Kiosk),
            ["status"] => Ok(Self::Status),
            ["login"] => Ok(Self::Login),
            ["logout"] => Ok(Self::Logout),
            ["settings", rest @ ..] => SettingsPlace::parse(rest).map(Self::Settings),
            ["invitation", token] => Ok(Self::Invitation((*token).to_owned())),
            ["manifest.webmanifest"] => Ok(Self::Manifest),
            ["offline"] => Ok(Self::Offline),
            ["worker.js"] => Ok(Self::Worker),
            ["site", "go"] => HouseRequest::picked(None, query).map(Self::GoHouse),
            ["site", rest @ ..] => HouseRequest::parse(None, rest, query).map(Self::House),
            ["s", of, "go"] => HouseRequest::picked(Some(site(of)?), query).map(Self::GoHouse),
            ["s", of, rest @ ..] => HouseRequest::parse(Some(site(of)?), rest, query).map(Self::House),
            ["m", site, id, rest @ ..] => Self::of_meter(meter(site, id)?, rest, query),
            ["api", "openapi.json"] => Ok(Self::Asset("openapi.json".to_owned())),
            ["api", "v1", rest @ ..] => Self::of_api(rest, query),
            _ => Err(RouteError::NotFound),
        }
    }

    /// Reads what stands after `/m/<site>/<meter>`.
    fn of_meter(meter: Meter, rest: &[&str], query: Query<'_>) -> Result<Self, RouteError> {
        match rest {
            [] => Ok(Self::Meter(meter)),
            ["go"] => PeriodRequest::picked(meter, query).map(Self::Go),
            ["base-load"] => Ok(Self::BaseLoad(meter)),
            ["profile"] if query.get("from").is_some() => {
                PeriodRequest::picked(meter, query).map(Self::Profile)
            }
            ["profile"] => Ok(Self::Profile(PeriodRequest::all(meter))),
            ["profile", "span", name] => PeriodRequest::span(meter, name).map(Self::Profile),
            ["profile", kind, name] => PeriodRequest::named(meter, kind, name, query).map(Self::Profile),
            ["bill"] => BillRequest::parse(meter, query).map(Self::Bill),
            ["readings"] => Ok(Self::Readings(meter)),
            ["corrections"] => Ok(Self::CorrectionsPage(meter)),
            ["all"] => Ok(Self::Period(PeriodRequest::all(meter))),
            [last] => match PeriodKind::of_name(last) {
                Some(kind) => Ok(Self::Go(PeriodRequest::current(meter, kind))),
                None => PictureRequest::parse(meter, None, last, query).map(Self::Picture),
            },
            ["span", name] => PeriodRequest::span(meter, name).map(Self::Period),
            [kind, file] if file.contains('.') => {
                PictureRequest::parse(meter, Some(kind), file, query).map(Self::Picture)
            }
            [kind, name] => PeriodRequest::named(meter, kind, name, query).map(Self::Period),
            _ => Err(RouteError::NotFound),
        }
    }
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
            "/m/hq/main/profile/decade/2026",
            "/m/hq/main/base-load/2026",
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
