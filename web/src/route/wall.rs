//! What a wall shows: `/kiosk?meters=home/main,home/flat&cycle=20`.

use meter_ledger::RecordedMeter;
use meter_messages::Meter;

use super::query::{Query, RouteError};

/// Some meters in an order, and how long each stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WallRequest {
    /// `None` for all of them.
    meters: Option<Vec<Meter>>,
    /// With it one meter is seen after the other, so many seconds each.
    pub(crate) cycle_s: Option<u32>,
}

impl WallRequest {
    /// Reads the parameters of an address.
    pub(crate) fn parse(query: Query<'_>) -> Result<Self, RouteError> {
        let meters = query.get("meters").filter(|given| !given.is_empty()).map(|given| {
            let meters = given.split(',').map(|meter| meter.trim().parse());
            let wrong = "must be meters like home/main, with commas between them";
            meters.collect::<Result<_, _>>().map_err(|_| RouteError::parameter("meters", wrong))
        });
        let cycle_s = query.get("cycle").filter(|given| !given.is_empty()).map(|given| {
            let seconds = given.parse().ok().filter(|seconds| (3..=3600).contains(seconds));
            seconds.ok_or_else(|| RouteError::parameter("cycle", "must be seconds, from 3 to 3600"))
        });
        Ok(Self { meters: meters.transpose()?, cycle_s: cycle_s.transpose()? })
    }

    /// Those that are to be shown, in their order, each once; one that is not there is left out.
    pub(crate) fn chosen(&self, mut known: Vec<RecordedMeter>) -> Vec<RecordedMeter> {
        let Some(meters) = &self.meters else { return known };
        let take = |meter: &Meter| {
            let place = known.iter().position(|known| known.meter == *meter)?;
            Some(known.remove(place))
        };
        meters.iter().filter_map(take).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn meters_and_seconds_are_read_or_refused() {
        let wall = |query| WallRequest::parse(Query(query));
        assert_eq!(wall(""), Ok(WallRequest { meters: None, cycle_s: None }));
        let some = wall("meters=hq/flat,hq/main&cycle=20").unwrap();
        assert_eq!(some.meters.unwrap(), ["hq/flat".parse().unwrap(), "hq/main".parse().unwrap()]);
        assert_eq!(some.cycle_s, Some(20));
        for wrong in ["meters=x", "cycle=soon", "cycle=0", "cycle=86400"] {
            assert!(wall(wrong).is_err(), "{wrong}");
        }
    }
}
