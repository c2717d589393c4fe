//! What energy, gas and water cost: by date, day of the week and time of day. Pure.
//!
//! Prices change on full local hours, so the cost of a time follows from its
//! hours. The base fee is spread over the hours of its month, watched or not.

mod settings;

use std::ops::Range;
use std::sync::Arc;

use daemon_runtime::SettingsError;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Medium, Minute};

pub use settings::{TariffSettings, TimeSettings};

use crate::reckoning::calendar::{Kind, Period};
use crate::reckoning::periods::midnight;

/// All tariffs of a site.
#[derive(Debug, Clone, Default)]
pub(crate) struct SiteTariffs([Arc<Tariffs>; 3]);

impl SiteTariffs {
    /// Checks what the settings say.
    pub(crate) fn new(currency: &str, settings: &[TariffSettings]) -> Result<Self, SettingsError> {
        let currency = if currency == "EUR" { "€" } else { currency };
        let mut by_medium = Self::default();
        for medium in Medium::ALL {
            let of_medium = settings.iter().filter(|tariff| tariff.medium == medium);
            by_medium.0[medium as usize] = Tariffs::new(currency, of_medium)?.into();
        }
        Ok(by_medium)
    }

    /// What such a medium costs.
    pub(crate) fn of(&self, medium: Medium) -> &Arc<Tariffs> {
        &self.0[medium as usize]
    }
}

/// The tariffs of a medium.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tariffs {
    currency: String,
    /// Ascending.
    tariffs: Vec<Tariff>,
}

#[derive(Debug, Clone, PartialEq)]
struct Tariff {
    from: Date,
    /// With VAT, as the rest.
    price: f64,
    fee_per_month: f64,
    co2_g_per_unit: f64,
    times: Vec<Time>,
}

#[derive(Debug, Clone, PartialEq)]
struct Time {
    hours: [bool; 24],
    /// From Monday on.
    days: [bool; 7],
    price: f64,
}

/// What some time costs, with VAT.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cost {
    /// The energy.
    pub(crate) energy: f64,
    /// The base fee.
    pub(crate) fee: f64,
    /// Carbon dioxide in g.
    pub(crate) co2_g: f64,
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |all, one| Self {
            energy: all.energy + one.energy,
            fee: all.fee + one.fee,
            co2_g: all.co2_g + one.co2_g,
        })
    }
}

impl Cost {
    /// All of it.
    pub(crate) fn total(&self) -> f64 {
        self.energy + self.fee
    }
}

impl Tariffs {
    fn new<'settings>(
        currency: &str,
        settings: impl Iterator<Item = &'settings TariffSettings>,
    ) -> Result<Self, SettingsError> {
        let mut tariffs = settings.map(Tariff::new).collect::<Result<Vec<_>, _>>()?;
        tariffs.sort_by_key(|tariff| tariff.from);
        if let Some(two) = tariffs.windows(2).find(|two| two[0].from == two[1].from) {
            return Err(SettingsError::new(format!("two tariffs begin on {}", two[0].from)));
        }
        Ok(Self { currency: currency.to_owned(), tariffs })
    }

    /// What stands behind an amount.
    pub(crate) fn currency(&self) -> &str {
        &self.currency
    }

    /// What holds at each time, for those who ask in the order of time.
    pub(crate) fn prices<'site>(&'site self, zone: &'site TimeZone) -> Prices<'site> {
        Prices { tariffs: &self.tariffs, zone, month: None, hour: None }
    }

    /// What hours cost; `None` where no tariff is known for one of them. Hours from
    /// `until` on are still to come.
    pub(crate) fn cost<'sums>(
        &self,
        hours: impl IntoIterator<Item = (&'sums Range<Minute>, &'sums Sum)>,
        until: Minute,
        zone: &TimeZone,
    ) -> Option<Cost> {
        let mut prices = self.prices(zone);
        let begun = hours.into_iter().filter(|(hour, _)| hour.start < until);
        let costs = begun.map(|(hour, sum)| prices.cost(hour, sum));
        let cost = costs.sum::<Option<Cost>>()?;
        (!self.is_empty()).then_some(cost)
    }

    /// Whether nothing is known about prices.
    pub(crate) fn is_empty(&self) -> bool {
        self.tariffs.is_empty()
    }

    /// What a month costs that will use so much, of which some is known: the rest
    /// at the mean price until now.
    pub(crate) fn expected(
        &self,
        so_far: &Cost,
        (quantity, known): (f64, f64),
        at: Minute,
        zone: &TimeZone,
    ) -> Option<f64> {
        let date = at.timestamp().to_zoned_datetime(zone.clone()).date();
        let tariff = self.tariffs.iter().rev().find(|tariff| tariff.from <= date)?;
        (known > 0.0).then(|| so_far.energy * quantity / known + tariff.fee_per_month)
    }
}

/// Prices as time goes on. What holds in an hour and how long its month is are
/// worked out once.
#[derive(Debug)]
pub(crate) struct Prices<'site> {
    tariffs: &'site [Tariff],
    zone: &'site TimeZone,
    month: Option<(Date, f64)>,
    hour: Option<(Range<Minute>, Option<Price>)>,
}

/// What holds in an hour.
#[derive(Debug, Clone, Copy)]
struct Price {
    per_unit: f64,
    fee_per_hour: f64,
    co2_g_per_unit: f64,
}

impl Prices<'_> {
    /// What a local hour, or a part of one, costs; `None` before the first tariff.
    pub(crate) fn cost(&mut self, span: &Range<Minute>, sum: &Sum) -> Option<Cost> {
        let price = self.at(span.start)?;
        let hours = (span.end.epoch_minutes() - span.start.epoch_minutes()) as f64 / 60.0;
        Some(Cost {
            energy: sum.quantity() * price.per_unit,
            fee: price.fee_per_hour * hours,
            co2_g: sum.quantity() * price.co2_g_per_unit,
        })
    }

    fn at(&mut self, minute: Minute) -> Option<Price> {
        if let Some((_, price)) = self.hour.as_ref().filter(|(hour, _)| hour.contains(&minute)) {
            return *price;
        }
        let hour = Period::containing(Kind::Hour, minute, self.zone).span;
        let price = self.looked_up(minute);
        self.hour = Some((hour, price));
        price
    }

    fn looked_up(&mut self, minute: Minute) -> Option<Price> {
        let local = minute.timestamp().to_zoned_datetime(self.zone.clone()).datetime();
        let tariff = self.tariffs.iter().rev().find(|tariff| tariff.from <= local.date())?;
        let first = local.date().first_of_month();
        let known = self.month.filter(|(month, _)| *month == first);
        let (_, hours_of_month) =
            *self.month.insert(known.unwrap_or_else(|| (first, hours_of(first, self.zone))));
        Some(Price {
            per_unit: tariff.price_at(local),
            fee_per_hour: tariff.fee_per_month / hours_of_month,
            co2_g_per_unit: tariff.co2_g_per_unit,
        })
    }
}

fn hours_of(first: Date, zone: &TimeZone) -> f64 {
    let (start, end) = (midnight(first, zone), midnight(first.saturating_add(1.month()), zone));
    (end.epoch_minutes() - start.epoch_minutes()) as f64 / 60.0
}

impl Tariff {
    fn price_at(&self, local: DateTime) -> f64 {
        let (hour, day) = (local.hour() as usize, local.date().weekday().to_monday_zero_offset() as usize);
        let fits = self.times.iter().find(|time| time.hours[hour % 24] && time.days[day % 7]);
        fits.map_or(self.price, |time| time.price)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tariffs(toml: &str) -> Result<Tariffs, String> {
        #[derive(serde::Deserialize)]
        struct All {
            tariff: Vec<TariffSettings>,
        }
        let all: All = daemon_runtime::parse(toml).map_err(|error| error.to_string())?;
        let all = SiteTariffs::new("EUR", &all.tariff).map_err(|error| error.to_string())?;
        Ok(all.of(Medium::Electricity).as_ref().clone())
    }

    const NIGHT: &str = "[[tariff]]\nfrom = '2025-01-01'\nprice_per_kwh = 0.30\nvat_percent = 20\n\
                         [[tariff.time]]\nhours = '22-6'\ndays = 'mon-fri'\nprice_per_kwh = 0.20\n\
                         [[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.40\n";

    fn price(tariffs: &Tariffs, local: &str) -> f64 {
        let local: DateTime = local.parse().unwrap();
        let tariff = tariffs.tariffs.iter().rev().find(|tariff| tariff.from <= local.date()).unwrap();
        (tariff.price_at(local) * 1000.0).round() / 1000.0
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
    fn nonsense_is_refused_by_name() {
        for (toml, said) in [
            ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '22'\nprice_per_kwh = 1", "22-6"),
            ("[[tariff]]\nprice_per_kwh = 0.3\n[[tariff.time]]\nhours = '5-25'\nprice_per_kwh = 1", "22-6"),
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
            let cost = tariffs.cost(hours.iter().map(|(hour, sum)| (hour, sum)), end, &zone).unwrap();
            assert!((cost.total() - 12.0 * 1.19).abs() < 1e-9, "{first}: {cost:?}");
        }
    }

    #[test]
    fn without_a_tariff_there_is_no_cost() {
        let zone = TimeZone::UTC;
        let hour = (Minute::nearest(29_000_040)..Minute::nearest(29_000_100), Sum::default());
        let of = |tariffs: &Tariffs| tariffs.cost([(&hour.0, &hour.1)], hour.0.end, &zone);
        assert_eq!(of(&Tariffs::default()), None);
        let later = tariffs("[[tariff]]\nfrom = '2090-01-01'\nprice_per_kwh = 1").unwrap();
        assert_eq!(of(&later), None, "before the first one");
    }
}
