//! What a meter's hours cost under its tariffs.

use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Minute, PeriodKind};

use super::Tariffs;
use super::prices::{Cost, Prices};
use crate::hour::Hour;
use crate::local_time::local;
use crate::period::{Period, pieces};

impl Tariffs {
    /// What holds at each time, for those who ask in the order of time.
    pub fn prices<'site>(&'site self, zone: &'site TimeZone) -> Prices<'site> {
        Prices::new(self, zone)
    }

    /// What hours, or pieces of them, cost; `None` where no tariff is known for one of them. Those from
    /// `until` on are still to come. `before` is what was used from [`Tariffs::counted_from`] up to the first.
    pub fn cost(&self, before: &Sum, hours: &[Hour], until: Minute, zone: &TimeZone) -> Option<Cost> {
        let mut prices = self.prices(zone);
        if let Some((first, _)) = hours.first() {
            prices = prices.after(before, first.start);
        }
        let begun = hours.iter().filter(|(hour, _)| hour.start < until);
        let costs = begun.map(|(hour, sum)| prices.cost(hour, sum));
        let cost = costs.sum::<Option<Cost>>()?;
        (!self.is_empty()).then_some(cost)
    }

    /// What a month costs that will use so much, of which some is known: the rest
    /// at the mean price until now, and the base fee of all its days.
    pub fn expected(
        &self,
        so_far: &Cost,
        (quantity, known): (f64, f64),
        at: Minute,
        zone: &TimeZone,
    ) -> Option<f64> {
        let (tariff, _) = self.on(local(at, zone).date())?;
        let month = Period::containing(PeriodKind::Month, at, zone).span;
        let mut prices = self.prices(zone);
        let days = pieces(PeriodKind::Day, &month, zone);
        let fee = days
            .iter()
            .fold(0.0, |all, day| all + prices.fee_per_minute(day.span.start) * day.minutes() as f64);
        let energy = if !tariff.blocks.is_empty() && tariff.bills_from.is_first_of_month() {
            tariff.blocks.cost(0.0..quantity, tariff.price)
        } else {
            so_far.energy * quantity / known
        };
        (known > 0.0).then_some(energy + fee)
    }
}
