//! How much energy a month may take, meter by meter. Pure.

use std::collections::HashMap;

use daemon_runtime::SettingsError;
use meter_messages::Meter;
use serde::Deserialize;

/// One `[[meter]]`: what the site says of a meter beyond what it says itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterSettings {
    /// Which one: `site/meter`.
    pub id: Meter,
    /// The energy that a calendar month may take, in kWh.
    pub budget_kwh_per_month: f64,
}

/// The budgets of a site.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Budgets(HashMap<Meter, f64>);

impl Budgets {
    /// Checks what the settings say.
    pub(crate) fn new(settings: &[MeterSettings]) -> Result<Self, SettingsError> {
        let mut budgets = HashMap::new();
        for MeterSettings { id, budget_kwh_per_month: kwh } in settings {
            if !(kwh.is_finite() && *kwh > 0.0) {
                return Err(SettingsError::new(format!("meter {id}: {kwh} is no budget in kWh")));
            }
            if budgets.insert(id.clone(), *kwh).is_some() {
                return Err(SettingsError::new(format!("meter {id} is there twice")));
            }
        }
        Ok(Self(budgets))
    }

    /// What a month of a meter may take, in kWh.
    pub(crate) fn of(&self, meter: &Meter) -> Option<f64> {
        self.0.get(meter).copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_by_name() {
        let refused = |budgets: &[(&str, f64)]| {
            let meter = |(id, kwh): &(&str, f64)| MeterSettings {
                id: id.parse().unwrap(),
                budget_kwh_per_month: *kwh,
            };
            Budgets::new(&budgets.iter().map(meter).collect::<Vec<_>>()).unwrap_err().to_string()
        };
        assert!(refused(&[("hq/main", 0.0)]).contains("meter hq/main: 0 is no budget"));
        assert!(refused(&[("hq/main", f64::NAN)]).contains("hq/main"));
        assert!(refused(&[("hq/main", 1.0), ("hq/main", 2.0)]).contains("twice"));
    }
}
