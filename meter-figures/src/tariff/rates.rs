//! One tariff: what holds from a day on, by day of the week and time of day. Pure.

use jiff::civil::{Date, DateTime};
use meter_messages::{Medium, PeriodKind, Unit};

use super::settings::{TariffError, TariffSettings, TimeSettings};

const MINUTES_OF_DAY: u16 = 24 * 60;

/// What holds from a day on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tariff {
    pub(super) from: Date,
    /// With VAT, as the rest.
    price: f64,
    /// The fees of a day, a month and a year.
    pub(super) fees: [(PeriodKind, f64); 3],
    pub(super) co2_g_per_unit: f64,
    times: Vec<Time>,
}

#[derive(Debug, Clone, PartialEq)]
struct Time {
    /// From one minute of the day to another, which may lie before it: then over midnight. All of the day where they
    /// are the same.
    from: u16,
    to: u16,
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
        let fees = [
            (PeriodKind::Day, settings.base_fee_per_day),
            (PeriodKind::Month, settings.base_fee_per_month),
            (PeriodKind::Year, settings.base_fee_per_year),
        ];
        let amounts = [price, settings.vat_percent, co2_g].into_iter().chain(fees.map(|(_, fee)| fee));
        for amount in amounts.chain(at_times) {
            if !(amount.is_finite() && amount.abs() < 1e6) {
                return Err(refuse(format!("{amount} is not a possible price")));
            }
        }
        let taxed = |amount: f64| amount * (1.0 + settings.vat_percent / 100.0);
        let time = |time: &TimeSettings| -> Result<Time, TariffError> {
            let (from, to) = times_of_day(time.hours.as_deref()).ok_or_else(|| {
                refuse("hours must be two times of day, like \"22-6\" or \"00:30-07:30\"".to_owned())
            })?;
            Ok(Time {
                from,
                to,
                days: days(time.days.as_deref())
                    .ok_or_else(|| refuse("days must be like \"mon-fri\" or \"sat,sun\"".to_owned()))?,
                price: taxed(price_at(time)?),
            })
        };
        Ok(Self {
            from,
            price: taxed(price),
            fees: fees.map(|(kind, fee)| (kind, taxed(fee))),
            co2_g_per_unit: co2_g,
            times: settings.time.iter().map(time).collect::<Result<_, _>>()?,
        })
    }

    /// What a unit costs at a local time, with VAT.
    pub(super) fn price_at(&self, local: DateTime) -> f64 {
        self.times.iter().find(|time| time.fits(local)).map_or(self.price, |time| time.price)
    }

    /// The minutes of the day in which the price may change.
    pub(super) fn changes(&self) -> impl Iterator<Item = u16> {
        self.times.iter().flat_map(|time| [time.from, time.to])
    }
}

impl Time {
    fn fits(&self, local: DateTime) -> bool {
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        let fits = match self.from < self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        };
        fits && self.days[local.date().weekday().to_monday_zero_offset() as usize % 7]
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

/// Two minutes of the day, the first of them below 24 hours.
fn times_of_day(text: Option<&str>) -> Option<(u16, u16)> {
    let Some(text) = text else { return Some((0, 0)) };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (time_of_day(from.trim())?, time_of_day(to.trim())?);
    Some((from % MINUTES_OF_DAY, to % MINUTES_OF_DAY))
}

/// `6`, `06:00` or `24`, in minutes.
fn time_of_day(text: &str) -> Option<u16> {
    let number = |text: &str| -> Option<u16> {
        let is_plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse().ok()).flatten()
    };
    let (hour, minute) = match text.split_once(':') {
        Some((hour, minute)) => (number(hour)?, number(minute).filter(|_| minute.len() == 2)?),
        None => (number(text)?, 0),
    };
    Some(hour * 60 + minute).filter(|at| minute < 60 && *at <= MINUTES_OF_DAY)
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
