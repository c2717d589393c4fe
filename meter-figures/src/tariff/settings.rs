//! Tariffs as they are written down.

use jiff::civil::Date;
use meter_messages::{Medium, Meter, SiteId};
use serde::Deserialize;

use super::billing::BillingDay;
use super::scope::Scope;

/// So many other prices a tariff has at most, by time or by block.
pub const MOST_PRICES: usize = 100;

/// One `[[tariff]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffSettings {
    /// What it is for.
    #[serde(default)]
    pub medium: Medium,
    /// Which meters it is for, a site's or a single one; without it all of the medium.
    #[serde(rename = "for", default)]
    pub scope: Scope,
    /// The meter at which the base fee is paid; without it the meter that it is for, or each site's first.
    pub main_meter: Option<Meter>,
    /// Its first day; without it, it held always.
    pub from: Option<Date>,
    /// The price of a kWh of electricity, without VAT.
    pub price_per_kwh: Option<f64>,
    /// The price of a m³ of gas or water, without VAT.
    pub price_per_m3: Option<f64>,
    /// Whether the price of the day is paid, for each quarter of an hour its own. Other prices come on top of it.
    #[serde(default)]
    pub price_of_the_day: bool,
    /// What the price of the day is multiplied by; 1 without it.
    pub price_factor: Option<f64>,
    /// The site whose prices of the day they are; without it the meter's own.
    pub prices_of: Option<SiteId>,
    /// The fee of a day, without VAT. Where there are several, all of them are paid.
    #[serde(default)]
    pub base_fee_per_day: f64,
    /// The fee of a month, without VAT.
    #[serde(default)]
    pub base_fee_per_month: f64,
    /// The fee of a year, without VAT.
    #[serde(default)]
    pub base_fee_per_year: f64,
    /// The price of each kW of the month's highest quarter of an hour, without VAT.
    #[serde(default)]
    pub capacity_price_per_month: f64,
    /// The price of each kW of the year's highest quarter of an hour, without VAT.
    #[serde(default)]
    pub capacity_price_per_year: f64,
    /// Whose highest quarter of an hour is priced.
    pub capacity_of: Option<CapacityOf>,
    /// The day with which the months and years of fees, capacity and blocks begin, `"17"` or `"05-17"`.
    #[serde(default)]
    pub bills_from: BillingDay,
    /// Value-added tax on all of it.
    #[serde(default)]
    pub vat_percent: f64,
    /// Carbon dioxide per kWh of electricity, in grams.
    pub co2_g_per_kwh: Option<f64>,
    /// Carbon dioxide per m³ of gas or water, in grams.
    pub co2_g_per_m3: Option<f64>,
    /// Other prices at some times; the first that fits holds.
    #[serde(default)]
    pub time: Vec<TimeSettings>,
    /// Other prices of what is used first in a month.
    #[serde(default)]
    pub block: Vec<BlockSettings>,
}

/// By what a tariff is known: no two have the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TariffKey {
    /// What it is for.
    pub medium: Medium,
    /// Which meters it is for.
    pub scope: Scope,
    /// Its first day; `None` of one that held always.
    pub from: Option<Date>,
}

impl TariffSettings {
    /// By what it is known.
    pub fn key(&self) -> TariffKey {
        TariffKey { medium: self.medium, scope: self.scope.clone(), from: self.from }
    }
}

/// Whose highest quarter of an hour a tariff prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CapacityOf {
    /// That of the meter at which it is paid.
    #[default]
    Meter,
    /// That of the whole site: what all of its meters take in together that are no others' part.
    Site,
}

/// One `[[tariff.time]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSettings {
    /// From one time of day to another, `"22-6"` or `"00:30-07:30"`; all of the day without it.
    pub hours: Option<String>,
    /// Days of the week and holidays, `"mon-fri"` or `"sat,sun,holiday"`; all without it. After midnight it is the
    /// next day.
    pub days: Option<String>,
    /// From one day of the year to another, both included, `"11-01 to 03-31"`; all of the year without it.
    pub season: Option<String>,
    /// The price of a kWh then, without VAT.
    pub price_per_kwh: Option<f64>,
    /// The price of a m³ then, without VAT.
    pub price_per_m3: Option<f64>,
}

/// One `[[tariff.block]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockSettings {
    /// Of a month's kWh it is for those up to so many that no block before it is for.
    pub up_to_kwh: Option<f64>,
    /// The same in m³ of gas or water.
    pub up_to_m3: Option<f64>,
    /// The price of a kWh of these, without VAT.
    pub price_per_kwh: Option<f64>,
    /// The price of a m³ of these, without VAT.
    pub price_per_m3: Option<f64>,
}

/// What is wrong with tariffs as they are written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TariffError(pub(super) String);
