//! Below `/api/v1/`: what programs ask for.

use std::borrow::Cow;

use meter_figures::SeriesRequest;
use meter_messages::{Meter, SiteId};

use super::address::Route;
use super::energy::{EnergyRequest, Form, StatisticsRequest};
use super::house::{HouseRequest, HouseRowsRequest};
use super::query::{Query, RouteError, meter, site};

impl Route {
    /// Reads what stands after `/api/v1/`.
    pub(super) fn of_api(parts: &[&str], query: Query<'_>) -> Result<Self, RouteError> {
        match parts {
            ["live"] => lives(query).map(Self::Lives),
            ["meters"] => Ok(Self::Meters),
            ["site", rest @ ..] => Self::of_house_data(None, rest, query),
            ["sites", of, rest @ ..] => Self::of_house_data(Some(site(of)?), rest, query),
            ["meters", site, id, rest @ ..] => Self::of_meters_data(meter(site, id)?, rest, query),
            _ => Err(RouteError::NotFound),
        }
    }

    /// Reads what stands after `site` or `sites/<site>`.
    fn of_house_data(site: Option<SiteId>, rest: &[&str], query: Query<'_>) -> Result<Self, RouteError> {
        let rows = |form| HouseRowsRequest::parse(site.clone(), form, query).map(Self::HouseRows);
        match rest {
            ["energy.csv"] => rows(Form::Csv),
            ["energy.json"] => rows(Form::Json),
            ["energy.xlsx"] => rows(Form::Xlsx),
            _ => HouseRequest::parse(site, rest, query).map(Self::HouseData),
        }
    }

    fn of_meters_data(meter: Meter, rest: &[&str], query: Query<'_>) -> Result<Self, RouteError> {
        match rest {
            [] => Ok(Self::Figures(meter)),
            ["readings"] => Ok(Self::ReadingsData(meter)),
            ["corrections"] => Ok(Self::Corrections(meter)),
            ["trust"] => Ok(Self::Trust(meter)),
            ["statistics.csv"] => StatisticsRequest::parse(meter, query).map(Self::Statistics),
            ["series"] => series(meter, query).map(Self::Series),
            ["live"] => Ok(Self::Live(meter)),
            [what] => EnergyRequest::parse(meter, what, query).map(Self::Energy),
            _ => Err(RouteError::NotFound),
        }
    }
}

fn series(meter: Meter, query: Query<'_>) -> Result<SeriesRequest, RouteError> {
    let time = |name: &'static str| {
        let text = query.get(name).unwrap_or_default();
        let seconds = text.parse::<i64>().ok().filter(|seconds| (0..=253_402_300_799).contains(seconds));
        seconds.ok_or_else(|| RouteError::parameter(name, "must be a Unix time in seconds"))
    };
    let points = query.get("points").map_or(Ok(1000), |text| {
        text.parse()
            .ok()
            .filter(|points| *points > 0)
            .ok_or_else(|| RouteError::parameter("points", "must be a number above 0"))
    })?;
    Ok(SeriesRequest { meter, from: time("from")?, to: time("to")?, points })
}

fn lives(query: Query<'_>) -> Result<Option<Meter>, RouteError> {
    let read = |text: Cow<'_, str>| {
        text.parse().map_err(|_| RouteError::parameter("meter", "must be like site/meter"))
    };
    query.get("meter").map(read).transpose()
}
