//! What is shown of each meter where there are many.

use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::Minute;

use crate::curves::{CURVE_STEP, Curve, POINTS, curve_edges};
use crate::recent_spans::RecentSpans;

/// What a page of many meters shows of one, seen from one minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// The meter.
    pub meter: RecordedMeter,
    /// Since the local midnight.
    pub today: Sum,
    /// Since the beginning of the local month.
    pub month: Sum,
    /// The power or flow of the last 24 hours; `None` where nobody watched.
    pub curve: Curve,
}

/// The minutes between which meters are added up for a glance: the same for all that are recorded up to the same minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlanceEdges {
    until: Minute,
    today: Minute,
    month: Minute,
    /// All of them, ascending.
    edges: Vec<Minute>,
}

impl GlanceEdges {
    /// Of what is recorded up to `until`.
    pub fn until(until: Minute, zone: &TimeZone) -> Self {
        let spans = RecentSpans::until(until, zone);
        let (today, month) = (spans.today.start, spans.month.start);
        let mut edges: Vec<Minute> = curve_edges(until).into_iter().chain([today, month]).collect();
        edges.sort();
        edges.dedup();
        Self { until, today, month, edges }
    }

    /// The minute up to which they reach.
    pub fn reach(&self) -> Minute {
        self.until
    }
}

impl Glance {
    /// Reads the ledger, once.
    pub fn read(ledger: &Ledger, meter: RecordedMeter, edges: &GlanceEdges) -> Result<Self, LedgerError> {
        let sums = ledger.sums(&meter, &edges.edges)?;
        let pieces = || edges.edges.iter().zip(&sums);
        let since = |from: Minute| {
            let later = pieces().filter(|(start, _)| **start >= from);
            later.fold(Sum::default(), |all, (_, sum)| all.and(sum))
        };
        let mut points = vec![Sum::default(); POINTS as usize];
        let first = edges.until.epoch_minutes() - POINTS * CURVE_STEP;
        for (start, sum) in pieces().filter(|(start, _)| start.epoch_minutes() >= first) {
            let point = (start.epoch_minutes() - first) / CURVE_STEP;
            if let Some(point) = points.get_mut(point as usize) {
                *point = point.and(sum);
            }
        }
        let curve = points.iter().map(Sum::mean_rate).collect();
        Ok(Self { today: since(edges.today), month: since(edges.month), curve, meter })
    }
}
