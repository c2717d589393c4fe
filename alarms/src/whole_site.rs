//! What is known of a site of which the highest quarter of an hour is watched: pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use meter_messages::{Live, Meter};

use crate::observed::MeterObserved;
use crate::quarter::Quarter;

/// Of so many meters of a site the newest values are kept.
const MOST_METERS: usize = 1_000;

/// A site's meters.
#[derive(Debug, Default)]
pub struct SiteObserved {
    /// Those through which it takes in what it uses, as the ledger knows them.
    supply: Vec<Meter>,
    quarter: Option<Quarter>,
    values: BTreeMap<Meter, Live>,
}

impl SiteObserved {
    /// Takes a value of one of its meters.
    pub fn take(&mut self, meter: &Meter, value: &Live) {
        if self.values.len() < MOST_METERS || self.values.contains_key(meter) {
            self.values.insert(meter.clone(), value.clone());
        }
    }

    /// Takes what the ledger knows: its meters, and what they counted together.
    pub fn know(&mut self, supply: Vec<Meter>, quarter: Quarter) {
        (self.supply, self.quarter) = (supply, Some(quarter));
    }

    /// All of them as if they were one meter: its power is known where that of each is, as of the oldest of them.
    pub fn together(&self, now: Timestamp) -> MeterObserved {
        let values: Option<Vec<&Live>> = self.supply.iter().map(|meter| self.values.get(meter)).collect();
        let power = |values: &[&Live]| values.iter().map(|value| value.power_w).sum::<Option<u32>>();
        let value = values.and_then(|values| {
            let oldest = values.iter().map(|value| value.at).min()?;
            Some(Live { at: oldest, power_w: Some(power(&values)?), flow_l_h: None, total: 0 })
        });
        MeterObserved { value, quarter: self.quarter, ..MeterObserved::nothing(now) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_power_of_a_site_is_that_of_all_its_meters() {
        let now: Timestamp = "2026-11-29T18:20:30Z".parse().unwrap();
        let live = |at: &str, power: Option<u32>| Live {
            at: format!("2026-11-29T{at}Z").parse().unwrap(),
            power_w: power,
            flow_l_h: None,
            total: 7,
        };
        let [main, pump, shed]: [Meter; 3] = ["hq/main", "hq/pump", "hq/shed"].map(|it| it.parse().unwrap());
        let mut site = SiteObserved::default();
        let quarter = Quarter { start: now, recorded_until: now, energy_wh: 1.0, highest_w: 2.0 };
        assert_eq!(site.together(now), MeterObserved::nothing(now));
        site.know(vec![main.clone(), pump.clone()], quarter);
        site.take(&main, &live("18:20:20", Some(3000)));
        site.take(&shed, &live("18:20:25", Some(50)));
        assert_eq!(site.together(now).value, None, "nothing is known of the pump");
        site.take(&pump, &live("18:20:10", Some(1500)));
        let together = site.together(now);
        assert_eq!(together.value, Some(live("18:20:10", Some(4500))).map(|it| Live { total: 0, ..it }));
        assert_eq!(together.quarter, Some(quarter));
        site.take(&pump, &live("18:20:28", None));
        assert_eq!(site.together(now).value, None);
    }
}
