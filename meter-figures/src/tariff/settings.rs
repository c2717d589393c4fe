//! Tariffs as they are written down.

use jiff::civil::Date;
use meter_messages::Medium;
use serde::Deserialize;

/// One `[[tariff]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffSettings {
    /// What it is for.
    #[serde(default)]
    pub medium: Medium,
    /// Its first day; without it, it held always.
    pub from: Option<Date>,
    /// The price of a kWh of electricity, without VAT.
    pub price_per_kwh: Option<f64>,
    /// The price of a m³ of gas or water, without VAT.
    pub price_per_m3: Option<f64>,
    /// The fee of a day, without VAT. Where there are several, all of them are paid.
    #[serde(default)]
    pub base_fee_per_day: f64,
    /// The fee of a month, without VAT.
    #[serde(default)]
    pub base_fee_per_month: f64,
    /// The fee of a year, without VAT.
    #[serde(default)]
    pub base_fee_per_year: f64,
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
}

/// One `[[tariff.time]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSettings {
    /// From one time of day to another, `"22-6"` or `"00:30-07:30"`; all of the day without it.
    pub hours: Option<String>,
    /// Days of the week, `"mon-fri"` or `"sat,sun"`; all without it. After midnight it is the
    /// next day.
    pub days: Option<String>,
    /// The price of a kWh then, without VAT.
    pub price_per_kwh: Option<f64>,
    /// The price of a m³ then, without VAT.
    pub price_per_m3: Option<f64>,
}

/// What is wrong with tariffs as they are written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TariffError(pub(super) String);
