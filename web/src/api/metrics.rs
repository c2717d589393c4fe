//! `/metrics`: the meters for Prometheus.

use daemon_runtime::{MetricLabels, MetricUnit, Metrics};
use jiff::Timestamp;
use meter_ledger::{RecordedMeter, RecordedMinute};
use meter_messages::{Diag, Medium, Minute};

use crate::live::values::{Freshness, Presence};

/// Joules of a kWh.
const KWH: f64 = 3_600_000.0;
/// Litres an hour of a cubic metre a second.
const CUBIC_METRE_A_SECOND: f64 = 3_600_000.0;

/// What is known of a meter at one moment.
#[derive(Debug)]
pub(crate) struct MeterFigures {
    pub(crate) meter: RecordedMeter,
    /// What it has counted in all, in kWh or m³.
    pub(crate) total: Option<f64>,
    pub(crate) newest: Option<RecordedMinute>,
    /// Seconds that were not watched, and in how many gaps; if that was worked out already.
    pub(crate) unwatched: Option<(u64, u64)>,
    pub(crate) presence: Presence,
    pub(crate) diag: Option<Diag>,
}

/// Adds the figures of meters.
pub(crate) fn add_meters(metrics: &mut Metrics, meters: &[MeterFigures], now: Timestamp) {
    let of = |read: &dyn Fn(&MeterFigures) -> Option<f64>| {
        let values = meters.iter().filter_map(|figures| Some((labels(&figures.meter), read(figures)?)));
        values.collect::<Vec<_>>()
    };
    let other = |unit: &str| Some(MetricUnit::Other(unit.to_owned()));
    let info = meters.iter().map(|figures| (info_labels(&figures.meter), 1.0));
    metrics.gauges("powerpi_meter_info", "What each meter measures", None, info);
    let energy = of(&|figures| figures.total.filter(|_| is_electric(figures)).map(|kwh| kwh * KWH));
    metrics.counters("powerpi_energy", "Energy recorded", Some(MetricUnit::Joules), energy);
    let volume = of(&|figures| figures.total.filter(|_| !is_electric(figures)));
    metrics.counters("powerpi_volume", "Gas or water recorded", other("cubic_meters"), volume);
    // Old values are none of now.
    let fresh = |figures: &MeterFigures| {
        let is_fresh = figures.presence.freshness(now) == Freshness::Live;
        figures.presence.value.as_ref().filter(|_| is_fresh).cloned()
    };
    let power = of(&|figures| fresh(figures)?.power_w.map(f64::from));
    metrics.gauges("powerpi_power", "Power now", other("watts"), power);
    let flow = of(&|figures| Some(f64::from(fresh(figures)?.flow_l_h?) / CUBIC_METRE_A_SECOND));
    metrics.gauges("powerpi_flow", "Flow now", other("cubic_meters_per_second"), flow);
    let seconds = || Some(MetricUnit::Seconds);
    let newest = of(&|figures| {
        let end = figures.newest?.minute.timestamp().as_second() + Minute::SECONDS;
        Some(end as f64)
    });
    let help = "End of the newest minute recorded, since 1970";
    metrics.gauges("powerpi_last_minute_timestamp", help, seconds(), newest);
    let unwatched = of(&|figures| figures.unwatched.map(|(seconds, _)| seconds as f64));
    let help = "Time that nobody watched since the first minute";
    metrics.gauges("powerpi_unwatched", help, seconds(), unwatched);
    let gaps = of(&|figures| figures.unwatched.map(|(_, gaps)| gaps as f64));
    metrics.gauges("powerpi_gaps", "Gaps in the record", None, gaps);
    let depth = of(&|figures| figures.diag.as_ref().map(|diag| diag.outbox_depth as f64));
    let help = "Minutes in the publisher's outbox that no mark covers yet";
    metrics.gauges("powerpi_outbox_depth", help, None, depth);
    let rejected = of(&|figures| figures.diag.as_ref().map(|diag| diag.rejected as f64));
    metrics.counters("powerpi_rejected_edges", "Edges the bounce filter refused", None, rejected);
    let lost = of(&|figures| figures.diag.as_ref().map(|diag| diag.lost_edges as f64));
    metrics.counters("powerpi_lost_edges", "Edges that the kernel dropped", None, lost);
}

fn is_electric(figures: &MeterFigures) -> bool {
    figures.meter.medium == Medium::Electricity
}

/// Names that nobody chooses freely, so nothing in them has to be escaped.
fn labels(known: &RecordedMeter) -> MetricLabels {
    vec![("site", known.meter.site.to_string()), ("meter", known.meter.meter.to_string())]
}

fn info_labels(known: &RecordedMeter) -> MetricLabels {
    let word = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let more = [
        ("medium", word(serde_json::to_value(known.medium))),
        ("measures", word(serde_json::to_value(known.relation.measures()))),
    ];
    labels(known).into_iter().chain(more).collect()
}
