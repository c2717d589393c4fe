//! Tariffs as they are written down, and how they are read.

use daemon_runtime::SettingsError;
use jiff::civil::Date;
use meter_messages::{Medium, Unit};
use serde::Deserialize;

use super::{Tariff, Time};

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
    /// The fee of a month, without VAT.
    #[serde(default)]
    pub base_fee_per_month: f64,
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
    /// From one full hour to another, `"22-6"`; all of the day without it.
    pub hours: Option<String>,
    /// Days of the week, `"mon-fri"` or `"sat,sun"`; all without it. After midnight it is the
    /// next day.
    pub days: Option<String>,
    /// The price of a kWh then, without VAT.
    pub price_per_kwh: Option<f64>,
    /// The price of a m³ then, without VAT.
    pub price_per_m3: Option<f64>,
}

/// A value per kWh or per m³: which of the two was written is the medium's.
fn per_unit(medium: Medium, per_kwh: Option<f64>, per_m3: Option<f64>) -> Result<Option<f64>, String> {
    let (right, wrong, key) = match medium.unit() {
        Unit::KilowattHour => (per_kwh, per_m3, "per_kwh"),
        Unit::CubicMetre => (per_m3, per_kwh, "per_m3"),
    };
    match wrong {
        Some(_) => Err(format!("prices and CO₂ of {} must be {key}", medium.as_str())),
        None => Ok(right),
    }
}

impl Tariff {
    pub(super) fn new(settings: &TariffSettings) -> Result<Self, SettingsError> {
        let from = settings.from.unwrap_or(Date::constant(2000, 1, 1));
        let refuse = |said: String| SettingsError::new(format!("tariff from {from}: {said}"));
        let per_unit = |per_kwh, per_m3| per_unit(settings.medium, per_kwh, per_m3).map_err(refuse);
        let needed = |price: Option<f64>| price.ok_or_else(|| refuse("it has no price".to_owned()));
        let price = needed(per_unit(settings.price_per_kwh, settings.price_per_m3)?)?;
        let co2_g = per_unit(settings.co2_g_per_kwh, settings.co2_g_per_m3)?.unwrap_or_default();
        let price_at = |time: &TimeSettings| needed(per_unit(time.price_per_kwh, time.price_per_m3)?);
        let at_times = settings.time.iter().map(price_at).collect::<Result<Vec<_>, _>>()?;
        let amounts = [price, settings.base_fee_per_month, settings.vat_percent, co2_g];
        for amount in amounts.into_iter().chain(at_times) {
            if !(amount.is_finite() && amount.abs() < 1e6) {
                return Err(refuse(format!("{amount} is not a possible price")));
            }
        }
        let taxed = |amount: f64| amount * (1.0 + settings.vat_percent / 100.0);
        let time = |time: &TimeSettings| -> Result<Time, SettingsError> {
            Ok(Time {
                hours: hours(time.hours.as_deref()).ok_or_else(|| {
                    refuse("hours must be two full hours from 0 to 24, like \"22-6\"".to_owned())
                })?,
                days: days(time.days.as_deref())
                    .ok_or_else(|| refuse("days must be like \"mon-fri\" or \"sat,sun\"".to_owned()))?,
                price: taxed(price_at(time)?),
            })
        };
        Ok(Self {
            from,
            price: taxed(price),
            fee_per_month: taxed(settings.base_fee_per_month),
            co2_g_per_unit: co2_g,
            times: settings.time.iter().map(time).collect::<Result<_, _>>()?,
        })
    }
}

fn hours(text: Option<&str>) -> Option<[bool; 24]> {
    let Some(text) = text else { return Some([true; 24]) };
    let (from, to) = text.split_once('-')?;
    let hour = |text: &str| text.trim().parse::<usize>().ok().filter(|hour| *hour <= 24);
    let (from, to) = (hour(from)?, hour(to)?);
    let mut hours = [false; 24];
    let mut at = from % 24;
    loop {
        hours[at] = true;
        at = (at + 1) % 24;
        if at == to % 24 {
            return Some(hours);
        }
    }
}

fn days(text: Option<&str>) -> Option<[bool; 7]> {
    let Some(text) = text else { return Some([true; 7]) };
    let day = |text: &str| {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        names.iter().position(|name| *name == text.trim().to_lowercase())
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (day(from)?, day(to)?);
        let mut at = from;
        days[at] = true;
        while at != to {
            at = (at + 1) % 7;
            days[at] = true;
        }
    }
    Some(days)
}
