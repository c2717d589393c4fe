//! What energy, gas and water cost: by date, day of the week and time of day. Pure.
//!
//! The cost of a time follows from its hours; one in which a price changes is in pieces. A base fee is spread over
//! the minutes of its day, month or year, watched or not.

mod prices;
mod rates;
mod settings;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_messages::{Medium, Minute, PeriodKind};

pub use self::prices::{Cost, Prices};
use self::rates::Tariff;
pub use self::settings::{TariffError, TariffSettings, TimeSettings};
use crate::hours::Hour;
use crate::local_time::local;
use crate::period::Period;

/// All tariffs of a site.
#[derive(Debug, Clone, Default)]
pub struct SiteTariffs([Arc<Tariffs>; 3]);

impl SiteTariffs {
    /// Checks what the settings say.
    pub fn new(currency: &str, settings: &[TariffSettings]) -> Result<Self, TariffError> {
        let currency = if currency == "EUR" { "€" } else { currency };
        let mut by_medium = Self::default();
        for medium in Medium::ALL {
            let of_medium = settings.iter().filter(|tariff| tariff.medium == medium);
            by_medium.0[medium as usize] = Tariffs::new(currency, of_medium)?.into();
        }
        Ok(by_medium)
    }

    /// What such a medium costs.
    pub fn of(&self, medium: Medium) -> &Arc<Tariffs> {
        &self.0[medium as usize]
    }
}

/// The tariffs of a medium.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tariffs {
    currency: String,
    /// Ascending.
    tariffs: Vec<Tariff>,
    /// The minutes of the day in which a price may change within an hour, ascending.
    changes: Vec<u16>,
}

impl Tariffs {
    fn new<'settings>(
        currency: &str,
        settings: impl Iterator<Item = &'settings TariffSettings>,
    ) -> Result<Self, TariffError> {
        let mut tariffs = settings.map(Tariff::new).collect::<Result<Vec<_>, _>>()?;
        tariffs.sort_by_key(|tariff| tariff.from);
        if let Some(two) = tariffs.windows(2).find(|two| two[0].from == two[1].from) {
            return Err(TariffError(format!("two tariffs begin on {}", two[0].from)));
        }
        let changes = tariffs.iter().flat_map(Tariff::changes).filter(|minute| minute % 60 > 0);
        let changes: BTreeSet<u16> = changes.collect();
        Ok(Self { currency: currency.to_owned(), changes: changes.into_iter().collect(), tariffs })
    }

    /// The tariff of a day.
    fn at(&self, date: Date) -> Option<&Tariff> {
        self.tariffs.iter().rev().find(|tariff| tariff.from <= date)
    }

    /// The pieces of a local hour between which a price may change: mostly one.
    pub fn pieces(&self, hour: &Range<Minute>, zone: &TimeZone) -> Vec<Range<Minute>> {
        let mut pieces = vec![hour.clone()];
        if self.changes.is_empty() {
            return pieces;
        }
        let start = local(hour.start, zone);
        let start = start.hour() as i64 * 60 + start.minute() as i64;
        for change in &self.changes {
            let at = Minute::nearest(hour.start.epoch_minutes() + i64::from(*change) - start);
            if let Some(last) = pieces.last_mut().filter(|last| last.start < at && at < last.end) {
                let rest = at..std::mem::replace(&mut last.end, at);
                pieces.push(rest);
            }
        }
        pieces
    }

    /// What stands behind an amount.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// What holds at each time, for those who ask in the order of time.
    pub fn prices<'site>(&'site self, zone: &'site TimeZone) -> Prices<'site> {
        Prices::new(self, zone)
    }

    /// What hours, or pieces of them, cost; `None` where no tariff is known for one of them. Those from
    /// `until` on are still to come.
    pub fn cost(&self, hours: &[Hour], until: Minute, zone: &TimeZone) -> Option<Cost> {
        let mut prices = self.prices(zone);
        let begun = hours.iter().filter(|(hour, _)| hour.start < until);
        let costs = begun.map(|(hour, sum)| prices.cost(hour, sum));
        let cost = costs.sum::<Option<Cost>>()?;
        (!self.is_empty()).then_some(cost)
    }

    /// Whether nothing is known about prices.
    pub fn is_empty(&self) -> bool {
        self.tariffs.is_empty()
    }

    /// What a month costs that will use so much, of which some is known: the rest
    /// at the mean price until now.
    pub fn expected(
        &self,
        so_far: &Cost,
        (quantity, known): (f64, f64),
        at: Minute,
        zone: &TimeZone,
    ) -> Option<f64> {
        let tariff = self.at(local(at, zone).date())?;
        let minutes = |kind| Period::containing(kind, at, zone).minutes() as f64;
        // Of each fee as much as falls in the month.
        let month = minutes(PeriodKind::Month);
        let fee = tariff.fees.iter().filter(|(_, fee)| *fee != 0.0);
        let fee = fee.fold(0.0, |all, (kind, fee)| {
            let times = match kind {
                PeriodKind::Day => f64::from(local(at, zone).date().days_in_month()),
                kind => month / minutes(*kind),
            };
            all + fee * times
        });
        (known > 0.0).then(|| so_far.energy * quantity / known + fee)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::{Date, DateTime};
    use meter_ledger::Sum;

    use super::*;
    use crate::local_time::midnight;

    fn tariffs(toml: &str) -> Result<Tariffs, String> {
        #[derive(serde::Deserialize)]
        struct All {
            tariff: Vec<TariffSettings>,
        }
        let all: All = toml_edit::de::from_str(toml).map_err(|error| error.to_string())?;
        let all = SiteTariffs::new("EUR", &all.tariff).map_err(|error| error.to_string())?;
        Ok(all.of(Medium::Electricity).as_ref().clone())
    }

    const NIGHT: &str = "[[tariff]]\nfrom = '2025-01-01'\nprice_per_kwh = 0.30\nvat_percent = 20\n\
                         [[tariff.time]]\nhours = '22-6'\ndays = 'mon-fri'\nprice_per_kwh = 0.20\n\
                         [[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.40\n";

    fn price(tariffs: &Tariffs, local: &str) -> f64 {
        let local: DateTime = local.parse().unwrap();
        (tariffs.at(local.date()).unwrap().price_at(local) * 1000.0).round() / 1000.0
    }

    #[test]
    fn prices_follow_date_day_and_hour() {
        let tariffs = tariffs(NIGHT).unwrap();
        for (at, expected) in [
            ("2025-06-12T21:59", 0.36),
            ("2025-06-12T22:00", 0.24),
            ("2025-06-13T05:00", 0.24),
            ("2025-06-13T06:00", 0.36),
            ("2025-06-14T23:00", 0.36), // Saturday
            ("2025-12-31T23:00", 0.24),
            ("2026-01-01T00:00", 0.40),
        ] {
            assert_eq!(price(&tariffs, at), expected, "{at}");
        }
    }

    #[test]
    fn a_price_may_change_in_any_minute() {
        let tariffs = tariffs(
            "[[tariff]]\nprice_per_kwh = 0.30\n\
             [[tariff.time]]\nhours = '00:30-07:30'\nprice_per_kwh = 0.10\n\
             [[tariff.time]]\nhours = '23:50 - 0:05'\nprice_per_kwh = 0.20\n\
             [[tariff.time]]\nhours = '12-12'\ndays = 'sun'\nprice_per_kwh = 0.25",
        )
        .unwrap();
        for (at, expected) in [
            ("2026-11-24T00:04", 0.20),
            ("2026-11-24T00:05", 0.30),
            ("2026-11-24T00:29", 0.30),
            ("2026-11-24T00:30", 0.10),
            ("2026-11-24T07:29", 0.10),
            ("2026-11-24T07:30", 0.30),
            ("2026-11-24T23:50", 0.20),
            ("2026-11-29T15:00", 0.25), // all of Sunday
        ] {
            assert_eq!(price(&tariffs, at), expected, "{at}");
        }
        let zone = TimeZone::UTC;
        let pieces = |at: &str| {
            let at: Minute = at.parse().unwrap();
            let pieces = tariffs.pieces(&(at..Minute::nearest(at.epoch_minutes() + 60)), &zone);
            pieces.iter().map(|piece| piece.end.epoch_minutes() - at.epoch_minutes()).collect::<Vec<_>>()
        };
        assert_eq!(pieces("2026-11-24T00:00:00Z"), [5, 30, 60]);
        assert_eq!(pieces("2026-11-24T12:00:00Z"), [60]);
        assert_eq!(pieces("2026-11-24T23:00:00Z"), [50, 60]);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (toml, said) in [
            ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '22'\nprice_per_kwh = 1", "22-6"),
            ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '5-25'\nprice_per_kwh = 1", "22-6"),
            ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '5:60-6'\nprice_per_kwh = 1", "22-6"),
            ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '5:3-6'\nprice_per_kwh = 1", "22-6"),
            (
                "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '5-24:01'\nprice_per_kwh = 1",
                "22-6",
            ),
            ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '+5-6'\nprice_per_kwh = 1", "22-6"),
            (
                "[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\ndays = 'someday'\nprice_per_kwh = 1",
                "mon-fri",
            ),
            ("[[tariff]]\nprice_per_kwh = inf", "not a possible price"),
            ("[[tariff]]\nprice_per_kwh = 1\n[[tariff]]\nprice_per_kwh = 2", "two tariffs"),
            ("[[tariff]]\nprice = 1", "price"),
            ("[[tariff]]\nvat_percent = 1", "no price"),
            ("[[tariff]]\nprice_per_m3 = 1", "electricity must be per_kwh"),
            ("[[tariff]]\nmedium = 'gas'\nprice_per_kwh = 1", "gas must be per_m3"),
        ] {
            let error = tariffs(toml).unwrap_err();
            assert!(error.contains(said), "{toml}: {error}");
        }
    }

    #[test]
    fn a_month_of_any_length_has_the_whole_fee() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let tariffs =
            tariffs("[[tariff]]\nprice_per_kwh = 0.3\nbase_fee_per_month = 12\nvat_percent = 19").unwrap();
        // February of a leap year, and the months with 23 and 25 hours in a day.
        for first in ["2024-02-01", "2025-03-01", "2025-10-01"] {
            let first: Date = first.parse().unwrap();
            let end = midnight(first.saturating_add(1.month()), &zone);
            let hours: Vec<_> = (midnight(first, &zone).epoch_minutes()..end.epoch_minutes())
                .step_by(60)
                .map(|at| (Minute::nearest(at)..Minute::nearest(at + 60), Sum::default()))
                .collect();
            let cost = tariffs.cost(&hours, end, &zone).unwrap();
            assert!((cost.total() - 12.0 * 1.19).abs() < 1e-9, "{first}: {cost:?}");
        }
    }

    #[test]
    fn without_a_tariff_there_is_no_cost() {
        let zone = TimeZone::UTC;
        let hour = (Minute::nearest(29_000_040)..Minute::nearest(29_000_100), Sum::default());
        let of = |tariffs: &Tariffs| tariffs.cost(std::slice::from_ref(&hour), hour.0.end, &zone);
        assert_eq!(of(&Tariffs::default()), None);
        let later = tariffs("[[tariff]]\nfrom = '2090-01-01'\nprice_per_kwh = 1").unwrap();
        assert_eq!(of(&later), None, "before the first one");
    }
}
