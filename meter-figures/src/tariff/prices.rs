//! What hours cost, as time goes on. Pure.

use std::ops::Range;

use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Minute, PeriodKind};

use super::Tariffs;
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

/// Prices as time goes on. What holds in a piece of an hour, and how long its day, month and year are, are worked
/// out once.
#[derive(Debug)]
pub struct Prices<'site> {
    tariffs: &'site Tariffs,
    zone: &'site TimeZone,
    /// The day, the month and the year that a fee was last asked for.
    periods: [Option<Period>; 3],
    piece: Option<(Range<Minute>, Option<Price>)>,
}

/// What holds in an hour, or in a piece of one.
#[derive(Debug, Clone, Copy)]
struct Price {
    per_unit: f64,
    fee_per_minute: f64,
    co2_g_per_unit: f64,
}

impl<'site> Prices<'site> {
    pub(super) fn new(tariffs: &'site Tariffs, zone: &'site TimeZone) -> Self {
        Self { tariffs, zone, periods: [None, None, None], piece: None }
    }

    /// What a local hour, or a part of one, costs in which no price changes; `None` before the first tariff.
    pub fn cost(&mut self, span: &Range<Minute>, sum: &Sum) -> Option<Cost> {
        let price = self.at(span)?;
        let minutes = (span.end.epoch_minutes() - span.start.epoch_minutes()) as f64;
        Some(Cost {
            energy: sum.counted() * price.per_unit,
            fee: price.fee_per_minute * minutes,
            co2_g: sum.counted() * price.co2_g_per_unit,
        })
    }

    fn at(&mut self, span: &Range<Minute>) -> Option<Price> {
        if let Some((_, price)) = self.piece.as_ref().filter(|(piece, _)| piece.contains(&span.start)) {
            return *price;
        }
        let price = self.looked_up(span.start);
        let hour = Period::containing(PeriodKind::Hour, span.start, self.zone).span;
        let mut pieces = self.tariffs.pieces(&hour, self.zone).into_iter();
        self.piece = pieces.find(|piece| piece.contains(&span.start)).map(|piece| (piece, price));
        price
    }

    fn looked_up(&mut self, minute: Minute) -> Option<Price> {
        let local = local(minute, self.zone).datetime();
        let tariff = self.tariffs.at(local.date())?;
        let zone = self.zone;
        let fees = tariff.fees.into_iter().zip(&mut self.periods).filter(|((_, fee), _)| *fee != 0.0);
        let of_minute = fees.map(|((kind, fee), known)| {
            let kept = known.take().filter(|period| period.span.contains(&minute));
            let period = known.insert(kept.unwrap_or_else(|| Period::containing(kind, minute, zone)));
            fee / period.minutes() as f64
        });
        Some(Price {
            // Not `sum()`, which is -0 where there is no fee.
            fee_per_minute: of_minute.fold(0.0, |all, fee| all + fee),
            per_unit: tariff.price_at(local),
            co2_g_per_unit: tariff.co2_g_per_unit,
        })
    }
}
