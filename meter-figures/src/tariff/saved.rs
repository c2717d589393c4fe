//! What own use has saved: what it would have cost to take that from the grid. Pure.

use std::ops::Range;

use jiff::tz::TimeZone;
use meter_messages::Minute;

use super::Tariffs;
use super::facts::BillFacts;
use crate::hour::Hour;

/// What was not paid because it was made here.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Saved {
    /// With VAT.
    pub amount: f64,
    /// The own use that this is the price of, in kWh: not more than is known, and only where a price is.
    pub quantity: f64,
}

impl std::iter::Sum for Saved {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |all, one| Self {
            amount: all.amount + one.amount,
            quantity: all.quantity + one.quantity,
        })
    }
}

impl Tariffs {
    /// What own use of hours, in kWh, would have cost at the meter behind which it was used; both ascend, and the meter's may
    /// be pieces of hours. Each kWh is at the price of its time, which where it changes within an hour is that of the mean
    /// minute. With blocks it is the price of what would have been used next. Fees and the highest quarter of an hour
    /// stay as they are: nobody knows what they would have been.
    pub fn saved(
        &self,
        facts: &BillFacts,
        hours: &[Hour],
        own_use: &[(Range<Minute>, f64)],
        zone: &TimeZone,
    ) -> Saved {
        let mut prices = self.prices(zone);
        if let Some(first) = hours.first() {
            prices = prices.after(facts, first.span.start);
        }
        let mut own_use = own_use.iter().peekable();
        let mut of_piece = |piece: &Hour| {
            prices.cost(piece)?;
            while own_use.next_if(|(hour, _)| hour.end <= piece.span.start).is_some() {}
            let (hour, quantity) = own_use.peek().filter(|(hour, _)| hour.start < piece.span.end)?;
            let quantity = quantity * minutes(&piece.span) / minutes(hour);
            prices.cost_of_more(piece, quantity).map(|amount| Saved { amount, quantity })
        };
        hours.iter().filter_map(&mut of_piece).sum()
    }
}

fn minutes(span: &Range<Minute>) -> f64 {
    (span.end.epoch_minutes() - span.start.epoch_minutes()) as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::Timestamp;
    use meter_ledger::Sum;
    use meter_messages::{Medium, Meter};

    use super::*;
    use crate::hour::AtDayPrices;
    use crate::tariff::{SiteTariffs, TariffSettings};

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn tariffs(settings: &str) -> Tariffs {
        #[derive(serde::Deserialize)]
        struct Written {
            tariff: Vec<TariffSettings>,
        }
        let Written { tariff } = toml_edit::de::from_str(settings).unwrap();
        let all = SiteTariffs::new("EUR", &tariff, &[]).unwrap();
        let meter: Meter = "home/main".parse().unwrap();
        all.of(&meter, Medium::Electricity, true)
    }

    /// An hour of 2026-06-15.
    fn hour(hour: i64) -> Range<Minute> {
        let midnight: Timestamp = "2026-06-15T00:00:00+02:00".parse().unwrap();
        let start = midnight.as_second() / 60 + hour * 60;
        Minute::nearest(start)..Minute::nearest(start + 60)
    }

    fn imported(at: i64) -> Hour {
        Hour::new(hour(at), Sum::default())
    }

    fn saved(tariffs: &Tariffs, hours: &[Hour], own_use: &[(i64, f64)]) -> Saved {
        let own_use: Vec<_> = own_use.iter().map(|(at, quantity)| (hour(*at), *quantity)).collect();
        tariffs.saved(&BillFacts::default(), hours, &own_use, &zone())
    }

    fn close(found: Saved, amount: f64, quantity: f64) {
        let is_close = (found.amount - amount).abs() < 1e-9 && (found.quantity - quantity).abs() < 1e-9;
        assert!(is_close, "{found:?}, not {amount} of {quantity} kWh");
    }

    #[test]
    fn each_hour_is_at_its_price_with_vat_and_without_fees() {
        let tariffs = tariffs(
            "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_month = 12\nvat_percent = 20\n\
             [[tariff.time]]\nhours = \"22-6\"\nprice_per_kwh = 0.20\n",
        );
        let hours: Vec<Hour> = (0..24).map(imported).collect();
        close(saved(&tariffs, &hours, &[(5, 1.0), (12, 2.0)]), 1.0 * 0.24 + 2.0 * 0.36, 3.0);
        // What nobody watched is not there, and is no zero that would make a mean lower.
        close(saved(&tariffs, &hours, &[]), 0.0, 0.0);
    }

    #[test]
    fn an_hour_in_which_the_price_changes_is_at_the_mean() {
        let tariffs = tariffs(
            "[[tariff]]\nprice_per_kwh = 0.30\n[[tariff.time]]\nhours = \"12:30-18\"\nprice_per_kwh = 0.10\n",
        );
        let pieces = tariffs.pieces(&hour(12), &zone());
        assert_eq!(pieces.len(), 2);
        let pieces: Vec<Hour> = pieces.into_iter().map(|span| Hour::new(span, Sum::default())).collect();
        close(saved(&tariffs, &pieces, &[(12, 2.0)]), 2.0 * 0.20, 2.0);
    }

    #[test]
    fn before_the_first_tariff_and_without_a_price_of_the_day_nothing_is_known() {
        let later = tariffs("[[tariff]]\nfrom = \"2026-07-01\"\nprice_per_kwh = 0.30\n");
        close(saved(&later, &[imported(12)], &[(12, 2.0)]), 0.0, 0.0);
        let of_day = tariffs("[[tariff]]\nprice_of_the_day = true\nprice_per_kwh = 0.10\n");
        let known = AtDayPrices { minutes: 60.0, prices: 60.0 * 0.05, ..AtDayPrices::default() };
        let hours = [imported(11), Hour { day_prices: known, ..imported(12) }];
        close(saved(&of_day, &hours, &[(11, 1.0), (12, 2.0)]), 2.0 * 0.15, 2.0);
    }

    #[test]
    fn blocks_are_those_that_would_have_come_next() {
        let tariffs = tariffs(
            "[[tariff]]\nprice_per_kwh = 0.30\n[[tariff.block]]\nup_to_kwh = 100\nprice_per_kwh = 0.10\n",
        );
        close(saved(&tariffs, &[imported(12)], &[(12, 120.0)]), 100.0 * 0.10 + 20.0 * 0.30, 120.0);
    }
}
