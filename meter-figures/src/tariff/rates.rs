//! One tariff: what holds from a day on, by day of the week and time of day. Pure.

use jiff::civil::{Date, DateTime};
use meter_messages::{Medium, Unit};

use super::settings::{TariffError, TariffSettings, TimeSettings};

/// What holds from a day on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tariff {
    pub(super) from: Date,
    /// With VAT, as the rest.
    price: f64,
    pub(super) fee_per_month: f64,
    pub(super) co2_g_per_unit: f64,
    times: Vec<Time>,
}

#[derive(Debug, Clone, PartialEq)]
struct Time {
    hours: [bool; 24],
    /// From Monday on.
    days: [bool; 7],
    price: f64,
}

impl Tariff {
    pub(super) fn new(settings: &TariffSettings) -> Result<Self, TariffError> {
        let from = settings.from.unwrap_or(Date::constant(2000, 1, 1));
        let refuse = |said: String| TariffError(format!("tariff from {from}: {said}"));
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
        let time = |time: &TimeSettings| -> Result<Time, TariffError> {
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

    /// What a unit costs at a local time, with VAT.
    pub(super) fn price_at(&self, local: DateTime) -> f64 {
        let (hour, day) = (local.hour() as usize, local.date().weekday().to_monday_zero_offset() as usize);
        let fits = self.times.iter().find(|time| time.hours[hour % 24] && time.days[day % 7]);
        fits.map_or(self.price, |time| time.price)
    }
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
