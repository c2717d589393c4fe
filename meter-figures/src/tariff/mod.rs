//! What energy, gas and water cost: by meter, date, day of the week, holiday, season, time of day, and by how much was
//! used before. Pure.
//!
//! The cost of a time follows from its hours; one in which a price changes is in pieces. A base fee is spread over
//! the minutes of its day, month or year, watched or not, and is paid at one meter.

mod billing;
mod blocks;
mod costs;
mod holidays;
mod prices;
mod rates;
mod scope;
mod settings;
mod site;
mod times;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_messages::{Minute, PeriodKind};

pub use self::billing::BillingDay;
pub use self::holidays::Holiday;
pub use self::prices::{Cost, Prices};
use self::rates::Tariff;
pub use self::scope::Scope;
pub use self::settings::{BlockSettings, TariffError, TariffSettings, TimeSettings};
pub use self::site::SiteTariffs;
use crate::local_time::local;
use crate::period::Period;

/// The tariffs of a meter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tariffs {
    currency: String,
    /// Ascending; with each, whether its base fee is paid here.
    tariffs: Vec<(Arc<Tariff>, bool)>,
    holidays: Arc<[Holiday]>,
    /// The minutes of the day in which a price may change within an hour, ascending.
    changes: Vec<u16>,
}

impl Tariffs {
    fn new(currency: &str, tariffs: Vec<(Arc<Tariff>, bool)>, holidays: Arc<[Holiday]>) -> Self {
        let times = tariffs.iter().flat_map(|(tariff, _)| &tariff.times);
        let changes = times.flat_map(|(time, _)| time.bounds()).filter(|minute| minute % 60 > 0);
        let changes: BTreeSet<u16> = changes.collect();
        let changes = changes.into_iter().collect();
        Self { currency: currency.to_owned(), tariffs, holidays, changes }
    }

    /// The tariff of a day, and whether its base fee is paid here.
    fn on(&self, date: Date) -> Option<(&Tariff, bool)> {
        let tariff = self.tariffs.iter().rev().find(|(tariff, _)| tariff.from <= date)?;
        Some((&tariff.0, tariff.1))
    }

    fn has_holiday(&self, date: Date) -> bool {
        self.holidays.iter().any(|holiday| holiday.is_on(date))
    }

    /// The pieces of a local hour between which a price may change: mostly one.
    pub fn pieces(&self, hour: &Range<Minute>, zone: &TimeZone) -> Vec<Range<Minute>> {
        let mut pieces = vec![hour.clone()];
        if self.changes.is_empty() {
            return pieces;
        }
        let start = local(hour.start, zone);
        let start = i64::from(start.hour()) * 60 + i64::from(start.minute());
        for change in &self.changes {
            let at = Minute::nearest(hour.start.epoch_minutes() + i64::from(*change) - start);
            if let Some(last) = pieces.last_mut().filter(|last| last.start < at && at < last.end) {
                let rest = at..std::mem::replace(&mut last.end, at);
                pieces.push(rest);
            }
        }
        pieces
    }

    /// From where on it matters for the cost of a minute how much was used: from the beginning of the month where its
    /// tariff has blocks, else from the minute itself.
    pub fn counted_from(&self, at: Minute, zone: &TimeZone) -> Minute {
        let date = Period::containing(PeriodKind::Day, at, zone).first_day(zone);
        let blocks = self.on(date).filter(|(tariff, _)| !tariff.blocks.is_empty());
        blocks.map_or(at, |(tariff, _)| tariff.counted_together(date, zone).start)
    }

    /// What stands behind an amount.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Whether nothing is known about prices.
    pub fn is_empty(&self) -> bool {
        self.tariffs.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
