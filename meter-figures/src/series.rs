//! The data of the interactive chart: mean power with the lowest and highest
//! minute, in at most about two thousand points.

use std::fmt::Write;
use std::ops::Range;

use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::{Meter, Minute, PeriodKind};

use crate::period::{Period, pieces};
use crate::step::SpanError;
use crate::unit_names::name_in;

/// The most points of an answer.
const MOST_POINTS: i64 = 2_000;

/// Minutes between points, of which the shortest is taken that suffices; beyond
/// them there is a point for each local day, then for each month.
const STEPS: [i64; 11] = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720];

/// The longest time that may be asked for, in days.
const MOST_DAYS: i64 = 100 * 366;

/// Marked times of an answer at most.
const MOST_MARKS: usize = 500;

/// Minutes that are read in one go, so that others need not wait long: mostly by quarters of an hour.
const AT_ONCE: i64 = 366 * 1440;

/// Which data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeriesRequest {
    /// Of which meter.
    pub meter: Meter,
    /// Unix time from which.
    pub from: i64,
    /// Unix time up to which.
    pub to: i64,
    /// How many points suffice.
    pub points: i64,
}

/// The edges of the points of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Points {
    /// All as long as each other, from the first on: minutes, and how many.
    Even(Minute, i64, i64),
    /// Local days or months.
    Calendar(Vec<Minute>),
}

impl SeriesRequest {
    /// The time that is asked for, as far as it is recorded.
    pub fn asked(&self, until: Minute) -> Range<Minute> {
        Minute::nearest(self.from.div_euclid(60))..Minute::nearest(self.to.div_euclid(60)).min(until)
    }

    /// The points that suit the request; `until` is the first minute that is not
    /// recorded yet.
    pub fn points(&self, until: Minute, zone: &TimeZone) -> Result<Points, SpanError> {
        let Range { start: from, end: to } = self.asked(until);
        if self.to < self.from {
            return Err(SpanError::EndsBeforeItBegins);
        }
        if (self.to - self.from) / 86_400 > MOST_DAYS {
            return Err(SpanError::TooLong(MOST_DAYS));
        }
        let minutes = (to.epoch_minutes() - from.epoch_minutes()).max(0);
        let points = self.points.clamp(1, MOST_POINTS);
        if let Some(step) = STEPS.into_iter().find(|step| minutes <= step * points) {
            let first = from.epoch_minutes().div_euclid(step) * step;
            let count = (to.epoch_minutes() - first + step - 1).max(0) / step;
            return Ok(Points::Even(Minute::nearest(first), step, count));
        }
        let kind = if minutes / 1440 <= points { PeriodKind::Day } else { PeriodKind::Month };
        let first = Period::containing(kind, from, zone).span.start;
        let parts = pieces(kind, &(first..to), zone);
        let edges = parts.iter().map(|part| part.span.start).chain(parts.last().map(|part| part.span.end));
        Ok(Points::Calendar(edges.collect()))
    }
}

impl Points {
    fn len(&self) -> usize {
        match self {
            Self::Even(_, _, count) => usize::try_from(*count).unwrap_or_default(),
            Self::Calendar(edges) => edges.len().saturating_sub(1),
        }
    }

    /// Where a point begins, or where the last one ends.
    fn edge(&self, point: usize) -> Minute {
        match self {
            Self::Even(first, step, _) => Minute::nearest(first.epoch_minutes() + step * point as i64),
            Self::Calendar(edges) => edges[point],
        }
    }

    /// The point in which a minute of the span lies.
    fn of(&self, minute: Minute) -> usize {
        match self {
            Self::Even(first, step, _) => ((minute.epoch_minutes() - first.epoch_minutes()) / step) as usize,
            Self::Calendar(edges) => edges.partition_point(|edge| *edge <= minute).saturating_sub(1),
        }
    }
}

/// An answer that is worked out a year at a time, so that others need not wait long.
#[derive(Debug)]
pub struct Series {
    meter: RecordedMeter,
    /// The time that is asked for, whatever the points are.
    asked: Range<Minute>,
    points: Points,
    /// The points that were read.
    known: Vec<Sum>,
}

impl Series {
    /// The answer to a request with these of its points; `until` is the first minute that is not
    /// recorded yet.
    pub fn new(request: &SeriesRequest, meter: RecordedMeter, points: Points, until: Minute) -> Self {
        let known = Vec::with_capacity(points.len());
        Self { meter, asked: request.asked(until), points, known }
    }

    /// Reads on; the answer as JSON, once all is read.
    pub fn read_on(&mut self, ledger: &Ledger) -> Result<Option<String>, LedgerError> {
        let Self { meter, asked, points, known } = self;
        let all = points.len();
        if known.len() == all {
            let sum = ledger.sum(meter, asked.clone())?;
            let marks = Marks::read(ledger, meter, points)?;
            return Ok(Some(json(points, known, &marks, (name_in(meter.medium.unit(), "kwh"), &sum))));
        }
        // However long nothing was recorded, that costs one question.
        let first = ledger.first_from(meter, points.edge(known.len()))?;
        let Some(first) = first.filter(|first| *first < points.edge(all)) else {
            known.resize(all, Sum::default());
            return Ok(None);
        };
        known.resize(points.of(first), Sum::default());
        let start = points.edge(known.len());
        let is_too_much = |edge: &Minute| edge.epoch_minutes() - start.epoch_minutes() > AT_ONCE;
        let mut edges = (known.len() + 1..=all).map(|point| points.edge(point));
        let mut bounds: Vec<Minute> = [start].into_iter().chain(edges.next()).collect();
        bounds.extend(edges.take_while(|edge| !is_too_much(edge)));
        known.extend(ledger.sums_with_extremes(meter, &bounds)?);
        Ok(None)
    }
}

/// Times of which there is something to be said: Unix times.
struct Marks {
    /// Those that somebody has corrected.
    corrected: Vec<[i64; 2]>,
    /// Those of which only the sum of more than a point is known.
    coarse: Vec<[i64; 2]>,
}

impl Marks {
    fn read(ledger: &Ledger, meter: &RecordedMeter, points: &Points) -> Result<Self, LedgerError> {
        let span = points.edge(0)..points.edge(points.len());
        let times = |span: Range<Minute>| [span.start.start(), span.end.start()];
        let coarse = match points {
            _ if span.is_empty() => Vec::new(),
            Points::Even(_, step, _) => ledger.coarse_spans(meter, &span, *step, MOST_MARKS)?,
            Points::Calendar(_) => {
                let longest = (0..points.len())
                    .map(|point| points.edge(point + 1).epoch_minutes() - points.edge(point).epoch_minutes());
                ledger.coarse_spans(meter, &span, longest.max().unwrap_or_default(), MOST_MARKS)?
            }
        };
        Ok(Self {
            corrected: meter.corrected_spans(&span).take(MOST_MARKS).map(times).collect(),
            coarse: coarse.into_iter().map(|(span, _)| times(span)).collect(),
        })
    }
}

/// Compact: whole watts, or litres an hour, in three rows, `null` where nobody watched.
fn json(points: &Points, all: &[Sum], marks: &Marks, (name, sum): (&str, &Sum)) -> String {
    let mut text = match points {
        Points::Even(first, step, _) => format!("{{\"start\":{},\"step\":{}", first.start(), step * 60),
        Points::Calendar(edges) => {
            let starts: Vec<String> = edges.iter().map(|edge| edge.start().to_string()).collect();
            format!("{{\"edges\":[{}]", starts.join(","))
        }
    };
    for (name, times) in [("corrected", &marks.corrected), ("coarse", &marks.coarse)] {
        let times: Vec<String> = times.iter().map(|[from, to]| format!("[{from},{to}]")).collect();
        if !times.is_empty() {
            // Writing into memory does not fail.
            let _ = write!(text, ",\"{name}\":[{}]", times.join(","));
        }
    }
    let mut row = |name: &str, of: fn(&Sum) -> Option<f64>| {
        // Writing into memory does not fail.
        let _ = write!(text, ",\"{name}\":[");
        for (index, point) in all.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = match point.mean_rate() {
                None => write!(text, "{comma}null"),
                Some(mean) => write!(text, "{comma}{:.0}", of(point).unwrap_or(mean)),
            };
        }
        text.push(']');
    };
    row("mean", Sum::mean_rate);
    if !matches!(points, Points::Even(_, 1, _)) {
        row("min", Sum::lowest_rate);
        row("max", Sum::highest_rate);
    }
    // The energy or volume of exactly the time that was asked for, whatever the points are.
    let quantity = sum.quantity().map_or("null".to_owned(), |quantity| quantity.to_string());
    let _ = writeln!(text, ",\"watched_s\":{},\"{name}\":{quantity}}}", sum.watched_s);
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::PulseCount;

    use super::*;

    fn points(days: i64, points: i64) -> Points {
        let until: Minute = "2026-11-24T17:23:00Z".parse().unwrap();
        let request = SeriesRequest {
            meter: "hq/main".parse().unwrap(),
            from: until.start() - days * 86_400,
            to: until.start() + 86_400,
            points,
        };
        request.points(until, &TimeZone::get("Europe/Berlin").unwrap()).unwrap()
    }

    #[test]
    fn there_are_never_more_points_than_wanted() {
        for (days, wanted, step) in
            [(1, 2000, 1), (1, 500, 5), (365, 2000, 360), (365, 100_000, 360), (500, 1000, 720)]
        {
            let Points::Even(first, found, count) = points(days, wanted) else { panic!("{days} days") };
            assert_eq!(found, step);
            assert!(count <= wanted.min(2000) + 1, "{count}");
            assert_eq!(first.epoch_minutes() % step, 0);
        }
    }

    #[test]
    fn long_times_have_local_days_and_months() {
        let Points::Calendar(days) = points(900, 1000) else { panic!("not days") };
        assert!(days.contains(&"2026-10-24T22:00:00Z".parse().unwrap()));
        assert!(days.contains(&"2026-10-25T23:00:00Z".parse().unwrap()));
        let Points::Calendar(months) = points(9000, 1000) else { panic!("not months") };
        assert!(months.len() < 310, "{}", months.len());
        let all = Points::Calendar(days.clone());
        assert_eq!(all.of(days[3]), 3);
        assert_eq!(all.of(Minute::nearest(days[3].epoch_minutes() - 1)), 2);
    }

    #[test]
    fn nothing_is_null_and_not_zero() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let first: Minute = "2026-11-24T17:20:00Z".parse().unwrap();
        let info =
            br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        let mut batch = ledger.batch().unwrap();
        let meter: Meter = "hq/main".parse().unwrap();
        let mark = batch.register(&meter, &meter_messages::Info::from_json(info).unwrap()).unwrap();
        for (seq, pulses) in [(1, 300), (2, 100)] {
            let minute = Minute::nearest(first.epoch_minutes() + seq as i64 - 1);
            let count = PulseCount { minute, watched_s: 60, seq, pulses, total: 1000 * seq };
            batch.record(&mark, &count).unwrap();
        }
        batch.commit().unwrap();
        let (from, to) = (first.start(), first.start() + 240);
        let request = SeriesRequest { meter: meter.clone(), from, to, points: 2 };
        let until = Minute::nearest(first.epoch_minutes() + 10);
        let points = request.points(until, &TimeZone::UTC).unwrap();
        let mut series = Series::new(&request, ledger.meter(&meter).unwrap().unwrap(), points, until);
        let text = loop {
            if let Some(text) = series.read_on(&ledger).unwrap() {
                break text;
            }
        };
        let expected = "\"step\":120,\"mean\":[12000,null],\"min\":[6000,null],\"max\":[18000,null],\"watched_s\":120,\"kwh\":0.4}\n";
        assert!(text.ends_with(expected), "{text}");
    }
}
