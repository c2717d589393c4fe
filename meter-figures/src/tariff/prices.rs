//! What hours cost, as time goes on. Pure.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_messages::{Minute, PeriodKind};

use super::Tariffs;
use super::bill::{Bill, BillItem};
use super::facts::BillFacts;
use super::rates::Tariff;
use super::times::PricedDay;
use crate::hour::Hour;
use crate::local_time::local;
use crate::period::Period;

/// What some time costs, with VAT.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// The energy.
    pub energy: f64,
    /// The base fee.
    pub fee: f64,
    /// The highest quarter of an hour.
    pub capacity: f64,
    /// Carbon dioxide in g.
    pub co2_g: f64,
    /// The kWh or m³ that `energy` is the price of.
    pub priced: f64,
    /// The kWh that are no part of it, because nobody knows the price of their day.
    pub unpriced: f64,
    /// How many minutes have a price of the day, and the sum of what a kWh costs in these.
    pub(super) price_minutes: (f64, f64),
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |all, one| Self {
            energy: all.energy + one.energy,
            fee: all.fee + one.fee,
            capacity: all.capacity + one.capacity,
            co2_g: all.co2_g + one.co2_g,
            priced: all.priced + one.priced,
            unpriced: all.unpriced + one.unpriced,
            price_minutes: (
                all.price_minutes.0 + one.price_minutes.0,
                all.price_minutes.1 + one.price_minutes.1,
            ),
        })
    }
}

impl Cost {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.energy + self.fee + self.capacity
    }

    /// All of it; `None` where something was used, and no price is known for any of that.
    pub fn known_total(&self) -> Option<f64> {
        (self.unpriced == 0.0 || self.priced > 0.0).then(|| self.total())
    }

    /// What the energy costs; `None` where the price of some of it is not known.
    pub fn known_energy(&self) -> Option<f64> {
        (self.unpriced == 0.0).then_some(self.energy)
    }

    /// What a kWh or m³ of what has a price cost in the mean, without fees; `None` where there is none.
    pub fn price_of_unit(&self) -> Option<f64> {
        (self.priced > 0.0).then(|| self.energy / self.priced)
    }

    /// What a kWh cost in the mean of the time that has a price of the day.
    pub fn mean_price(&self) -> Option<f64> {
        let (minutes, prices) = self.price_minutes;
        (minutes > 0.0).then(|| prices / minutes)
    }
}

/// Prices as time goes on: what holds on a day, and in a piece of an hour, is worked out once.
#[derive(Debug)]
pub struct Prices<'site> {
    tariffs: &'site Tariffs,
    zone: &'site TimeZone,
    day: Option<Day<'site>>,
    /// A piece of an hour, and what a unit costs in it.
    piece: Option<(Range<Minute>, f64)>,
    used: Option<Used>,
    facts: BillFacts,
}

/// What holds on a day.
#[derive(Debug)]
struct Day<'site> {
    span: Range<Minute>,
    date: Date,
    tariff: Option<&'site Tariff>,
    priced: PricedDay,
    fee_per_minute: f64,
    capacity_per_minute: f64,
}

/// What was used so far of what a tariff's blocks count together.
#[derive(Debug)]
struct Used {
    of: Date,
    month: Range<Minute>,
    quantity: f64,
}

impl<'site> Prices<'site> {
    pub(super) fn new(tariffs: &'site Tariffs, zone: &'site TimeZone) -> Self {
        Self { tariffs, zone, day: None, piece: None, used: None, facts: BillFacts::default() }
    }

    /// Goes on at a minute; `facts` are those from there on.
    #[must_use]
    pub fn after(mut self, facts: &BillFacts, at: Minute) -> Self {
        self.facts = facts.clone();
        if let Some(tariff) = self.day(at).tariff {
            *self.used(at, tariff) = facts.used.counted();
        }
        self
    }

    /// What a local hour, or a part of one, costs in which no price changes but those of the day; `None` before the
    /// first tariff. With blocks it is what was not asked for before.
    pub fn cost(&mut self, hour: &Hour) -> Option<Cost> {
        let Hour { span, sum, day_prices } = hour;
        let day = self.day(span.start);
        let (tariff, fee_per_minute) = (day.tariff?, day.fee_per_minute);
        let capacity_per_minute = day.capacity_per_minute;
        let minutes = minutes(span);
        let quantity = sum.counted();
        let mut cost = Cost {
            fee: fee_per_minute * minutes,
            capacity: capacity_per_minute * minutes,
            co2_g: quantity * tariff.co2_g_per_unit,
            priced: quantity,
            ..Cost::default()
        };
        if let Some(follows) = &tariff.day_price {
            let on_top = self.price(span.start, tariff);
            cost.unpriced = day_prices.unpriced;
            cost.priced = day_prices.priced;
            cost.energy = cost.priced * on_top + day_prices.amount * follows.factor;
            let prices = day_prices.minutes * on_top + day_prices.prices * follows.factor;
            cost.price_minutes = (day_prices.minutes, prices);
        } else if tariff.blocks.is_empty() {
            cost.energy = quantity * self.price(span.start, tariff);
        } else {
            let used = self.used(span.start, tariff);
            let part = *used..*used + quantity;
            *used = part.end;
            cost.energy = tariff.blocks.cost(part, tariff.price);
        }
        Some(cost)
    }

    /// What so much more would have cost in the hour whose cost was asked for last, at the prices of its time. With blocks it
    /// is what would have been asked for next. `None` where no price is known.
    pub(super) fn cost_of_more(&mut self, hour: &Hour, more: f64) -> Option<f64> {
        let start = hour.span.start;
        let tariff = self.day(start).tariff?;
        if let Some(follows) = &tariff.day_price {
            let (on_top, at) = (self.price(start, tariff), &hour.day_prices);
            return (at.minutes > 0.0).then(|| more * (on_top + at.prices / at.minutes * follows.factor));
        }
        if tariff.blocks.is_empty() {
            return Some(more * self.price(start, tariff));
        }
        let used = *self.used(start, tariff);
        let between = |from: f64, to: f64| tariff.blocks.cost(from..to, tariff.price);
        Some(if more < 0.0 { -between(used + more, used) } else { between(used, used + more) })
    }

    /// Adds what an hour costs to the lines of a bill: all together what [`Prices::cost`] says. `None` before the first
    /// tariff.
    pub(super) fn add_to(&mut self, bill: &mut Bill, hour: &Hour) -> Option<()> {
        let Hour { span, sum, day_prices } = hour;
        let day = self.day(span.start);
        let (tariff, minutes) = (day.tariff?, minutes(span));
        let of = (tariff.from, tariff.vat_percent);
        let (fee, capacity) = (day.fee_per_minute * minutes, day.capacity_per_minute * minutes);
        let quantity = sum.counted();
        if let Some(follows) = &tariff.day_price {
            let (on_top, priced) = (self.price(span.start, tariff), day_prices.priced);
            bill.unpriced += day_prices.unpriced;
            bill.add((BillItem::AtDayPrices, None), of, (priced, day_prices.amount * follows.factor));
            if on_top != 0.0 {
                bill.add((BillItem::Quantity, Some(on_top)), of, (priced, priced * on_top));
            }
        } else if tariff.blocks.is_empty() {
            let price = self.price(span.start, tariff);
            bill.add((BillItem::Quantity, Some(price)), of, (quantity, quantity * price));
        } else {
            let used = self.used(span.start, tariff);
            let part = *used..*used + quantity;
            *used = part.end;
            for (quantity, price) in tariff.blocks.pieces(part, tariff.price) {
                bill.add((BillItem::Quantity, Some(price)), of, (quantity, quantity * price));
            }
        }
        bill.add((BillItem::BaseFee, None), of, (0.0, fee));
        bill.add((BillItem::Capacity, None), of, (0.0, capacity));
        Some(())
    }

    /// What is paid for a minute of the day whatever is used then: the base fee and the highest quarter of an hour so far.
    pub(super) fn fee_per_minute(&mut self, at: Minute) -> f64 {
        let day = self.day(at);
        day.fee_per_minute + day.capacity_per_minute
    }

    fn day(&mut self, at: Minute) -> &Day<'site> {
        let kept = self.day.take().filter(|day| day.span.contains(&at));
        let (tariffs, zone) = (self.tariffs, self.zone);
        let facts = &self.facts;
        self.day.insert(kept.unwrap_or_else(|| Day::containing(at, tariffs, zone, facts)))
    }

    fn price(&mut self, at: Minute, tariff: &Tariff) -> f64 {
        if tariff.times.is_empty() {
            return tariff.price;
        }
        if let Some((_, price)) = self.piece.as_ref().filter(|(piece, _)| piece.contains(&at)) {
            return *price;
        }
        let shown = local(at, self.zone);
        let minute =
            u16::try_from(i32::from(shown.hour()) * 60 + i32::from(shown.minute())).unwrap_or_default();
        let price = tariff.price_at(self.day(at).priced, minute);
        let hour = Period::containing(PeriodKind::Hour, at, self.zone).span;
        let mut pieces = self.tariffs.pieces(&hour, self.zone).into_iter();
        self.piece = pieces.find(|piece| piece.contains(&at)).map(|piece| (piece, price));
        price
    }

    fn used(&mut self, at: Minute, tariff: &Tariff) -> &mut f64 {
        let kept = self.used.take().filter(|used| used.of == tariff.from && used.month.contains(&at));
        let (date, zone) = (self.day(at).date, self.zone);
        let used = kept.unwrap_or_else(|| Used {
            of: tariff.from,
            month: tariff.counted_together(date, zone),
            quantity: 0.0,
        });
        &mut self.used.insert(used).quantity
    }
}

/// How many there are.
fn minutes(span: &Range<Minute>) -> f64 {
    (span.end.epoch_minutes() - span.start.epoch_minutes()) as f64
}

impl<'site> Day<'site> {
    fn containing(at: Minute, tariffs: &'site Tariffs, zone: &TimeZone, facts: &BillFacts) -> Self {
        let span = Period::containing(PeriodKind::Day, at, zone).span;
        let date = local(span.start, zone).date();
        let (tariff, is_paid_here) =
            tariffs.on(date).map_or((None, false), |(tariff, is)| (Some(tariff), is));
        let paid_here = || tariff.into_iter().filter(move |_| is_paid_here);
        let fees = paid_here().flat_map(|tariff| {
            let fees = tariff.fees.into_iter().filter(|(_, fee)| *fee != 0.0);
            fees.map(|(kind, fee)| fee / minutes(&tariff.bills_from.period(kind, date, zone)))
        });
        let capacity = paid_here().flat_map(|tariff| {
            let priced = tariff.priced_capacity();
            priced.map(|(kind, price)| {
                let period = tariff.bills_from.period(kind, date, zone);
                price * facts.highest_kw(&period, tariff.capacity_of) / minutes(&period)
            })
        });
        // Not `sum()`, which is -0 where there is no fee.
        let (fee_per_minute, capacity_per_minute) =
            (fees.fold(0.0, |all, fee| all + fee), capacity.fold(0.0, |all, fee| all + fee));
        let is_holiday = tariff.is_some_and(|tariff| tariff.names_holidays() && tariffs.has_holiday(date));
        let priced = PricedDay::new(date, is_holiday);
        Self { span, date, tariff, priced, fee_per_minute, capacity_per_minute }
    }
}
