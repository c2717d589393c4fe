//! What hours cost, as time goes on. Pure.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Minute, PeriodKind};

use super::Tariffs;
use super::rates::Tariff;
use super::times::PricedDay;
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

/// Prices as time goes on: what holds on a day, and in a piece of an hour, is worked out once.
#[derive(Debug)]
pub struct Prices<'site> {
    tariffs: &'site Tariffs,
    zone: &'site TimeZone,
    day: Option<Day<'site>>,
    /// A piece of an hour, and what a unit costs in it.
    piece: Option<(Range<Minute>, f64)>,
    used: Option<Used>,
}

/// What holds on a day.
#[derive(Debug)]
struct Day<'site> {
    span: Range<Minute>,
    date: Date,
    tariff: Option<&'site Tariff>,
    priced: PricedDay,
    fee_per_minute: f64,
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
        Self { tariffs, zone, day: None, piece: None, used: None }
    }

    /// Goes on at a minute before which so much was used since [`Tariffs::counted_from`].
    #[must_use]
    pub fn after(mut self, before: &Sum, at: Minute) -> Self {
        if let Some(tariff) = self.day(at).tariff {
            *self.used(at, tariff) = before.counted();
        }
        self
    }

    /// What a local hour, or a part of one, costs in which no price changes; `None` before the first tariff. With
    /// blocks it is what was not asked for before.
    pub fn cost(&mut self, span: &Range<Minute>, sum: &Sum) -> Option<Cost> {
        let day = self.day(span.start);
        let (tariff, fee_per_minute) = (day.tariff?, day.fee_per_minute);
        let minutes = (span.end.epoch_minutes() - span.start.epoch_minutes()) as f64;
        let quantity = sum.counted();
        let energy = if tariff.blocks.is_empty() {
            quantity * self.price(span.start, tariff)
        } else {
            let used = self.used(span.start, tariff);
            let part = *used..*used + quantity;
            *used = part.end;
            tariff.blocks.cost(part, tariff.price)
        };
        Some(Cost { energy, fee: fee_per_minute * minutes, co2_g: quantity * tariff.co2_g_per_unit })
    }

    /// What the base fee of a minute is.
    pub(super) fn fee_per_minute(&mut self, at: Minute) -> f64 {
        self.day(at).fee_per_minute
    }

    fn day(&mut self, at: Minute) -> &Day<'site> {
        let kept = self.day.take().filter(|day| day.span.contains(&at));
        let (tariffs, zone) = (self.tariffs, self.zone);
        self.day.insert(kept.unwrap_or_else(|| Day::containing(at, tariffs, zone)))
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

impl<'site> Day<'site> {
    fn containing(at: Minute, tariffs: &'site Tariffs, zone: &TimeZone) -> Self {
        let span = Period::containing(PeriodKind::Day, at, zone).span;
        let date = local(span.start, zone).date();
        let (tariff, is_paid_here) =
            tariffs.on(date).map_or((None, false), |(tariff, is)| (Some(tariff), is));
        let fees = tariff.into_iter().filter(|_| is_paid_here).flat_map(|tariff| {
            let fees = tariff.fees.into_iter().filter(|(_, fee)| *fee != 0.0);
            fees.map(|(kind, fee)| {
                let period = tariff.bills_from.period(kind, date, zone);
                fee / (period.end.epoch_minutes() - period.start.epoch_minutes()) as f64
            })
        });
        // Not `sum()`, which is -0 where there is no fee.
        let fee_per_minute = fees.fold(0.0, |all, fee| all + fee);
        let is_holiday = tariff.is_some_and(|tariff| tariff.names_holidays() && tariffs.has_holiday(date));
        Self { span, date, tariff, priced: PricedDay::new(date, is_holiday), fee_per_minute }
    }
}
