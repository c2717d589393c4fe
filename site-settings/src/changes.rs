//! What one version says that another one does not. Pure.

use std::collections::BTreeMap;

use meter_figures::{TariffKey, TariffSettings};
use meter_messages::{Meter, MeterId};

use crate::document::SiteSettings;
use crate::meters::MeterSettings;
use crate::notes::{NoteKey, NoteSettings};

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
    /// A tariff.
    Tariff(TariffKey),
    /// An alarm.
    Alarm(MeterId),
    /// A note.
    Note(NoteKey),
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
        for (id, both) in paired([&self.meter, &earlier.meter], |meter| meter.id.clone()) {
            let nothing = MeterSettings::nothing_of(id.clone());
            let [now, before] = both.map(|said| said.unwrap_or(&nothing));
            changes.extend(now.differs_from(before).map(|key| Change::Meter(id.clone(), key)));
        }
        let tariffs = paired([&self.tariff, &earlier.tariff], TariffSettings::key).into_iter();
        let alarms = paired([&self.alarm, &earlier.alarm], |alarm| alarm.name.clone()).into_iter();
        changes
            .extend(tariffs.filter(|(_, [now, before])| now != before).map(|(key, _)| Change::Tariff(key)));
        changes
            .extend(alarms.filter(|(_, [now, before])| now != before).map(|(name, _)| Change::Alarm(name)));
        let notes = paired([&self.note, &earlier.note], NoteSettings::key).into_iter();
        changes.extend(notes.filter(|(_, [now, before])| now != before).map(|(key, _)| Change::Note(key)));
        changes
    }
}

/// The things of two lists by what they are called: as each of the lists has it.
fn paired<T, N: Ord>(lists: [&Vec<T>; 2], name: impl Fn(&T) -> N) -> BTreeMap<N, [Option<&T>; 2]> {
    let mut pairs: BTreeMap<N, [Option<&T>; 2]> = BTreeMap::new();
    for (which, list) in lists.into_iter().enumerate() {
        for thing in list {
            pairs.entry(name(thing)).or_default()[which].get_or_insert(thing);
        }
    }
    pairs
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
        let meter = |id: &str, key: &'static str| Change::Meter(id.parse().unwrap(), key);
        let tariff = now.tariff[1].key();
        assert_eq!(tariff.from, Some("2026-01-01".parse().unwrap()));
        let expected = [
            Change::Currency,
            Change::Holidays,
            meter("hq/gone", "place"),
            meter("hq/main", "name"),
            Change::Tariff(tariff),
            Change::Alarm("new".parse().unwrap()),
        ];
        assert_eq!(now.changes_since(&earlier), expected);
        assert!(now.changes_since(&now).is_empty());
    }
}
