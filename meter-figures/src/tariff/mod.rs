//! What energy, gas and water cost: by meter, date, day of the week, holiday, season, time of day, and by how much was
//! used before. Pure.
//!
//! The cost of a time follows from its hours; one in which a price changes is in pieces. A base fee is spread over
//! the minutes of its day, month or year, watched or not, and is paid at one meter; so is the price of a month's or
//! year's highest quarter of an hour.

mod bill;
mod billing;
mod blocks;
mod costs;
mod facts;
mod holidays;
mod prices;
mod rates;
mod saved;
mod scope;
mod settings;
mod site;
mod times;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_ledger::RecordedMeter;
use meter_messages::{Currency, Minute, PeriodKind, SiteId};

pub use self::bill::{Bill, BillItem, BillLine};
pub use self::billing::BillingDay;
pub use self::facts::{BillFacts, HighestOf};
pub use self::holidays::Holiday;
pub use self::prices::{Cost, Prices};
use self::rates::Tariff;
pub use self::saved::Saved;
pub use self::scope::Scope;
pub use self::settings::{
    BlockSettings, CapacityOf, MOST_PRICES, TariffError, TariffKey, TariffSettings, TimeSettings,
};
pub use self::site::SiteTariffs;
use crate::local_time::{local, midnight};
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
    /// The meter's site, and the currency of its prices of the day.
    day_prices: Option<(SiteId, Currency)>,
    /// What its site takes in comes through these.
    supply: Arc<[RecordedMeter]>,
}

/// A time in which a tariff follows prices of the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Following<'tariffs> {
    /// Its minutes.
    pub(crate) span: Range<Minute>,
    /// Whose prices they are.
    pub(crate) site: &'tariffs SiteId,
    /// And in which currency.
    pub(crate) currency: Currency,
}

impl Tariffs {
    fn new(
        currency: &str,
        tariffs: Vec<(Arc<Tariff>, bool)>,
        holidays: Arc<[Holiday]>,
        day_prices: Option<(SiteId, Currency)>,
    ) -> Self {
        let times = tariffs.iter().flat_map(|(tariff, _)| &tariff.times);
        let changes = times.flat_map(|(time, _)| time.bounds()).filter(|minute| minute % 60 > 0);
        let changes: BTreeSet<u16> = changes.collect();
        let changes = changes.into_iter().collect();
        let supply = Arc::new([]);
        Self { currency: currency.to_owned(), tariffs, holidays, changes, day_prices, supply }
    }

    /// The same, with the meters through which the site takes in what it uses. Without them, the highest quarter of an hour
    /// of a site is that of the meter.
    #[must_use]
    pub fn with_supply(self, meters: Vec<RecordedMeter>) -> Self {
        Self { supply: meters.into(), ..self }
    }

    /// The meters whose highest quarter of an hour is priced at a meter.
    pub(crate) fn capacity_meters<'asked>(
        &'asked self,
        of: CapacityOf,
        meter: &'asked RecordedMeter,
    ) -> &'asked [RecordedMeter] {
        match of {
            CapacityOf::Site if !self.supply.is_empty() => &self.supply,
            _ => std::slice::from_ref(meter),
        }
    }

    /// Whose highest quarter of an hour is shown at a meter, and of which meters that is: of the whole site, where that is
    /// priced here.
    pub fn shown_capacity<'asked>(
        &'asked self,
        meter: &'asked RecordedMeter,
    ) -> (CapacityOf, &'asked [RecordedMeter]) {
        let of = if self.price_capacity_of_site() { CapacityOf::Site } else { CapacityOf::Meter };
        (of, self.capacity_meters(of, meter))
    }

    /// Whether any of them prices the highest quarter of an hour of the whole site here.
    pub fn price_capacity_of_site(&self) -> bool {
        let of_site = |tariff: &Tariff| tariff.capacity_of == CapacityOf::Site;
        self.tariffs.iter().any(|(tariff, is_paid_here)| *is_paid_here && of_site(tariff))
    }

    /// The times of a span in which prices of the day are followed, ascending.
    pub(crate) fn following_day_prices(
        &self,
        span: &Range<Minute>,
        zone: &TimeZone,
    ) -> impl Iterator<Item = Following<'_>> {
        let known = self.day_prices.as_ref();
        let following = move |at: usize| {
            let (own, currency) = known?;
            let tariff = &self.tariffs[at].0;
            let site = tariff.day_price.as_ref()?.of.as_ref().unwrap_or(own);
            let begin = |at: usize| self.tariffs.get(at).map(|(tariff, _)| midnight(tariff.from, zone));
            let start = begin(at)?.max(span.start);
            let end = begin(at + 1).map_or(span.end, |next| next.min(span.end));
            (start < end).then_some(Following { span: start..end, site, currency: *currency })
        };
        (0..self.tariffs.len()).filter_map(following)
    }

    /// The months and years of bills that lie in a span or reach into it and whose highest quarter of an hour is priced
    /// here, and whose that is, each once.
    pub fn capacity_periods(
        &self,
        span: &Range<Minute>,
        zone: &TimeZone,
    ) -> Vec<(Range<Minute>, CapacityOf)> {
        let mut periods: Vec<(Range<Minute>, CapacityOf)> = Vec::new();
        for (tariff, _) in self.tariffs.iter().filter(|(_, is_paid_here)| *is_paid_here) {
            for (kind, _) in tariff.priced_capacity() {
                let mut at = span.start;
                while at < span.end {
                    let date = Period::containing(PeriodKind::Day, at, zone).first_day(zone);
                    let period = tariff.bills_from.period(kind, date, zone);
                    // There are no more minutes.
                    let next = if period.end > at { period.end } else { span.end };
                    let priced = (period, tariff.capacity_of);
                    if !periods.contains(&priced) {
                        periods.push(priced);
                    }
                    at = next;
                }
            }
        }
        periods
    }

    /// The first and the last day of the year of bills in which a minute lies; the calendar's before the first tariff.
    pub fn year_of_bills(&self, at: Minute, zone: &TimeZone) -> [Date; 2] {
        let date = Period::containing(PeriodKind::Day, at, zone).first_day(zone);
        let bills_from = self.on(date).map_or_else(BillingDay::default, |(tariff, _)| tariff.bills_from);
        let year = bills_from.period(PeriodKind::Year, date, zone);
        let last = Minute::nearest(year.end.epoch_minutes() - 1);
        [local(year.start, zone).date(), local(last, zone).date()]
    }

    /// Whether any of them prices the highest quarter of an hour here.
    pub fn price_capacity(&self) -> bool {
        self.tariffs
            .iter()
            .any(|(tariff, is_paid_here)| *is_paid_here && tariff.priced_capacity().next().is_some())
    }

    /// Whether any of them follows prices of the day.
    pub fn follow_day_prices(&self) -> bool {
        self.tariffs.iter().any(|(tariff, _)| tariff.day_price.is_some())
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
