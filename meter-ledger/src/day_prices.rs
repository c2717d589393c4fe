//! Prices of the day, as they were said, by quarters of an hour. They belong to a site, not to a meter.

use std::ops::Range;

use jiff::Timestamp;
use meter_messages::{Currency, EnergyPrice, Minute, SiteId};

use crate::error::damaged;
use crate::home::{self, OptionalRow, params};
use crate::{Batch, Ledger, LedgerError};

/// Minutes that have one price.
const QUARTER: i64 = 15;

/// Sites and currencies with prices, of all and of one site: each is a row that stays.
const MOST_SITES: i64 = 1_000;
const MOST_CURRENCIES: i64 = 3;

/// Quarters of a site and currency that have a price: 20 years of them. Invented ones must not fill the disk.
const MOST_QUARTERS: i64 = 20 * 366 * 96;

/// What came of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pricing {
    /// They are in the ledger with this batch.
    Entered(NewPrices),
    /// There are prices of as many sites, or in as many currencies, as there may be.
    TooManySites,
    /// Some are not entered: the site has prices of as many quarters as it may have.
    TooMany(NewPrices),
}

/// How many quarters of an hour have a price that they had not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NewPrices {
    /// Those that had none.
    pub new: u64,
    /// Those that had another one.
    pub corrected: u64,
    /// Those whose price was said later than this.
    pub outdated: u64,
}

/// A price of a quarter that is in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayPrice {
    /// The quarter's first minute.
    pub quarter: Minute,
    /// The price of a kWh, without VAT.
    pub price: EnergyPrice,
}

impl DayPrice {
    /// Its minutes.
    pub fn span(&self) -> Range<Minute> {
        self.quarter..Minute::nearest(self.quarter.epoch_minutes() + QUARTER)
    }
}

impl Batch<'_> {
    /// Enters the prices of quarters of an hour, each with its first minute, that were said at `said`. What was said
    /// later holds, whatever the order in which it comes; of what was said at the same time, the first.
    pub fn enter_prices(
        &mut self,
        site: &SiteId,
        currency: Currency,
        said: Timestamp,
        quarters: impl IntoIterator<Item = (Minute, EnergyPrice)>,
    ) -> Result<Pricing, LedgerError> {
        let Some((series, mut kept)) = self.price_series(site, currency)? else {
            return Ok(Pricing::TooManySites);
        };
        let (mut entered, mut has_room, kept_before) = (NewPrices::default(), true, kept);
        let said = said.as_millisecond();
        for (quarter, price) in quarters {
            match self.price_of(series, quarter)? {
                Some((known, _)) if known > said => entered.outdated += 1,
                Some((known, before)) if known == said || before == price.billionths() => {
                    if known < said {
                        // It is said again, so that what was said in between does not hold.
                        self.write_price(series, quarter, price, said)?;
                    }
                }
                Some(_) => {
                    self.write_price(series, quarter, price, said)?;
                    entered.corrected += 1;
                }
                None if kept >= MOST_QUARTERS => has_room = false,
                None => {
                    self.write_price(series, quarter, price, said)?;
                    (entered.new, kept) = (entered.new + 1, kept + 1);
                }
            }
        }
        if kept > kept_before {
            self.transaction()
                .prepare_cached("UPDATE price_series SET quarters = ?2 WHERE id = ?1")?
                .execute([series, kept])?;
        }
        Ok(if has_room { Pricing::Entered(entered) } else { Pricing::TooMany(entered) })
    }

    /// The row of a site's prices in a currency, and how many quarters have one; `None` if there may not be another.
    fn price_series(&self, site: &SiteId, currency: Currency) -> Result<Option<(i64, i64)>, LedgerError> {
        let known: Option<(i64, i64)> = self
            .transaction()
            .prepare_cached("SELECT id, quarters FROM price_series WHERE site = ?1 AND currency = ?2")?
            .query_row(params![site.as_str(), currency.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if known.is_some() {
            return Ok(known);
        }
        let (all, of_site): (i64, i64) = self
            .transaction()
            .prepare_cached("SELECT count(*), count(*) FILTER (WHERE site = ?1) FROM price_series")?
            .query_row([site.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if all >= MOST_SITES || of_site >= MOST_CURRENCIES {
            return Ok(None);
        }
        let series = self
            .transaction()
            .prepare_cached(
                "INSERT INTO price_series (site, currency, quarters) VALUES (?1, ?2, 0) RETURNING id",
            )?
            .query_row(params![site.as_str(), currency.as_str()], |row| row.get(0))?;
        Ok(Some((series, 0)))
    }

    /// When the price of a quarter was said, in ms, and what it is in billionths.
    fn price_of(&self, series: i64, quarter: Minute) -> Result<Option<(i64, i64)>, LedgerError> {
        let mut statement = self
            .transaction()
            .prepare_cached("SELECT said_ms, billionths FROM price WHERE series = ?1 AND minute = ?2")?;
        let found =
            statement.query_row([series, quarter.epoch_minutes()], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(found.optional()?)
    }

    fn write_price(
        &self,
        series: i64,
        quarter: Minute,
        price: EnergyPrice,
        said: i64,
    ) -> Result<(), LedgerError> {
        self.transaction()
            .prepare_cached(
                "INSERT INTO price (series, minute, billionths, said_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (series, minute) DO UPDATE SET billionths = ?3, said_ms = ?4",
            )?
            .execute([series, quarter.epoch_minutes(), price.billionths(), said])?;
        Ok(())
    }
}

impl Ledger {
    /// The prices of a site in a currency of the quarters that lie in a span or reach into it, ascending.
    pub fn day_prices(
        &self,
        site: &SiteId,
        currency: Currency,
        span: Range<Minute>,
    ) -> Result<Vec<DayPrice>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT minute, billionths FROM price
             WHERE series = (SELECT id FROM price_series WHERE site = ?1 AND currency = ?2)
                   AND minute > ?3 AND minute < ?4
             ORDER BY minute",
        )?;
        let (start, end) = (span.start.epoch_minutes() - QUARTER, span.end.epoch_minutes());
        let rows = statement.query_map(params![site.as_str(), currency.as_str(), start, end], |row| {
            Ok((row.get::<i64>(0)?, row.get::<i64>(1)?))
        })?;
        let price = |row: home::Result<(i64, i64)>| {
            let (minute, billionths) = row?;
            let quarter = Minute::from_epoch_minutes(minute).map_err(damaged)?;
            Ok(DayPrice { quarter, price: EnergyPrice::from_billionths(billionths).map_err(damaged)? })
        };
        rows.map(price).collect()
    }
}
