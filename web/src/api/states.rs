//! Meters, and the figures of their pages.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_figures::{CapacityOf, Costs, Figures, LikeForLike, with_offset};
use meter_ledger::{HighestQuarter, RecordedMeter, RecordedMinute, Sum};
use meter_messages::{Measures, Medium, MeterConstant, Status, Unit};
use serde::Serialize;
use web_http::BasePath;

use super::by_unit::ByUnit;
use crate::ledger::reader::LedgerReader;
use crate::live::values::{Freshness, Presence};

/// One meter of `/api/v1/meters`.
#[derive(Debug, Serialize)]
pub(crate) struct MeterEntry {
    site: String,
    meter: String,
    name: String,
    medium: Medium,
    unit: Unit,
    measures: Measures,
    pulses_per_kwh: MeterConstant,
    href: String,
}

impl MeterEntry {
    pub(crate) fn new(known: &RecordedMeter, base_path: &BasePath) -> ByUnit<Self> {
        ByUnit(known.medium.unit(), Self::of(known, base_path))
    }

    fn of(known: &RecordedMeter, base_path: &BasePath) -> Self {
        Self {
            site: known.meter.site.to_string(),
            meter: known.meter.meter.to_string(),
            name: known.name.clone(),
            medium: known.medium,
            unit: known.medium.unit(),
            measures: known.relation.measures(),
            pulses_per_kwh: known.constant,
            href: format!("{}/api/v1/meters/{}", base_path.as_str(), known.meter),
        }
    }
}

/// Everything a meter's page says, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct MeterState {
    #[serde(flatten)]
    entry: MeterEntry,
    time_zone: Option<String>,
    #[serde(flatten)]
    presence: PresenceState,
    #[serde(flatten)]
    figures: FigureSet,
}

/// The figures of the day and the month.
#[derive(Debug, Serialize)]
struct FigureSet {
    today: Energy,
    yesterday_by_now: Energy,
    yesterday: Energy,
    /// Today against yesterday by this time, in percent.
    difference_percent: Option<f64>,
    /// What that compares.
    compared: Option<ComparedState>,
    month: Energy,
    /// The quarter of an hour of the month in which most was used.
    month_highest_quarter: Option<QuarterState>,
    /// What the whole month may take, where the settings say so.
    month_budget_kwh: Option<f64>,
    /// What they cost, where a tariff is known.
    cost: Option<CostState>,
    /// What is paid for them, of a meter that measures what is fed in.
    earned: Option<CostState>,
    total: Option<CurrentValues>,
    last_minute: Option<LastMinute>,
}

/// The value of now, and whether its publisher is there.
#[derive(Debug, Serialize)]
pub(crate) struct PresenceState {
    now: Option<Now>,
    online: Option<bool>,
}

impl From<&Presence> for PresenceState {
    fn from(presence: &Presence) -> Self {
        Self { now: now(presence), online: presence.status.map(|status| status == Status::Online) }
    }
}

#[derive(Debug, Serialize)]
struct Now {
    t: Timestamp,
    #[serde(flatten)]
    rate: RateState,
    total: u64,
    fresh: bool,
}

/// Power, or the flow of gas and water.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RateState {
    Power { power_w: Option<u32> },
    Flow { flow_l_h: u32 },
}

/// The hours of today and of yesterday that both were watched.
#[derive(Debug, Serialize)]
struct ComparedState {
    hours: usize,
    of_hours: usize,
    kwh: f64,
    yesterday_kwh: f64,
}

#[derive(Debug, Serialize)]
struct Energy {
    pulses: u64,
    /// `null` where nobody watched.
    kwh: Option<f64>,
    minutes: u64,
    watched_s: u64,
}

/// A quarter of an hour.
#[derive(Debug, Serialize)]
pub(super) struct QuarterState {
    start: Timestamp,
    local: String,
    mean_w: f64,
    /// Whose it is: a meter's own, or the whole site's.
    of: &'static str,
}

impl QuarterState {
    pub(super) fn new(quarter: HighestQuarter, of: CapacityOf, zone: &TimeZone) -> Self {
        let start = quarter.start.timestamp();
        let of = match of {
            CapacityOf::Meter => "meter",
            CapacityOf::Site => "site",
        };
        Self { start, local: with_offset(start, zone).to_string(), mean_w: quarter.rate(), of }
    }
}

#[derive(Debug, Serialize)]
struct CostState {
    currency: String,
    /// `null` where something was used and no price is known for any of it.
    today: Option<f64>,
    month: Option<f64>,
    month_expected: Option<f64>,
    /// Of the month's energy, what no price of the day is known for.
    month_unpriced_kwh: f64,
    month_co2_kg: f64,
}

/// An amount to the cent, as pages show it.
pub(super) fn cents(amount: f64) -> f64 {
    // A small negative one is not rounded to -0.
    (amount * 100.0).round() / 100.0 + 0.0
}

#[derive(Debug, Serialize)]
struct CurrentValues {
    pulses: u64,
    kwh: f64,
}

#[derive(Debug, Serialize)]
struct LastMinute {
    start: Timestamp,
    local: String,
    pulses: u32,
    mean_w: Option<f64>,
}

fn now(presence: &Presence) -> Option<Now> {
    let fresh = presence.freshness(daemon_runtime::now()) == Freshness::Live;
    let live = presence.value.as_ref()?;
    let power = RateState::Power { power_w: live.power_w };
    let rate = live.flow_l_h.map_or(power, |flow_l_h| RateState::Flow { flow_l_h });
    Some(Now { t: live.at, rate, total: live.total, fresh })
}

fn figure_set(figures: &Figures, reader: &LedgerReader) -> FigureSet {
    let energy = |sum: &Sum| Energy {
        pulses: sum.pulses,
        kwh: sum.quantity(),
        minutes: sum.minutes,
        watched_s: sum.watched_s,
    };
    let mean_w = |newest: RecordedMinute| {
        let constant = figures.meter.constant_at(newest.minute);
        let watched_s = f64::from(newest.watched_s);
        (newest.watched_s > 0).then(|| constant.rate(newest.pulses.into(), watched_s))
    };
    let compared = figures.compared.as_ref();
    let is_paid = figures.meter.relation.measures() == Measures::Export;
    let amounts = |costs: Costs| CostState {
        currency: reader.currency().to_owned(),
        today: costs.today.known_total().map(cents),
        month: costs.month.known_total().map(cents),
        month_unpriced_kwh: costs.month.unpriced,
        month_expected: costs.month_expected.map(cents),
        month_co2_kg: costs.month.co2_g.round() / 1000.0,
    };
    FigureSet {
        today: energy(&figures.today),
        yesterday_by_now: energy(&figures.yesterday_by_now),
        yesterday: energy(&figures.yesterday),
        difference_percent: compared
            .and_then(LikeForLike::percent)
            .map(|percent| (percent * 10.0).round() / 10.0 + 0.0),
        compared: compared.map(|both| ComparedState {
            hours: both.pieces,
            of_hours: both.of,
            kwh: both.this,
            yesterday_kwh: both.other,
        }),
        month: energy(&figures.month),
        month_highest_quarter: figures
            .highest_quarter
            .map(|(quarter, of)| QuarterState::new(quarter, of, reader.zone())),
        month_budget_kwh: reader.meters().budget(&figures.meter),
        cost: figures.costs.filter(|_| !is_paid).map(amounts),
        earned: figures.costs.filter(|_| is_paid).map(amounts),
        total: figures
            .newest
            .zip(figures.reading)
            .map(|(newest, kwh)| CurrentValues { pulses: newest.total, kwh }),
        last_minute: figures.newest.map(|newest| LastMinute {
            start: newest.minute.timestamp(),
            local: with_offset(newest.minute.timestamp(), reader.zone()).to_string(),
            pulses: newest.pulses,
            mean_w: mean_w(newest),
        }),
    }
}

/// `/api/v1/meters/<site>/<meter>`
pub(crate) fn meter_state(
    figures: &Figures,
    presence: &Presence,
    reader: &LedgerReader,
    base_path: &BasePath,
) -> ByUnit<MeterState> {
    let state = MeterState {
        entry: MeterEntry::of(&figures.meter, base_path),
        time_zone: reader.zone().iana_name().map(str::to_owned),
        presence: presence.into(),
        figures: figure_set(figures, reader),
    };
    ByUnit(figures.meter.medium.unit(), state)
}
