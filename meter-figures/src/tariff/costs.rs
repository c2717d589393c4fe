//! What a meter's hours cost under its tariffs.

use jiff::tz::TimeZone;
use meter_messages::{Minute, PeriodKind};

use super::Tariffs;
use super::bill::Bill;
use super::facts::BillFacts;
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
    /// `until` on are still to come. `facts` are those of the first of them on.
    pub fn cost(&self, facts: &BillFacts, hours: &[Hour], until: Minute, zone: &TimeZone) -> Option<Cost> {
        let mut prices = self.prices(zone);
        if let Some(first) = hours.first() {
            prices = prices.after(facts, first.span.start);
        }
        let begun = hours.iter().filter(|hour| hour.span.start < until);
        let costs = begun.map(|hour| prices.cost(hour));
        let cost = costs.sum::<Option<Cost>>()?;
        (!self.is_empty()).then_some(cost)
    }

    /// The same line by line.
    pub fn bill(&self, facts: &BillFacts, hours: &[Hour], until: Minute, zone: &TimeZone) -> Option<Bill> {
        let (mut prices, mut bill) = (self.prices(zone), Bill::default());
        if let Some(first) = hours.first() {
            prices = prices.after(facts, first.span.start);
        }
        let mut begun = hours.iter().filter(|hour| hour.span.start < until);
        begun.try_for_each(|hour| prices.add_to(&mut bill, hour))?;
        (!self.is_empty()).then_some(bill)
    }

    /// What a kWh costs in hours in the mean of their time, whatever is used, also in those that are still to come;
    /// `None` where no tariff follows prices of the day, or none is known.
    pub fn mean_price(&self, hours: &[Hour], zone: &TimeZone) -> Option<f64> {
        let mut prices = self.prices(zone);
        let costs = hours.iter().filter_map(|hour| prices.cost(hour));
        costs.sum::<Cost>().mean_price()
    }

    /// What a month costs that will use so much, of which some is known: the rest
    /// at the mean price until now, and the base fee of all its days, and the highest quarter of an hour so far.
    pub fn expected(
        &self,
        so_far: &Cost,
        (quantity, known): (f64, f64),
        (at, facts): (Minute, &BillFacts),
        zone: &TimeZone,
    ) -> Option<f64> {
        let (tariff, _) = self.on(local(at, zone).date())?;
        let month = Period::containing(PeriodKind::Month, at, zone).span;
        // What has no price says nothing of a mean price.
        let known = known - so_far.unpriced;
        let mut prices = self.prices(zone).after(facts, month.start);
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
