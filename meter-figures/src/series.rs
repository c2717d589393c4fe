//! The data of the interactive chart: mean power with the lowest and highest
//! minute, in at most about two thousand points.

use std::fmt::Write;
use std::ops::Range;

use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum, Watched};
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

    fn span(&self) -> Range<Minute> {
        match self {
            Self::Even(first, step, count) => *first..Minute::nearest(first.epoch_minutes() + step * count),
            Self::Calendar(edges) => match (edges.first(), edges.last()) {
                (Some(first), Some(last)) => *first..*last,
                _ => Minute::nearest(0)..Minute::nearest(0),
            },
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

/// What is known of a point.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    /// Sum of the minutes' power or flow, each by its watched seconds.
    joule: f64,
    watched_s: u32,
    least: f64,
    most: f64,
}

impl Point {
    fn add(&mut self, watched: &Watched) {
        let rate = |pulses| watched.constant.rate(pulses, 60.0);
        let (least, most) = (rate(watched.least), rate(watched.most));
        let first = self.watched_s == 0;
        self.least = if first { least } else { self.least.min(least) };
        self.most = if first { most } else { self.most.max(most) };
        self.joule += rate(watched.pulses) * 60.0;
        self.watched_s += watched.watched_s as u32;
    }
}

/// An answer that is worked out a year at a time, so that others need not wait long.
#[derive(Debug)]
pub struct Series {
    meter: RecordedMeter,
    /// The time that is asked for, whatever the points are.
    asked: Range<Minute>,
    points: Points,
    known: Vec<Point>,
    /// What is still to be read.
    rest: Range<Minute>,
}

impl Series {
    /// The answer to a request with these of its points; `until` is the first minute that is not
    /// recorded yet.
    pub fn new(request: &SeriesRequest, meter: RecordedMeter, points: Points, until: Minute) -> Self {
        let (known, rest) = (vec![Point::default(); points.len()], points.span());
        Self { meter, asked: request.asked(until), points, known, rest }
    }

    /// Reads on; the answer as JSON, once all is read.
    pub fn read_on(&mut self, ledger: &Ledger) -> Result<Option<String>, LedgerError> {
        let Self { meter, points, known, rest, .. } = self;
        if rest.is_empty() {
            let sum = ledger.sum(meter, self.asked.clone())?;
            return Ok(Some(json(points, known, (name_in(meter.medium.unit(), "kwh"), &sum))));
        }
        // However long nothing was recorded, that costs one question.
        let Some(first) = ledger.first_from(meter, rest.start)?.filter(|first| *first < rest.end) else {
            rest.start = rest.end;
            return Ok(None);
        };
        rest.start = first;
        let end = Minute::nearest(rest.start.epoch_minutes() + AT_ONCE).min(rest.end);
        ledger.for_each_watched(meter, rest.start..end, |watched| {
            let Range { start, end } = watched.span;
            let at = points.of(start);
            let is_of_one = at == points.of(Minute::nearest(end.epoch_minutes() - 1));
            if let Some(point) = known.get_mut(at).filter(|_| is_of_one) {
                point.add(watched);
            }
            is_of_one
        })?;
        rest.start = end;
        Ok(None)
    }
}

/// Compact: whole watts, or litres an hour, in three rows, `null` where nobody watched.
fn json(points: &Points, all: &[Point], (name, sum): (&str, &Sum)) -> String {
    let mut text = match points {
        Points::Even(first, step, _) => format!("{{\"start\":{},\"step\":{}", first.start(), step * 60),
        Points::Calendar(edges) => {
            let starts: Vec<String> = edges.iter().map(|edge| edge.start().to_string()).collect();
            format!("{{\"edges\":[{}]", starts.join(","))
        }
    };
    let mut row = |name: &str, of: fn(&Point) -> f64| {
        // Writing into memory does not fail.
        let _ = write!(text, ",\"{name}\":[");
        for (index, point) in all.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = match point.watched_s {
                0 => write!(text, "{comma}null"),
                _ => write!(text, "{comma}{:.0}", of(point)),
            };
        }
        text.push(']');
    };
    row("mean", |point| point.joule / f64::from(point.watched_s));
    if !matches!(points, Points::Even(_, 1, _)) {
        row("min", |point| point.least);
        row("max", |point| point.most);
    }
    // The energy or volume of exactly the time that was asked for, whatever the points are.
    let quantity = sum.quantity().map_or("null".to_owned(), |quantity| quantity.to_string());
    let _ = writeln!(text, ",\"watched_s\":{},\"{name}\":{quantity}}}", sum.watched_s);
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
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
        let mut known = Point::default();
        let minute = |pulses| Watched {
            span: Minute::nearest(0)..Minute::nearest(1),
            constant: 1000u64.try_into().unwrap(),
            watched_s: 60,
            pulses,
            least: pulses,
            most: pulses,
        };
        known.add(&minute(3));
        known.add(&minute(1));
        let text = json(
            &Points::Even(Minute::nearest(0), 2, 2),
            &[known, Point::default()],
            ("kwh", &Sum::default()),
        );
        assert!(
            text.ends_with(
                "\"step\":120,\"mean\":[120,null],\"min\":[60,null],\"max\":[180,null],\"watched_s\":0,\"kwh\":null}\n"
            ),
            "{text}"
        );
    }
}
