//! The page of a bill: `/m/<site>/<meter>/bill`.

use jiff::civil::Date;
use meter_messages::Meter;

use super::query::{Query, RouteError};

/// What a time costs, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BillRequest {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// Its first day; that of the year of bills where it is not said.
    pub(crate) from: Option<Date>,
    /// Its last day.
    pub(crate) to: Option<Date>,
}

impl BillRequest {
    /// What stands after the address.
    pub(super) fn parse(meter: Meter, query: Query<'_>) -> Result<Self, RouteError> {
        Ok(Self { meter, from: query.day("from")?, to: query.day("to")? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::route::Route;

    #[test]
    fn a_bill_is_asked_for_by_its_days() {
        let bill = |query| Route::parse("/m/hq/main/bill", Query(query));
        let request = |from: Option<&str>, to: Option<&str>| {
            let day = |day: &str| day.parse().unwrap();
            Ok(Route::Bill(BillRequest {
                meter: "hq/main".parse().unwrap(),
                from: from.map(day),
                to: to.map(day),
            }))
        };
        assert_eq!(bill(""), request(None, None));
        assert_eq!(bill("from=2026-05-17&to="), request(Some("2026-05-17"), None));
        assert_eq!(
            bill("from=2026-05-17&to=2027-05-16&lang=de"),
            request(Some("2026-05-17"), Some("2027-05-16"))
        );
        assert!(matches!(bill("to=tomorrow"), Err(RouteError::Parameter { parameter: "to", .. })));
    }
}
