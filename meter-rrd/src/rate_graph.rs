//! Power or flow over an hour, a day or a week.

use std::path::Path;

use meter_messages::{Minute, PeriodKind};
use rrd::ConsolidationFn;
use rrd::ops::graph::props::{AxisGridTimeUnit as Each, XAxisGrid};

use crate::database::MeterDatabase;
use crate::drawing::{Drawing, Mark, time_axis};
use crate::error::DatabaseError;
use crate::graph::{Graph, Size};
use crate::layout::DATA_SOURCE;
use crate::palette::Palette;
use crate::rate_file;

/// A recording at most this old counts as up to date: the minute in progress and
/// the one on its way are not a gap.
const FRESH_MINUTES: i64 = 3;

/// Room for the axis labels beside the canvas, in pixels.
const MARGIN: u32 = 80;

/// Possible seconds between points; the shortest that is at least a pixel is used.
const STEPS_S: [u32; 7] = [60, 120, 300, 600, 900, 1800, 3600];

/// Power in W, or flow in l/h, for display.
struct Figures {
    latest: Option<f64>,
    mean: Option<f64>,
    highest: Option<f64>,
}

pub(crate) fn drawing(
    database: &MeterDatabase,
    graph: &Graph<'_>,
    scratch: &Path,
) -> Result<Drawing, DatabaseError> {
    let newest = end(database.last()?, graph.now);
    let span = match graph.range {
        Some((start, end)) => start..end.min(newest).max(Minute::nearest(start.epoch_minutes() + 1)),
        None => Minute::nearest(newest.epoch_minutes() - graph.minutes())..newest,
    };
    let end = span.end;
    let step = step(graph);
    let between_pulses = graph.rates.filter(|rates| !rates.is_empty());
    let source = match between_pulses {
        Some(rates) => {
            rate_file::write(scratch, rates)?;
            Source { file: scratch, rate: "1,*".to_owned() }
        }
        None => Source { file: database.file(), rate: rate_of_pulses(graph) },
    };
    let rates = match between_pulses {
        Some(rates) => rates.iter().copied().filter(|(minute, _)| span.contains(minute)).collect(),
        None => rates(&database.fetch(span.clone())?, graph),
    };
    let figures = figures(&rates, end, graph);
    let mut drawing = Drawing {
        size: graph.size,
        edges: (span.start.start(), span.end.start()),
        step,
        time_axis: axis(graph),
        unit: graph.unit.of_rate().to_owned(),
        highest: figures.highest.unwrap_or_default(),
        slopes: graph.kind != PeriodKind::Hour,
        elements: Vec::new(),
    };
    draw(&mut drawing, &source, graph).map_err(DatabaseError::librrd(source.file))?;
    say(&mut drawing, graph, &figures);
    Ok(drawing)
}

/// The right edge: where the recording ends, or now if it ended long ago.
fn end(last: Minute, now: Minute) -> Minute {
    let recorded = last.epoch_minutes() + 1;
    let fresh = (now.epoch_minutes() - recorded) <= FRESH_MINUTES;
    if fresh { Minute::nearest(recorded) } else { now }
}

fn step(graph: &Graph<'_>) -> u32 {
    let pixels = graph.size.laid_out().0 - MARGIN;
    let pixel_s = graph.minutes() as u32 * 60 / pixels;
    STEPS_S.into_iter().find(|&step| step >= pixel_s).unwrap_or(3600)
}

fn axis(graph: &Graph<'_>) -> XAxisGrid {
    let wide = graph.size == Size::Wide;
    let is_card = graph.size == Size::Card;
    match graph.kind {
        PeriodKind::Hour if wide => time_axis((Each::Minute, 1), (Each::Minute, 5), 0, "%H:%M"),
        PeriodKind::Hour => time_axis((Each::Minute, 5), (Each::Minute, 15), 0, "%H:%M"),
        PeriodKind::Day if is_card => time_axis((Each::Hour, 1), (Each::Hour, 3), 0, "%H:%M"),
        PeriodKind::Day if wide => time_axis((Each::Hour, 1), (Each::Hour, 2), 0, "%H:%M"),
        PeriodKind::Day => time_axis((Each::Hour, 1), (Each::Hour, 6), 0, "%H:%M"),
        _ if wide || is_card => {
            time_axis((Each::Hour, 6), (Each::Day, 1), 86_400, graph.words.weekday_format)
        }
        _ => time_axis((Each::Day, 1), (Each::Day, 2), 86_400, graph.words.day_format),
    }
}

/// The power or flow of minutes of which the pulses are known.
fn rates(minutes: &[(Minute, f64)], graph: &Graph<'_>) -> Vec<(Minute, f64)> {
    let rate =
        |minute: Minute, pulses: f64| pulses * graph.worth(minute) * 60_000.0 / graph.constant.per_unit();
    minutes.iter().map(|(minute, pulses)| (*minute, rate(*minute, *pulses))).collect()
}

fn figures(rates: &[(Minute, f64)], end: Minute, graph: &Graph<'_>) -> Figures {
    let sum: f64 = rates.iter().map(|(_, rate)| rate).sum();
    let newest = rates.last().filter(|(minute, _)| end.epoch_minutes() - minute.epoch_minutes() == 1);
    Figures {
        latest: newest.filter(|_| graph.range.is_none()).map(|(_, rate)| *rate),
        mean: (!rates.is_empty()).then(|| sum / rates.len() as f64),
        highest: rates.iter().map(|(_, rate)| *rate).reduce(f64::max),
    }
}

/// Where the minutes are that are drawn, and what makes power or flow of their values, in RPN.
struct Source<'a> {
    file: &'a Path,
    rate: String,
}

fn rate_of_pulses(graph: &Graph<'_>) -> String {
    format!("{},*,{},*", 60_000.0 / graph.constant.per_unit(), graph.worth_rpn())
}

fn draw(drawing: &mut Drawing, source: &Source<'_>, graph: &Graph<'_>) -> Result<(), rrd::error::RrdError> {
    let palette = Palette::of(graph.theme, graph.colour);
    let (rate, source) = (&source.rate, (source.file, DATA_SOURCE));
    drawing.read("pulses", source, ConsolidationFn::Avg)?;
    drawing.work_out("power", format!("pulses,{rate}"))?;
    drawing.hatch("pulses", &palette)?;
    let (color, words) = (palette.shades.peak.into(), graph.words);
    let corrected = Mark { name: "corrected", color, legend: words.corrected, is_striped: false };
    drawing.mark("pulses", graph.corrected, &corrected)?;
    let coarse = Mark { name: "coarse", legend: words.coarse, is_striped: true, ..corrected };
    drawing.mark("pulses", graph.coarse, &coarse)?;
    drawing.area("power", palette.shades.fill.into(), "", false)?;
    if drawing.step > 60 {
        drawing.read("most", source, ConsolidationFn::Max)?;
        drawing.work_out("above", format!("most,{rate},power,-"))?;
        drawing.area("above", palette.shades.peak.into(), graph.words.peak, true)?;
    }
    drawing.line("power", 1.6, palette.shades.line.into(), graph.rate)
}

fn say(drawing: &mut Drawing, graph: &Graph<'_>, figures: &Figures) {
    let words = graph.words;
    let figures =
        [(words.latest, figures.latest), (words.mean, figures.mean), (words.highest, figures.highest)];
    for (word, rate) in figures.into_iter().filter_map(|(word, rate)| Some((word, rate?))) {
        drawing.say(&format!("{word} {} {}", (words.number)(rate, 0), graph.unit.of_rate()));
    }
    if let Some(total) = graph.total {
        drawing.say(&format!("{} {} {}", words.total, (words.number)(total, 2), graph.unit.symbol()));
    }
    drawing.say_amount(graph);
}
