//! An hour of a meter.

use std::ops::Range;

use meter_ledger::Sum;
use meter_messages::Minute;

/// An hour, or a piece of one, and what was recorded in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Hour {
    /// Its minutes.
    pub span: Range<Minute>,
    /// What was recorded.
    pub sum: Sum,
    /// What prices of the day make of it, where a tariff follows them; it is nothing elsewhere.
    pub day_prices: AtDayPrices,
}

/// A time at the prices of the day, which are without VAT and may change within it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AtDayPrices {
    /// The energy of each quarter of an hour at its price.
    pub amount: f64,
    /// The energy of these, in kWh.
    pub priced: f64,
    /// The energy of quarters of which nobody knows the price, in kWh.
    pub unpriced: f64,
    /// How many minutes have a price.
    pub minutes: f64,
    /// The sum of the prices of these minutes.
    pub prices: f64,
}

impl Hour {
    /// Without prices of the day.
    pub fn new(span: Range<Minute>, sum: Sum) -> Self {
        Self { span, sum, day_prices: AtDayPrices::default() }
    }

    /// Adds a part of it, of which the price is perhaps known.
    pub(crate) fn add(&mut self, part: &Range<Minute>, sum: &Sum, price: Option<f64>) {
        self.sum = self.sum.and(sum);
        let at = &mut self.day_prices;
        match price {
            Some(price) => {
                let minutes = (part.end.epoch_minutes() - part.start.epoch_minutes()) as f64;
                at.amount += sum.counted() * price;
                at.priced += sum.counted();
                at.minutes += minutes;
                at.prices += price * minutes;
            }
            None => at.unpriced += sum.counted(),
        }
    }
}
