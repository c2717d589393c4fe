//! What the site says of its meters beyond what they say themselves. Pure.

use std::collections::HashMap;

use daemon_runtime::SettingsError;
use meter_figures::highest_plausible;
use meter_ledger::RecordedMeter;
use meter_messages::{Colour, Info, Measures, Medium, Meter, PartOf, Related, Relation, Tree, Unfit, Unit};
use serde::Deserialize;

/// One `[[meter]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterSettings {
    /// Which one: `site/meter`.
    pub id: Meter,
    /// Its name here, instead of the one that its publisher says.
    pub name: Option<String>,
    /// The name of its colour, one of [`Colour::ALL`].
    pub colour: Option<String>,
    /// Where it stands among the others: those with a lower number come first, and those without one last.
    pub place: Option<u16>,
    /// The energy that a calendar month may take, in kWh.
    pub budget_kwh_per_month: Option<f64>,
    /// The volume that it may take, in m³.
    pub budget_m3_per_month: Option<f64>,
    /// What it measures, instead of what its publisher says.
    pub measures: Option<Measures>,
    /// The meter whose part it is, instead of the one that its publisher says: `site/meter`, or `meter` within its
    /// site; empty for none.
    pub part_of: Option<String>,
    /// The power that its connection lets through, in W: minutes with more are flagged.
    pub max_power_w: Option<u32>,
    /// The flow, in l/h.
    pub max_flow_l_h: Option<u32>,
}

impl MeterSettings {
    /// What these say, and where they say nothing, the others.
    pub(crate) fn before(self, other: Self) -> Self {
        // A meter has one of the two.
        let (kwh, m3) = match (self.budget_kwh_per_month, self.budget_m3_per_month) {
            (None, None) => (other.budget_kwh_per_month, other.budget_m3_per_month),
            said => said,
        };
        let (power, flow) = match (self.max_power_w, self.max_flow_l_h) {
            (None, None) => (other.max_power_w, other.max_flow_l_h),
            said => said,
        };
        Self {
            id: self.id,
            name: self.name.or(other.name),
            colour: self.colour.or(other.colour),
            place: self.place.or(other.place),
            budget_kwh_per_month: kwh,
            budget_m3_per_month: m3,
            measures: self.measures.or(other.measures),
            part_of: self.part_of.or(other.part_of),
            max_power_w: power,
            max_flow_l_h: flow,
        }
    }

    /// Nothing said of a meter.
    pub(crate) fn nothing_of(id: Meter) -> Self {
        Self {
            id,
            name: None,
            colour: None,
            place: None,
            budget_kwh_per_month: None,
            budget_m3_per_month: None,
            measures: None,
            part_of: None,
            max_power_w: None,
            max_flow_l_h: None,
        }
    }

    /// The keys of which the other one says something else, as [`said`](Self::said) names them.
    pub(crate) fn differs_from(&self, other: &Self) -> impl Iterator<Item = &'static str> {
        let budget = |one: &Self| (one.budget_kwh_per_month, one.budget_m3_per_month);
        let highest = |one: &Self| (one.max_power_w, one.max_flow_l_h);
        [
            ("name", self.name != other.name),
            ("colour", self.colour != other.colour),
            ("place", self.place != other.place),
            ("budget", budget(self) != budget(other)),
            ("measures", self.measures != other.measures),
            ("part_of", self.part_of != other.part_of),
            ("highest power or flow", highest(self) != highest(other)),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
    }

    /// The keys that are said here, each with the name of what they say.
    pub fn said(&self) -> impl Iterator<Item = &'static str> {
        [
            ("name", self.name.is_some()),
            ("colour", self.colour.is_some()),
            ("place", self.place.is_some()),
            ("budget", self.budget_kwh_per_month.or(self.budget_m3_per_month).is_some()),
            ("measures", self.measures.is_some()),
            ("part_of", self.part_of.is_some()),
            ("highest power or flow", self.max_power_w.or(self.max_flow_l_h).is_some()),
        ]
        .into_iter()
        .filter_map(|(key, is_said)| is_said.then_some(key))
    }
}

/// What is said of one meter.
#[derive(Debug, Clone, Default, PartialEq)]
struct Said {
    name: Option<String>,
    colour: Colour,
    place: Option<u16>,
    budget: Option<(Unit, f64)>,
    measures: Option<Measures>,
    /// Inside: `None` where it is no other's part, whatever its publisher says.
    part_of: Option<Option<Meter>>,
    highest: Option<(Unit, f64)>,
}

/// What is said of all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SiteMeters(HashMap<Meter, Said>);

impl SiteMeters {
    /// Checks what the settings say.
    pub fn new(settings: &[MeterSettings]) -> Result<Self, SettingsError> {
        let mut meters = HashMap::new();
        for meter in settings {
            let said =
                said(meter).map_err(|wrong| SettingsError::new(format!("meter {}: {wrong}", meter.id)))?;
            if meters.insert(meter.id.clone(), said).is_some() {
                return Err(SettingsError::new(format!("meter {} is set twice", meter.id)));
            }
        }
        check_parts(settings, &meters)?;
        Ok(Self(meters))
    }

    /// The meter as it is called and used here: what the settings say goes before what its publisher says.
    pub fn as_set(&self, mut known: RecordedMeter) -> RecordedMeter {
        let Some(said) = self.0.get(&known.meter) else { return known };
        if let Some(name) = &said.name {
            known.name.clone_from(name);
        }
        known.relation.measures = said.measures.or(known.relation.measures);
        if let Some(part_of) = &said.part_of {
            known.relation.part_of.clone_from(part_of);
        }
        known
    }

    /// A meter's colour.
    pub fn colour(&self, meter: &Meter) -> Colour {
        self.0.get(meter).map_or_else(Colour::default, |said| said.colour)
    }

    /// Sorts meters as they are to stand; those of which nothing is said stay as they are, behind the others.
    pub fn sort(&self, meters: &mut [RecordedMeter]) {
        meters.sort_by_key(|known| self.0.get(&known.meter).and_then(|said| said.place).unwrap_or(u16::MAX));
    }

    /// What a month of a meter may take, in its unit.
    pub fn budget(&self, meter: &RecordedMeter) -> Option<f64> {
        let (unit, budget) = self.0.get(&meter.meter)?.budget?;
        (unit == meter.medium.unit()).then_some(budget)
    }

    /// The highest power of a meter that can be, in W, or flow in l/h.
    pub fn highest_plausible(&self, meter: &RecordedMeter) -> f64 {
        let unit = meter.medium.unit();
        let said = self.0.get(&meter.meter).and_then(|said| said.highest).filter(|(of, _)| *of == unit);
        said.map_or_else(|| highest_plausible(unit), |(_, highest)| highest)
    }
}

fn said(meter: &MeterSettings) -> Result<Said, String> {
    let name = meter.name.as_deref().map(str::trim);
    if name.is_some_and(|name| !Info::is_name(name)) {
        return Err(format!("a name must have 1 to {} bytes and no control characters", Info::LONGEST_NAME));
    }
    let colour = meter
        .colour
        .as_deref()
        .map(|name| name.parse().map_err(|unknown| format!("unknown colour \"{name}\"; {unknown}")));
    let budget = match (meter.budget_kwh_per_month, meter.budget_m3_per_month) {
        (Some(_), Some(_)) => return Err("a budget is either in kWh or in m³".into()),
        (kwh, m3) => kwh.map(|kwh| (Unit::KilowattHour, kwh)).or(m3.map(|m3| (Unit::CubicMetre, m3))),
    };
    if let Some((unit, budget)) = budget.filter(|(_, budget)| !(budget.is_finite() && *budget > 0.0)) {
        return Err(format!("{budget} is not a possible budget in {}", unit.symbol()));
    }
    let part_of = match meter.part_of.as_deref() {
        Some("") => Some(None),
        Some(whole) => {
            let whole: PartOf = whole.parse().map_err(|wrong| format!("part_of: {wrong}"))?;
            Some(Some(whole.within(&meter.id.site)))
        }
        None => None,
    };
    let highest = match (meter.max_power_w, meter.max_flow_l_h) {
        (Some(_), Some(_)) => return Err("a meter has either a power or a flow".into()),
        (Some(0), _) | (_, Some(0)) => return Err("max_power_w and max_flow_l_h must be more than 0".into()),
        (w, l_h) => {
            w.map(|w| (Unit::KilowattHour, w.into())).or(l_h.map(|l_h| (Unit::CubicMetre, l_h.into())))
        }
    };
    let (name, colour) = (name.map(str::to_owned), colour.transpose()?.unwrap_or_default());
    let (place, measures) = (meter.place, meter.measures);
    Ok(Said { name, colour, place, budget, highest, measures, part_of })
}

/// Refuses what cannot be, whatever else is recorded: a part of itself. What the settings do not say of a meter its
/// publisher may, so that the rest is only known later.
fn check_parts(settings: &[MeterSettings], said: &HashMap<Meter, Said>) -> Result<(), SettingsError> {
    let related = |meter: &MeterSettings| {
        let part_of = said.get(&meter.id).and_then(|said| said.part_of.clone()).flatten();
        Related {
            meter: meter.id.clone(),
            medium: Medium::default(),
            relation: Relation { measures: meter.measures, part_of },
        }
    };
    let tree = Tree::new(&settings.iter().map(related).collect::<Vec<_>>());
    let is_never_possible = |why: &Unfit| matches!(why, Unfit::Itself | Unfit::Circle(_));
    let refused = tree.refused().iter().find(|refused| is_never_possible(&refused.why));
    refused.map_or(Ok(()), |refused| Err(SettingsError::new(format!("meter {refused}"))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::SiteSettings;

    fn site(settings: &str) -> Result<SiteMeters, String> {
        let settings: SiteSettings = daemon_runtime::parse(settings).unwrap();
        SiteMeters::new(&settings.meter).map_err(|error| error.to_string())
    }

    #[test]
    fn nonsense_is_refused_by_the_meter_and_what_is_wrong() {
        let refused = |said: &str| site(&format!("[[meter]]\nid = 'hq/main'\n{said}")).unwrap_err();
        for (said, because) in [
            ("budget_kwh_per_month = 0", "meter hq/main: 0 is not a possible budget"),
            ("budget_kwh_per_month = nan", "meter hq/main: NaN is not a possible budget"),
            ("budget_m3_per_month = -1", "-1 is not a possible budget in m³"),
            ("budget_m3_per_month = 1\nbudget_kwh_per_month = 1", "either in kWh or in m³"),
            ("name = ' '", "meter hq/main: a name must have 1 to 200 bytes"),
            ("name = \"a\\nb\"", "no control characters"),
            ("colour = 'purple'", "meter hq/main: unknown colour \"purple\"; the colours are blue, teal,"),
            ("max_power_w = 0", "meter hq/main: max_power_w and max_flow_l_h must be more than 0"),
            ("max_power_w = 1\nmax_flow_l_h = 1", "either a power or a flow"),
            ("[[meter]]\nid = 'hq/main'", "meter hq/main is set twice"),
            ("part_of = 'main'", "meter hq/main cannot be part of itself; take out its part_of"),
            ("part_of = 'a/b/c'", "meter hq/main: part_of: meter \"b/c\" may only have the characters"),
            (
                "part_of = 'oven'\n[[meter]]\nid = 'hq/oven'\npart_of = 'main'",
                "meter hq/main is said to be part of itself, by way of hq/oven",
            ),
        ] {
            assert!(refused(said).contains(because), "{}", refused(said));
        }
        assert!(refused(&format!("name = '{}'", "ä".repeat(101))).contains("200 bytes"));
    }

    #[test]
    fn what_a_meter_measures_is_one_of_four_words() {
        let said = "[[meter]]\nid = 'hq/main'\nmeasures = 'heat'";
        let error = daemon_runtime::parse::<SiteSettings>(said).unwrap_err().to_string();
        assert!(error.contains("heat") && error.contains("production"), "{error}");
        // The rest may be right, by what publishers say.
        assert!(
            site(
                "[[meter]]\nid = 'hq/heat'\npart_of = 'main'\n[[meter]]\nid = 'hq/main'\nmeasures = 'export'"
            )
            .is_ok()
        );
    }

    #[test]
    fn a_meter_of_which_nothing_is_said_looks_as_ever() {
        let site = site("[[meter]]\nid = 'hq/oven'\ncolour = 'red'").unwrap();
        let of = |id: &str| id.parse::<Meter>().unwrap();
        assert_eq!(site.colour(&of("hq/oven")), Colour::Red);
        assert_eq!(site.colour(&of("hq/main")), Colour::Teal);
    }
}
