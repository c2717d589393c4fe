//! All meters together, `/site/day/2026-11-24` and the like, or those of a site, `/s/home/day/2026-11-24`; and the same
//! for programs.

use meter_figures::{Moment, Step};
use meter_messages::{Medium, PeriodKind, SiteId};

use super::energy::Form;
use super::periods::picked;
use super::query::{Query, RouteError};

/// The longest time whose hours may be asked for, in days: their rows are held until they are sent.
pub(crate) const MOST_DAYS_OF_HOURS: i64 = 400;

/// A period of all meters; its name is read where the time zone is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HouseRequest {
    /// Whose meters; `None` for all.
    pub(crate) site: Option<SiteId>,
    /// How long; `None` for everything.
    pub(crate) kind: Option<PeriodKind>,
    /// Its name; of a date picker any day in it. The one of now without.
    pub(crate) name: Option<String>,
    /// Whether what takes how much is shown in money.
    pub(crate) in_money: bool,
}

/// What a parameter says of that.
fn in_money(query: Query<'_>) -> Result<bool, RouteError> {
    let said = query.word("in", &[("quantity", false), ("money", true)])?;
    Ok(said.unwrap_or_default())
}

impl HouseRequest {
    /// What stands after `/site` or a site's name; without anything it is today.
    pub(super) fn parse(site: Option<SiteId>, parts: &[&str], query: Query<'_>) -> Result<Self, RouteError> {
        let kind = |name: &str| PeriodKind::of_name(name).ok_or(RouteError::NotFound);
        let (kind, name) = match parts {
            [] => (Some(PeriodKind::Day), None),
            ["all"] => (None, None),
            [name] => (Some(kind(name)?), None),
            [of, name] => (Some(kind(of)?), Some((*name).to_owned())),
            _ => return Err(RouteError::NotFound),
        };
        Ok(Self { site, kind, name, in_money: in_money(query)? })
    }

    /// What a date picker says.
    pub(super) fn picked(site: Option<SiteId>, query: Query<'_>) -> Result<Self, RouteError> {
        let (kind, name) = picked(query)?;
        Ok(Self { site, kind, name: Some(name), in_money: in_money(query)? })
    }
}

/// Rows of all meters of a medium, as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HouseRowsRequest {
    /// Whose meters; `None` for all.
    pub(crate) site: Option<SiteId>,
    /// From then on; from today's beginning where it is not said.
    pub(crate) from: Option<Moment>,
    /// Up to then; up to now where it is not said.
    pub(crate) to: Option<Moment>,
    /// The length of a row.
    pub(crate) step: Step,
    /// Of which medium.
    pub(crate) medium: Medium,
    /// What the file is.
    pub(crate) form: Form,
}

impl HouseRowsRequest {
    /// What stands after `/api/v1/site/energy`.
    pub(super) fn parse(site: Option<SiteId>, form: Form, query: Query<'_>) -> Result<Self, RouteError> {
        // What is reckoned of several meters is reckoned by the hour.
        let steps = [Step::HOUR, Step::DAY, Step::MONTH].map(|step| (step.name(), step));
        let media = Medium::ALL.map(|medium| (medium.as_str(), medium));
        Ok(Self {
            site,
            from: query.moment("from")?,
            to: query.moment("to")?,
            step: query.word("step", &steps)?.unwrap_or(Step::HOUR),
            medium: query.word("medium", &media)?.unwrap_or_default(),
            form,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::route::Route;

    #[test]
    fn all_meters_have_periods_like_one() {
        let route = |path: &str| Route::parse(path, Query(""));
        let house = |kind, name: Option<&str>| HouseRequest {
            site: None,
            kind,
            name: name.map(str::to_owned),
            in_money: false,
        };
        let day = Some(PeriodKind::Day);
        for (path, request) in [
            ("", house(day, None)),
            ("/day/2026-11-24", house(day, Some("2026-11-24"))),
            ("/year", house(Some(PeriodKind::Year), None)),
            ("/all", house(None, None)),
        ] {
            assert_eq!(route(&format!("/site{path}")), Ok(Route::House(request.clone())), "{path}");
            assert_eq!(
                route(&format!("/api/v1/site{path}")),
                Ok(Route::HouseData(request.clone())),
                "{path}"
            );
            let of_site = HouseRequest { site: Some("hq".parse().unwrap()), ..request };
            assert_eq!(route(&format!("/s/hq{path}")), Ok(Route::House(of_site.clone())), "{path}");
            assert_eq!(route(&format!("/api/v1/sites/hq{path}")), Ok(Route::HouseData(of_site)), "{path}");
        }
        for bad in [
            "/site/",
            "/site/decade",
            "/site/day/2026-11-24/x",
            "/api/v1/site/energy",
            "/s/hq/energy.csv",
            "/s/",
        ] {
            assert_eq!(route(bad), Err(RouteError::NotFound), "{bad}");
        }
        let picked = Route::parse("/site/go", Query("kind=month&date=2026-11-24"));
        assert_eq!(picked, Ok(Route::GoHouse(house(Some(PeriodKind::Month), Some("2026-11-24")))));
        let in_money = HouseRequest { in_money: true, ..house(None, None) };
        assert_eq!(Route::parse("/site/all", Query("in=money")), Ok(Route::House(in_money)));
        assert!(Route::parse("/site/all", Query("in=shells")).is_err());
        let rows = Route::parse("/api/v1/site/energy.csv", Query("step=day&medium=gas"));
        assert!(matches!(
            rows,
            Ok(Route::HouseRows(HouseRowsRequest { step: Step::DAY, medium: Medium::Gas, .. }))
        ));
        assert!(Route::parse("/api/v1/site/energy.csv", Query("step=minute")).is_err());
    }
}
