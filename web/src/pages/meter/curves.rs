//! The last 24 hours as a curve, as a table and small.

use jiff::tz::TimeZone;
use meter_figures::{CURVE_STEP, Figures, local};
use meter_messages::Minute;

use crate::drawing::curve::{self, Curve};
use crate::pages::Row;
use crate::texts::Texts;

/// The last 24 hours with the day before behind them; on a wall as high as there is room.
pub(crate) fn day_curve(figures: &Figures, texts: &Texts, zone: &TimeZone, fills: bool) -> String {
    let start = figures.until.epoch_minutes() - 24 * 60;
    let local = |minutes: i64| local(Minute::nearest(minutes), zone);
    let hours = (start + 60..figures.until.epoch_minutes() - 75).filter(|at| local(*at).minute() == 0);
    let ticks = hours.filter(|at| local(*at).hour() % 3 == 0).map(|at| {
        let hour = local(at).hour();
        ((at - start) as f64 / CURVE_STEP as f64, format!("{hour:02}:00"), hour % 6 == 0)
    });
    let unit = figures.meter.medium.unit().of_rate();
    let rate = |rate: f64| format!("{}\u{a0}{unit}", texts.number(rate, 0));
    let span = Minute::nearest(start)..figures.until;
    let point = |at: Minute| (at.epoch_minutes() - start) as f64 / CURVE_STEP as f64;
    let corrected: Vec<_> =
        figures.meter.corrected_spans(&span).map(|span| (point(span.start), point(span.end))).collect();
    let coarse = figures.coarse.iter().filter(|(of, _)| of.start < span.end && span.start < of.end);
    let coarse: Vec<_> =
        coarse.map(|(of, _)| (point(of.start.max(span.start)), point(of.end.min(span.end)))).collect();
    Curve {
        corrected: &corrected,
        coarse: &coarse,
        bands: &[],
        values: &figures.curve,
        begun: figures.curve_begins(),
        ghost: &figures.curve_before,
        expected: &[],
        ticks: ticks.collect(),
        rate: &rate,
        fills,
    }
    .svg()
}

/// The same without words, of a third of the points: the mean of each three.
pub(super) fn sparkline(points: &[Option<f64>]) -> String {
    curve::sparkline(&points.chunks(3).map(mean).collect::<Vec<_>>())
}

/// The curve's mean of each hour.
pub(super) fn curve_rows(figures: &Figures, texts: &Texts, zone: &TimeZone) -> Vec<Row> {
    let start = figures.until.epoch_minutes() - 24 * 60;
    let per_hour = (60 / CURVE_STEP) as usize;
    let mean = |points: &[Option<f64>]| mean(points).map_or("–".to_owned(), |rate| texts.number(rate, 0));
    let mut before = figures.curve_before.chunks(per_hour);
    let rows = figures.curve.chunks(per_hour).enumerate().map(|(hour, points)| {
        let at = local(Minute::nearest(start + hour as i64 * 60), zone);
        Row {
            href: None,
            label: format!("{:02}:{:02}", at.hour(), at.minute()),
            quantity: String::new(),
            cost: None,
            price: None,
            other: Some(mean(before.next().unwrap_or_default())),
            mean_rate: mean(points),
        }
    });
    rows.collect()
}

/// The mean of what is known.
fn mean(points: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = points.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}
