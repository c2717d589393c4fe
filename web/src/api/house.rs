//! All meters together, for programs.

use jiff::Timestamp;
use meter_figures::{CapacityOf, Flow, MediumSums, Reckoned};
use meter_messages::{Measures, Medium, Unit};
use serde::Serialize;

use super::by_unit::ByUnit;
use super::states::{QuarterState, cents};
use crate::ledger::house::{HouseHistory, RecordedHouse};
use crate::ledger::reader::LedgerReader;

/// `/api/v1/site/day/2026-11-24` and the like.
#[derive(Debug, Serialize)]
pub(crate) struct HouseState {
    /// Whose meters; `null` for all.
    site: Option<String>,
    period: &'static str,
    name: Option<String>,
    from: Timestamp,
    to: Timestamp,
    time_zone: Option<String>,
    /// Whether these are all meters: otherwise nothing is reckoned of several.
    all_meters: bool,
    /// How much of it has begun, in hours.
    hours: f64,
    media: Vec<ByUnit<MediumState>>,
    /// Relations that are left out, and why.
    refused: Vec<String>,
}

#[derive(Debug, Serialize)]
struct MediumState {
    medium: Medium,
    unit: Unit,
    comes_in: Option<FlowState>,
    made: Option<FlowState>,
    goes_out: Option<FlowState>,
    own_use: Option<ReckonedState>,
    used: Option<ReckonedState>,
    not_measured: Option<ReckonedState>,
    /// Whether more may have been used, because what is made is not measured.
    at_least: bool,
    own_use_percent: Option<f64>,
    self_sufficiency_percent: Option<f64>,
    /// The quarter of an hour in which a site took in most electricity.
    highest_quarter: Option<QuarterState>,
    currency: Option<String>,
    cost: Option<f64>,
    /// What is paid for what is fed in.
    earned: Option<f64>,
    /// What own use would have cost, and of how much of it that is known.
    saved: Option<SavedState>,
    meters: Vec<PartState>,
}

/// Of meters that are no others' part.
#[derive(Debug, Serialize)]
struct FlowState {
    kwh: Option<f64>,
    watched_s: u64,
    meters: usize,
}

/// Own use of hours in which it and its price are known.
#[derive(Debug, Serialize)]
struct SavedState {
    amount: f64,
    kwh: f64,
}

/// Of several meters, in hours that all of them watched.
#[derive(Debug, Serialize)]
struct ReckonedState {
    kwh: f64,
    hours: f64,
}

#[derive(Debug, Serialize)]
struct PartState {
    meter: String,
    name: String,
    measures: Measures,
    part_of: Option<String>,
    kwh: Option<f64>,
    watched_s: u64,
    cost: Option<f64>,
    not_measured: Option<ReckonedState>,
}

/// What is read of a period.
pub(crate) fn house_state(house: &RecordedHouse, history: &HouseHistory, site: &LedgerReader) -> HouseState {
    let (whole, zone) = (&history.whole, site.zone());
    let state = |of: &MediumSums| ByUnit(of.medium.unit(), medium_state(of, house, history, site));
    HouseState {
        site: house.site.as_ref().map(ToString::to_string),
        period: history.period.as_ref().map_or("all", |period| period.kind.name()),
        name: history.period.as_ref().map(|period| period.name(zone)),
        from: whole.span.start.timestamp(),
        to: whole.span.end.timestamp(),
        time_zone: zone.iana_name().map(str::to_owned),
        all_meters: house.is_whole,
        hours: hours(whole.sums.minutes),
        media: whole.sums.media.iter().map(state).collect(),
        refused: match house.is_whole {
            true => house.house.tree().refused().iter().map(ToString::to_string).collect(),
            false => Vec::new(),
        },
    }
}

fn medium_state(
    of: &MediumSums,
    house: &RecordedHouse,
    history: &HouseHistory,
    site: &LedgerReader,
) -> MediumState {
    let whole = &history.whole;
    let (cost, earned) = (whole.cost(of.medium, &house.house), whole.earned(of.medium, &house.house));
    let sums = &whole.sums;
    let flow = |flow: Flow| {
        let Flow { quantity: kwh, watched_s, meters } = flow;
        (meters > 0).then_some(FlowState { kwh, watched_s, meters })
    };
    let known = |it: Option<Reckoned>| it.filter(|_| house.is_whole).map(reckoned);
    let saved = whole.saved(of.medium).filter(|_| house.is_whole);
    let saved = saved.map(|saved| SavedState { amount: cents(saved.amount), kwh: saved.quantity });
    let percent = |it: Option<f64>| it.filter(|_| house.is_whole).map(tenths);
    MediumState {
        medium: of.medium,
        unit: of.medium.unit(),
        comes_in: flow(sums.comes_in(of)),
        made: flow(sums.made(of)),
        goes_out: flow(sums.goes_out(of)),
        own_use: known(of.own_use()),
        used: known(of.house_use()),
        not_measured: known(of.not_measured()),
        at_least: of.balances.at_least,
        own_use_percent: percent(of.own_use_percent()),
        self_sufficiency_percent: percent(of.self_sufficiency_percent()),
        highest_quarter: history
            .highest_quarter
            .filter(|_| of.medium == Medium::Electricity)
            .map(|quarter| QuarterState::new(quarter, CapacityOf::Site, site.zone())),
        currency: cost.or(earned).map(|_| site.currency().to_owned()),
        cost: cost.map(cents),
        earned: earned.map(cents),
        saved,
        meters: parts(of, house, history),
    }
}

fn parts(of: &MediumSums, house: &RecordedHouse, history: &HouseHistory) -> Vec<PartState> {
    let (whole, meters, tree) = (&history.whole, house.house.meters(), house.house.tree());
    let is_one = |place: &usize| meters.get(*place).is_some_and(|known| known.medium == of.medium);
    let part = |place: usize| {
        let (known, sum) = (meters.get(place)?, whole.sums.of_meters.get(place)?);
        Some(PartState {
            meter: known.meter.to_string(),
            name: known.name.clone(),
            measures: known.relation.measures(),
            part_of: tree.parent(place).and_then(|parent| Some(meters.get(parent)?.meter.to_string())),
            kwh: sum.quantity(),
            watched_s: sum.watched_s,
            cost: whole.cost_of(place).map(cents),
            not_measured: of.rest(place).filter(|_| house.is_whole).map(reckoned),
        })
    };
    tree.in_order().into_iter().map(|(place, _)| place).filter(is_one).filter_map(part).collect()
}

fn reckoned(it: Reckoned) -> ReckonedState {
    ReckonedState { kwh: it.quantity, hours: hours(it.minutes) }
}

fn hours(minutes: i64) -> f64 {
    minutes as f64 / 60.0
}

fn tenths(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0 + 0.0
}
