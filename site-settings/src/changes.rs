//! What one version says that another one does not. Pure.

use std::fmt;

use meter_figures::{Scope, TariffSettings};
use meter_messages::{Medium, Meter, MeterId};

use jiff::civil::Date;

use crate::document::SiteSettings;
use crate::meters::MeterSettings;

/// Something that two versions say differently, or only one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The currency of prices.
    Currency,
    /// The list of holidays.
    Holidays,
    /// Which meters are public.
    PublicMeters,
    /// One key of what is said of a meter, as [`MeterSettings`] calls it.
    Meter(Meter, &'static str),
    /// A tariff: what it is for, and its first day.
    Tariff(Medium, Scope, Option<Date>),
    /// An alarm.
    Alarm(MeterId),
}

impl SiteSettings {
    /// What these say differently from earlier ones.
    pub fn changes_since(&self, earlier: &Self) -> Vec<Change> {
        let lists = [
            (Change::Currency, self.currency != earlier.currency),
            (Change::Holidays, self.holidays != earlier.holidays),
            (Change::PublicMeters, self.access != earlier.access),
        ];
        let mut changes: Vec<Change> =
            lists.into_iter().filter(|(_, differs)| *differs).map(|(change, _)| change).collect();
        for id in both(&self.meter, &earlier.meter, |meter| &meter.id) {
            let of = |all: &[MeterSettings]| all.iter().find(|meter| meter.id == *id).cloned();
            let nothing = || MeterSettings::nothing_of(id.clone());
            let [now, before] = [&self.meter, &earlier.meter].map(|all| of(all).unwrap_or_else(nothing));
            changes.extend(now.differs_from(&before).map(|key| Change::Meter(id.clone(), key)));
        }
        let key = |tariff: &TariffSettings| (tariff.medium, tariff.scope.clone(), tariff.from);
        let mut tariffs: Vec<_> = self.tariff.iter().chain(&earlier.tariff).map(key).collect();
        tariffs.sort();
        tariffs.dedup();
        let of = |all: &[TariffSettings], which: &_| all.iter().find(|tariff| key(tariff) == *which).cloned();
        tariffs.retain(|which| of(&self.tariff, which) != of(&earlier.tariff, which));
        changes.extend(tariffs.into_iter().map(|(medium, scope, from)| Change::Tariff(medium, scope, from)));
        for name in both(&self.alarm, &earlier.alarm, |alarm| &alarm.name) {
            let of = |all: &Self| all.alarm.iter().find(|alarm| alarm.name == *name).cloned();
            if of(self) != of(earlier) {
                changes.push(Change::Alarm(name.clone()));
            }
        }
        changes
    }
}

/// What things of both lists are called, each once.
fn both<'all, T, N: Ord>(
    one: &'all [T],
    other: &'all [T],
    name: impl Fn(&'all T) -> &'all N,
) -> Vec<&'all N> {
    let mut names: Vec<&N> = one.iter().chain(other).map(name).collect();
    names.sort();
    names.dedup();
    names
}

/// As a person calls it in the TOML.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Currency => f.write_str("currency"),
            Self::Holidays => f.write_str("holidays"),
            Self::PublicMeters => f.write_str("[access] public_meters"),
            Self::Meter(meter, key) => write!(f, "[[meter]] {meter}: {key}"),
            Self::Tariff(_, scope, None) => write!(f, "[[tariff]] for {scope} from the beginning"),
            Self::Tariff(_, scope, Some(from)) => write!(f, "[[tariff]] for {scope} from {from}"),
            Self::Alarm(name) => write!(f, "[[alarm]] {name}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_came_what_went_and_what_is_another_is_named() {
        let of = |text: &str| daemon_runtime::parse::<SiteSettings>(text).unwrap();
        let earlier = of("currency = 'EUR'\n[[meter]]\nid = 'hq/main'\nname = 'Haus'\ncolour = 'red'\n\
             [[meter]]\nid = 'hq/gone'\nplace = 3\n\
             [[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.3\n[[tariff]]\nprice_per_kwh = 0.2\n\
             [[alarm]]\nname = 'oven'\nmeter = 'hq/main'\nabove_w = 5000\n");
        let now = of("holidays = ['12-25']\n[[alarm]]\nname = 'oven'\nmeter = 'hq/main'\nabove_w = 5000\n\
             [[alarm]]\nname = 'new'\nmeter = 'hq/main'\nabove_w = 5000\n\
             [[tariff]]\nprice_per_kwh = 0.2\n[[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.4\n\
             [[meter]]\nid = 'hq/main'\ncolour = 'red'\nname = 'House'\n");
        let said: Vec<String> = now.changes_since(&earlier).iter().map(Change::to_string).collect();
        let expected = [
            "currency",
            "holidays",
            "[[meter]] hq/gone: place",
            "[[meter]] hq/main: name",
            "[[tariff]] for all meters from 2026-01-01",
            "[[alarm]] new",
        ];
        assert_eq!(said, expected);
        assert!(now.changes_since(&now).is_empty());
    }
}
