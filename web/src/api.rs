//! The interface for programs: the page's figures as JSON, and rows of energy.

use std::fs::File;

use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::header::{self, HeaderMap};
use jiff::Timestamp;
use meter_ledger::{Gap, GapReason, RecordedMeter, RecordedMinute, Sum, Trust};
use meter_messages::{Medium, Status, Unit};
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::energy::{Notation, Pieces, Text};
use crate::figures::Figures;
use crate::ledger_thread::{LedgerReader, ReadError};
use crate::live::{Freshness, Presence};
use crate::meter_readings::CheckedReading;
use crate::periods::local;
use crate::proxies::BasePath;
use crate::reply::{self, Reply};
use crate::route::{EnergyRequest, Form};

/// What is told of a meter, under names that say its unit.
#[derive(Debug)]
pub(crate) struct ByUnit<T>(Unit, T);

/// The names that say the unit of electricity, and those of gas and water in their place.
const NAMES: [(&str, &str); 7] = [
    ("pulses_per_kwh", "pulses_per_m3"),
    ("kwh", "m3"),
    ("mean_w", "mean_l_h"),
    ("month_budget_kwh", "month_budget_m3"),
    ("kwh_by_meter", "m3_by_meter"),
    ("kwh_by_pulses", "m3_by_pulses"),
    ("drift_kwh", "drift_m3"),
];

/// A name in the interface for programs, for a meter that counts in that unit.
pub(crate) fn name_in(unit: Unit, name: &str) -> &str {
    let in_its_place = || NAMES.iter().find(|(of_energy, _)| *of_energy == name);
    match unit {
        Unit::KilowattHour => name,
        Unit::CubicMetre => in_its_place().map_or(name, |(_, of_volume)| of_volume),
    }
}

impl<T: Serialize> Serialize for ByUnit<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(unit, told) = self;
        if *unit == Unit::KilowattHour {
            return told.serialize(serializer);
        }
        renamed(serde_json::to_value(told).map_err(S::Error::custom)?, *unit).serialize(serializer)
    }
}

fn renamed(told: Value, unit: Unit) -> Value {
    match told {
        Value::Object(fields) => {
            let renamed =
                |(name, value): (String, Value)| (name_in(unit, &name).to_owned(), renamed(value, unit));
            fields.into_iter().map(renamed).collect()
        }
        Value::Array(values) => values.into_iter().map(|value| renamed(value, unit)).collect(),
        other => other,
    }
}

/// One meter of `/api/v1/meters`.
#[derive(Debug, Serialize)]
pub(crate) struct MeterEntry {
    site: String,
    meter: String,
    name: String,
    medium: Medium,
    unit: Unit,
    pulses_per_kwh: u32,
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
            pulses_per_kwh: known.constant.get(),
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
    month: Energy,
    /// What the whole month may take, where the settings say so.
    month_budget_kwh: Option<f64>,
    /// What they cost, where a tariff is known.
    cost: Option<CostState>,
    total: Option<Reading>,
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

#[derive(Debug, Serialize)]
struct Energy {
    pulses: u64,
    kwh: f64,
    minutes: u64,
    watched_s: u64,
}

#[derive(Debug, Serialize)]
struct CostState {
    currency: String,
    today: f64,
    month: f64,
    month_expected: Option<f64>,
    month_co2_kg: f64,
}

/// An amount to the cent, as pages show it.
fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

#[derive(Debug, Serialize)]
struct Reading {
    pulses: u64,
    kwh: f64,
}

#[derive(Debug, Serialize)]
struct LastMinute {
    start: Timestamp,
    local: String,
    pulses: u32,
    mean_w: f64,
}

fn now(presence: &Presence) -> Option<Now> {
    let fresh = presence.freshness(Timestamp::now()) == Freshness::Live;
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
        constant.rate(newest.pulses.into(), f64::from(newest.watched_s.max(1)))
    };
    FigureSet {
        today: energy(&figures.today),
        yesterday_by_now: energy(&figures.yesterday_by_now),
        yesterday: energy(&figures.yesterday),
        difference_percent: figures.difference_percent().map(|percent| (percent * 10.0).round() / 10.0),
        month: energy(&figures.month),
        month_budget_kwh: reader.meters().budget(&figures.meter),
        cost: figures.costs.map(|costs| CostState {
            currency: reader.tariffs().of(figures.meter.medium).currency().to_owned(),
            today: cents(costs.today.total()),
            month: cents(costs.month.total()),
            month_expected: costs.month_expected.map(cents),
            month_co2_kg: costs.month.co2_g.round() / 1000.0,
        }),
        total: figures.newest.zip(figures.reading).map(|(newest, kwh)| Reading { pulses: newest.total, kwh }),
        last_minute: figures.newest.map(|newest| LastMinute {
            start: newest.minute.timestamp(),
            local: local(newest.minute.timestamp(), reader.zone()).to_string(),
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

/// How far a meter's record can be trusted.
#[derive(Debug, Serialize)]
pub(crate) struct TrustState {
    first: Timestamp,
    newest: Timestamp,
    minutes: u64,
    unwatched_s: u64,
    whole_since: Timestamp,
    gaps: u64,
    newest_gaps: Vec<GapState>,
    repeated: u64,
    contradicted: u64,
    given_up: u64,
}

/// A time that was not watched.
#[derive(Debug, Serialize)]
struct GapState {
    from: Timestamp,
    until: Timestamp,
    unwatched_s: u64,
    reason: &'static str,
}

impl From<&Gap> for GapState {
    fn from(gap: &Gap) -> Self {
        let reason = match gap.reason {
            GapReason::NotRunning => "publisher not running",
            GapReason::NewOutbox => "new outbox",
            GapReason::GivenUp => "given up",
            GapReason::Awaited => "awaited",
            GapReason::Unknown => "unknown",
        };
        let (from, until) = (gap.from.timestamp(), gap.until.timestamp());
        Self { from, until, unwatched_s: gap.unwatched_s, reason }
    }
}

/// `/api/v1/meters/<site>/<meter>/trust`
impl From<&Trust> for TrustState {
    fn from(trust: &Trust) -> Self {
        Self {
            first: trust.first.timestamp(),
            newest: trust.newest.timestamp(),
            minutes: trust.minutes,
            unwatched_s: trust.unwatched_s,
            whole_since: trust.whole_since.timestamp(),
            gaps: trust.gaps,
            newest_gaps: trust.newest_gaps.iter().map(Into::into).collect(),
            repeated: trust.repeated,
            contradicted: trust.contradicted,
            given_up: trust.given_up,
        }
    }
}

/// What somebody read off the meter.
#[derive(Debug, Serialize)]
pub(crate) struct ReadingState {
    t: Timestamp,
    kwh: f64,
    by: Option<String>,
    entered: Timestamp,
    since_previous: Option<ComparisonState>,
}

/// What it says of the pulses.
#[derive(Debug, Serialize)]
struct ComparisonState {
    kwh_by_meter: f64,
    kwh_by_pulses: f64,
    drift_kwh: f64,
    drift_percent: Option<f64>,
    unwatched_s: u64,
}

impl ReadingState {
    /// One of `/api/v1/meters/<site>/<meter>/readings`, with or without who read it.
    pub(crate) fn new(checked: &CheckedReading, names: bool) -> ByUnit<Self> {
        ByUnit(checked.entered.reading.unit, Self::of(checked, names))
    }

    fn of(checked: &CheckedReading, names: bool) -> Self {
        let thousandths = |value: f64| (value * 1000.0).round() / 1000.0;
        let reading = &checked.entered.reading;
        Self {
            t: reading.at,
            kwh: reading.shown,
            by: names.then(|| reading.by.clone()),
            entered: checked.entered.entered,
            since_previous: checked.since.map(|since| ComparisonState {
                kwh_by_meter: thousandths(since.by_meter),
                kwh_by_pulses: thousandths(since.by_pulses),
                drift_kwh: thousandths(since.drift()),
                drift_percent: since.drift_percent().map(thousandths),
                unwatched_s: since.unwatched_s,
            }),
        }
    }
}

/// An error, for programs.
pub(crate) fn error(status: StatusCode, parameter: Option<&str>, said: &str) -> Reply {
    let value = match parameter {
        Some(parameter) => serde_json::json!({ "error": said, "parameter": parameter }),
        None => serde_json::json!({ "error": said }),
    };
    reply::json(status, &value)
}

/// How rows are wanted: by the address, else by `Accept`.
pub(crate) fn form(request: &EnergyRequest, headers: &HeaderMap) -> Form {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let accepted = if accept.starts_with("text/csv") { Form::Csv } else { Form::Json };
    request.form.unwrap_or(accepted)
}

/// Rows of energy as CSV to be kept as a file, or as JSON.
pub(crate) fn rows(text: Text, file: &str, notation: Notation, reader: LedgerReader) -> Reply {
    let mut reply = match notation {
        Notation::Csv => csv(text, file, reader),
        Notation::Json => pieces(text, "application/json", reader),
    };
    reply::set(&mut reply, header::VARY, "accept");
    reply
}

/// A CSV file.
pub(crate) fn csv(text: impl Pieces, file: &str, reader: LedgerReader) -> Reply {
    let mut reply = pieces(text, "text/csv; charset=utf-8", reader);
    reply::attach(&mut reply, &format!("{file}.csv"));
    reply
}

/// A workbook.
pub(crate) fn workbook(file: File, name: &str) -> Reply {
    let mut reply = reply::file(file);
    let content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    reply::set(&mut reply, header::CONTENT_TYPE, content_type);
    reply::set(&mut reply, header::CACHE_CONTROL, "no-cache");
    reply::set(&mut reply, header::VARY, "accept-language");
    reply::attach(&mut reply, &format!("{name}.xlsx"));
    reply
}

/// A text, read as fast as it is taken.
fn pieces(text: impl Pieces, content_type: &str, reader: LedgerReader) -> Reply {
    let pieces = stream::try_unfold((text, reader), |(mut text, reader)| async move {
        loop {
            let (piece, rest) = reader
                .ask_much(move |ledger| {
                    let piece = text.next(ledger)?;
                    Ok((piece, text))
                })
                .await?;
            text = rest;
            match piece {
                None => return Ok::<_, ReadError>(None),
                Some(piece) if piece.is_empty() => {}
                Some(piece) => return Ok(Some((Frame::data(piece), (text, reader)))),
            }
        }
    });
    let mut reply = reply::streamed(StatusCode::OK, StreamBody::new(pieces).boxed_unsync());
    reply::set(&mut reply, header::CACHE_CONTROL, "no-cache");
    reply::set(&mut reply, header::CONTENT_TYPE, content_type);
    reply
}
