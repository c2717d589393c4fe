//! What hours cost, as time goes on. Pure.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Minute, PeriodKind};

use super::rates::Tariff;
use crate::local_time::local;
use crate::period::Period;

/// What some time costs, with VAT.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// The energy.
    pub energy: f64,
    /// The base fee.
    pub fee: f64,
    /// Carbon dioxide in g.
    pub co2_g: f64,
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
    pub fn total(&self) -> f64 {
        self.energy + self.fee
    }
}

/// Prices as time goes on. What holds in an hour and how long its month is are
/// worked out once.
#[derive(Debug)]
pub struct Prices<'site> {
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

impl<'site> Prices<'site> {
    pub(super) fn new(tariffs: &'site [Tariff], zone: &'site TimeZone) -> Self {
        Self { tariffs, zone, month: None, hour: None }
    }

    /// What a local hour, or a part of one, costs; `None` before the first tariff.
    pub fn cost(&mut self, span: &Range<Minute>, sum: &Sum) -> Option<Cost> {
        let price = self.at(span.start)?;
        let hours = (span.end.epoch_minutes() - span.start.epoch_minutes()) as f64 / 60.0;
        Some(Cost {
            energy: sum.counted() * price.per_unit,
            fee: price.fee_per_hour * hours,
            co2_g: sum.counted() * price.co2_g_per_unit,
        })
    }

    fn at(&mut self, minute: Minute) -> Option<Price> {
        if let Some((_, price)) = self.hour.as_ref().filter(|(hour, _)| hour.contains(&minute)) {
            return *price;
        }
        let hour = Period::containing(PeriodKind::Hour, minute, self.zone).span;
        let price = self.looked_up(minute);
        self.hour = Some((hour, price));
        price
    }

    fn looked_up(&mut self, minute: Minute) -> Option<Price> {
        let local = local(minute, self.zone).datetime();
        let tariff = self.tariffs.iter().rev().find(|tariff| tariff.from <= local.date())?;
        let first = local.date().first_of_month();
        let known = self.month.filter(|(month, _)| *month == first);
        let (_, hours_of_month) =
            *self.month.insert(known.unwrap_or_else(|| (first, hours_of_month(first, self.zone))));
        Some(Price {
            per_unit: tariff.price_at(local),
            fee_per_hour: tariff.fee_per_month / hours_of_month,
            co2_g_per_unit: tariff.co2_g_per_unit,
        })
    }
}

fn hours_of_month(first: Date, zone: &TimeZone) -> f64 {
    Period::with_day(PeriodKind::Month, first, zone).minutes() as f64 / 60.0
}
