//! One tariff: what holds from a day on. Pure.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_messages::{Medium, Meter, Minute, PeriodKind, SiteId, Unit};

use super::billing::BillingDay;
use super::blocks::Blocks;
use super::scope::Scope;
use super::settings::{BlockSettings, CapacityOf, MOST_PRICES, TariffError, TariffSettings};
use super::times::{PricedDay, Time};
use crate::local_time::midnight;

/// What holds from a day on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tariff {
    pub(super) medium: Medium,
    pub(super) scope: Scope,
    main_meter: Option<Meter>,
    pub(super) from: Date,
    pub(super) vat_percent: f64,
    /// With VAT, as the rest.
    pub(super) price: f64,
    /// The fees of a day, a month and a year.
    pub(super) fees: [(PeriodKind, f64); 3],
    /// The prices of a kW of the highest quarter of an hour of a month and of a year.
    pub(super) capacity: [(PeriodKind, f64); 2],
    /// Whose that is.
    pub(super) capacity_of: CapacityOf,
    pub(super) bills_from: BillingDay,
    pub(super) co2_g_per_unit: f64,
    /// Each with its price; the first that fits holds.
    pub(super) times: Vec<(Time, f64)>,
    pub(super) blocks: Blocks,
    pub(super) day_price: Option<DayPriceRule>,
}

/// That the price of the day is paid, and the tariff's own on top of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DayPriceRule {
    /// What it is multiplied by; with VAT.
    pub(super) factor: f64,
    /// Whose prices they are; the meter's own site's where it is not said.
    pub(super) of: Option<SiteId>,
}

/// At which meter a base fee is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payer<'tariff> {
    One(&'tariff Meter),
    /// The first of each site.
    First,
}

impl Tariff {
    pub(super) fn new(settings: &TariffSettings) -> Result<Self, TariffError> {
        let from = settings.from.unwrap_or(Date::constant(2000, 1, 1));
        let refuse = |said: String| match &settings.scope {
            Scope::All => TariffError(format!("tariff from {from}: {said}")),
            scope => TariffError(format!("tariff for {scope} from {from}: {said}")),
        };
        let amounts = Amounts { medium: settings.medium, vat_percent: settings.vat_percent };
        amounts.possible(settings.vat_percent).map_err(refuse)?;
        check_main_meter(settings).map_err(refuse)?;
        if settings.time.len().max(settings.block.len()) > MOST_PRICES {
            return Err(refuse(format!("it has more than {MOST_PRICES} times or blocks")));
        }
        let fees = [
            (PeriodKind::Day, settings.base_fee_per_day),
            (PeriodKind::Month, settings.base_fee_per_month),
            (PeriodKind::Year, settings.base_fee_per_year),
        ];
        for (_, fee) in fees {
            amounts.possible(fee).map_err(refuse)?;
        }
        let capacity = [
            (PeriodKind::Month, settings.capacity_price_per_month),
            (PeriodKind::Year, settings.capacity_price_per_year),
        ];
        for (_, price) in capacity {
            amounts.possible(price).map_err(refuse)?;
            if price != 0.0 && settings.medium != Medium::Electricity {
                return Err(refuse("only electricity has a price of capacity".into()));
            }
        }
        if settings.capacity_of.is_some() && capacity.iter().all(|(_, price)| *price == 0.0) {
            return Err(refuse(
                "capacity_of belongs to capacity_price_per_month or capacity_price_per_year".into(),
            ));
        }
        let co2_g = amounts.per_unit(settings.co2_g_per_kwh, settings.co2_g_per_m3).map_err(refuse)?;
        Ok(Self {
            medium: settings.medium,
            scope: settings.scope.clone(),
            main_meter: settings.main_meter.clone(),
            from,
            vat_percent: settings.vat_percent,
            price: own_price(settings, amounts).map_err(refuse)?,
            day_price: day_price(settings, amounts).map_err(refuse)?,
            fees: fees.map(|(kind, fee)| (kind, amounts.taxed(fee))),
            capacity: capacity.map(|(kind, price)| (kind, amounts.taxed(price))),
            capacity_of: settings.capacity_of.unwrap_or_default(),
            bills_from: settings.bills_from,
            co2_g_per_unit: co2_g.unwrap_or_default(),
            times: times(settings, amounts).map_err(refuse)?,
            blocks: blocks(settings, amounts).map_err(refuse)?,
        })
    }

    /// What a unit costs on a day in a minute of it, with VAT and apart from blocks.
    pub(super) fn price_at(&self, day: PricedDay, minute: u16) -> f64 {
        let fitting = self.times.iter().find(|(time, _)| time.contains(day, minute));
        fitting.map_or(self.price, |(_, price)| *price)
    }

    /// Whether holidays are days of their own.
    pub(super) fn names_holidays(&self) -> bool {
        self.times.iter().any(|(time, _)| time.names_holidays)
    }

    /// Whether it has a base fee, or a price of capacity, which is paid at the same meter.
    pub(super) fn has_fee(&self) -> bool {
        self.fees.iter().chain(&self.capacity).any(|(_, fee)| *fee != 0.0)
    }

    /// The months and years of its bills in which it prices the highest quarter of an hour.
    pub(super) fn priced_capacity(&self) -> impl Iterator<Item = (PeriodKind, f64)> {
        self.capacity.into_iter().filter(|(_, price)| *price != 0.0)
    }

    /// The minutes whose use counts together for its blocks: those of a day's month.
    pub(super) fn counted_together(&self, date: Date, zone: &TimeZone) -> Range<Minute> {
        let month = self.bills_from.period(PeriodKind::Month, date, zone);
        month.start.max(midnight(self.from, zone))..month.end
    }

    /// At which meter its base fee is paid.
    pub(super) fn payer(&self) -> Payer<'_> {
        match (&self.main_meter, &self.scope) {
            (Some(meter), _) | (None, Scope::Meter(meter)) => Payer::One(meter),
            (None, Scope::All | Scope::Site(_)) => Payer::First,
        }
    }
}

fn check_main_meter(settings: &TariffSettings) -> Result<(), String> {
    match &settings.main_meter {
        Some(meter) if !settings.scope.contains(meter) => Err(format!(
            "it is not for its main meter {meter}; leave out main_meter, or name one that it is for"
        )),
        _ => Ok(()),
    }
}

/// The price that the tariff names itself; on top of the price of the day it may be left out.
fn own_price(settings: &TariffSettings, amounts: Amounts) -> Result<f64, String> {
    let (per_kwh, per_m3) = (settings.price_per_kwh, settings.price_per_m3);
    match settings.price_of_the_day && per_kwh.is_none() && per_m3.is_none() {
        true => Ok(0.0),
        false => amounts.price(per_kwh, per_m3),
    }
}

fn day_price(settings: &TariffSettings, amounts: Amounts) -> Result<Option<DayPriceRule>, String> {
    if !settings.price_of_the_day {
        return match settings.price_factor.is_some() || settings.prices_of.is_some() {
            true => Err("price_factor and prices_of belong to price_of_the_day = true".into()),
            false => Ok(None),
        };
    }
    if settings.medium != Medium::Electricity {
        return Err(format!("prices of the day are for electricity, not for {}", settings.medium.as_str()));
    }
    if !settings.block.is_empty() {
        return Err("it has blocks and follows the price of the day; leave one of them out".into());
    }
    let factor = amounts.taxed(amounts.possible(settings.price_factor.unwrap_or(1.0))?);
    Ok(Some(DayPriceRule { factor, of: settings.prices_of.clone() }))
}

fn times(settings: &TariffSettings, amounts: Amounts) -> Result<Vec<(Time, f64)>, String> {
    let times = settings.time.iter().map(Time::new).collect::<Result<Vec<_>, _>>()?;
    for (at, time) in times.iter().enumerate() {
        if time.is_hidden_by(&times[..at]) {
            let which = at + 1;
            return Err(format!(
                "its time {which} never holds, because those before it cover it; put it before them or leave it out"
            ));
        }
    }
    let prices = settings.time.iter().map(|time| amounts.price(time.price_per_kwh, time.price_per_m3));
    times.into_iter().zip(prices).map(|(time, price)| Ok((time, price?))).collect()
}

fn blocks(settings: &TariffSettings, amounts: Amounts) -> Result<Blocks, String> {
    if !settings.block.is_empty() && !settings.time.is_empty() {
        return Err("it has times and blocks; write prices either by time or by block".into());
    }
    let block = |block: &BlockSettings| -> Result<(f64, f64), String> {
        let up_to = amounts.of_unit(block.up_to_kwh, block.up_to_m3)?;
        let up_to = up_to.ok_or("a block must say where it ends, by up_to_kwh or up_to_m3")?;
        if !(up_to.is_finite() && up_to < MOST_OF_BLOCK) {
            return Err(format!("a block cannot end at {up_to}"));
        }
        Ok((up_to, amounts.price(block.price_per_kwh, block.price_per_m3)?))
    };
    let blocks = settings.block.iter().map(block).collect::<Result<Vec<_>, _>>()?;
    Blocks::new(blocks.into_iter())
        .ok_or_else(|| "each block must end above the one before it; put them in order".into())
}

/// More than anybody takes in a billing period, in kWh or m³.
const MOST_OF_BLOCK: f64 = 1e9;

/// How the amounts of a tariff are read.
#[derive(Debug, Clone, Copy)]
struct Amounts {
    medium: Medium,
    vat_percent: f64,
}

impl Amounts {
    fn taxed(self, amount: f64) -> f64 {
        amount * (1.0 + self.vat_percent / 100.0)
    }

    /// With VAT; there must be one.
    fn price(self, per_kwh: Option<f64>, per_m3: Option<f64>) -> Result<f64, String> {
        self.per_unit(per_kwh, per_m3)?.map(|price| self.taxed(price)).ok_or_else(|| "it has no price".into())
    }

    /// A value per kWh or per m³ that may be a price.
    fn per_unit(self, per_kwh: Option<f64>, per_m3: Option<f64>) -> Result<Option<f64>, String> {
        self.of_unit(per_kwh, per_m3)?.map(|amount| self.possible(amount)).transpose()
    }

    /// A value per kWh or per m³, or a quantity in them: which of the two was written is the medium's.
    fn of_unit(self, per_kwh: Option<f64>, per_m3: Option<f64>) -> Result<Option<f64>, String> {
        let (right, wrong, key) = match self.medium.unit() {
            Unit::KilowattHour => (per_kwh, per_m3, "per_kwh"),
            Unit::CubicMetre => (per_m3, per_kwh, "per_m3"),
        };
        match wrong {
            Some(_) => Err(format!("prices, blocks and CO₂ of {} must be {key}", self.medium.as_str())),
            None => Ok(right),
        }
    }

    fn possible(self, amount: f64) -> Result<f64, String> {
        let is_possible = amount.is_finite() && amount.abs() < 1e6;
        is_possible.then_some(amount).ok_or_else(|| format!("{amount} is not a possible price"))
    }
}
