//! Rows of energy, and the hours for Home Assistant.

use std::borrow::Cow;

use meter_figures::{Moment, StatisticId, Step};
use meter_messages::Meter;

use super::query::{Query, RouteError};

/// The energy of each step of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnergyRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// From then on; from today's beginning where it is not said.
    pub(crate) from: Option<Moment>,
    /// Up to then; up to now where it is not said.
    pub(crate) to: Option<Moment>,
    /// The length of a row.
    pub(crate) step: Step,
    /// What the address asks for; `None` where it does not say.
    pub(crate) form: Option<Form>,
}

impl EnergyRequest {
    /// The last part of the address, and what stands after it.
    pub(super) fn parse(meter: Meter, what: &str, query: Query<'_>) -> Result<Self, RouteError> {
        let form = match what {
            "energy" => None,
            "energy.csv" => Some(Form::Csv),
            "energy.json" => Some(Form::Json),
            "energy.xlsx" => Some(Form::Xlsx),
            _ => return Err(RouteError::NotFound),
        };
        let steps = Step::ALL.map(|step| (step.name(), step));
        Ok(Self {
            meter,
            from: query.moment("from")?,
            to: query.moment("to")?,
            step: query.word("step", &steps)?.unwrap_or(Step::HOUR),
            form,
        })
    }
}

/// The hours of a time for Home Assistant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatisticsRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// From then on; from the first minute where it is not said.
    pub(crate) from: Option<Moment>,
    /// Up to then; up to the last whole hour where it is not said.
    pub(crate) to: Option<Moment>,
    /// What they are called there; by the meter's name where it is not said.
    pub(crate) id: Option<StatisticId>,
}

impl StatisticsRequest {
    /// What stands after the address.
    pub(super) fn parse(meter: Meter, query: Query<'_>) -> Result<Self, RouteError> {
        let id = |text: Cow<'_, str>| {
            let said = "must be like sensor.haus_energy or powerpi:haus";
            text.parse().map_err(|()| RouteError::parameter("statistic_id", said))
        };
        Ok(Self {
            meter,
            from: query.moment("from")?,
            to: query.moment("to")?,
            id: query.get("statistic_id").map(id).transpose()?,
        })
    }
}

/// The form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Comma-separated values.
    Csv,
    /// One object.
    Json,
    /// A workbook.
    Xlsx,
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
    fn energy_takes_times_and_days() {
        let Ok(Route::Energy(request)) = route(
            "/api/v1/meters/hq/main/energy.csv",
            "from=2026-10-03&to=2026-10-04T00%3A00%3A00%2B02:00&step=minute",
        ) else {
            panic!("not an energy request");
        };
        assert_eq!(request.from, Some(Moment::Day("2026-10-03".parse().unwrap())));
        assert_eq!(request.to, Some(Moment::At("2026-10-03T22:00:00Z".parse().unwrap())));
        assert_eq!((request.step, request.form), (Step::Minute, Some(Form::Csv)));
        for bad in
            ["from=yesterday", "to=2026-13-01", "from=2026-10-03T12:00:00", "step=week", "from=", "to=%00"]
        {
            let error = route("/api/v1/meters/hq/main/energy", bad).unwrap_err();
            let name = bad.split('=').next().unwrap();
            assert!(matches!(error, RouteError::Parameter { parameter, .. } if parameter == name), "{bad}");
        }
    }
}
