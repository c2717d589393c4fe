//! The energy or volume of each local day of a month or a year.

use std::path::Path;

use jiff::tz::TimeZone;
use meter_messages::{Minute, PeriodKind};
use rrd::ConsolidationFn;
use rrd::ops::graph::props::{AxisGridTimeUnit as Each, XAxisGrid};

use crate::database::MeterDatabase;
use crate::day_bars::{self, COMPLETE, DayBar, STEP_S, TREND, UNFINISHED, WATCHED};
use crate::drawing::{Drawing, Mark, date, time_axis};
use crate::error::DatabaseError;
use crate::graph::{Graph, Size};
use crate::palette::Palette;

pub(crate) fn drawing(
    database: &MeterDatabase,
    graph: &Graph<'_>,
    days: u16,
    zone: &TimeZone,
    scratch: &Path,
) -> Result<Drawing, DatabaseError> {
    let last = graph.range.map_or(graph.now, |(_, end)| Minute::nearest(end.epoch_minutes() - 1));
    let days = graph.range.map_or(days, |(start, end)| day_bars::local_days(start, end, zone));
    let bars = day_bars::day_bars(database, zone, days, last, |minute| graph.worth(minute))?;
    // The bars of a year are too thin to stand apart.
    let space = if graph.kind == PeriodKind::Month { 18 } else { 0 };
    day_bars::write(scratch, &bars, space, graph.now)?;
    let edge = |bar: Option<&DayBar>, of: fn(&DayBar) -> i64| bar.map(of).unwrap_or_default();
    let mut drawing = Drawing {
        size: graph.size,
        edges: (edge(bars.first(), |bar| bar.start), edge(bars.last(), |bar| bar.end)),
        step: STEP_S,
        time_axis: axis(graph),
        unit: format!("{}{}", graph.unit.symbol(), graph.words.per_day),
        highest: bars.iter().filter_map(|bar| bar.pulses).fold(0.0, f64::max) / graph.constant.per_unit(),
        slopes: false,
        elements: Vec::new(),
    };
    draw(&mut drawing, graph, scratch).map_err(DatabaseError::librrd(scratch))?;
    say(&mut drawing, graph, &bars);
    Ok(drawing)
}

fn axis(graph: &Graph<'_>) -> XAxisGrid {
    let (day, month) = (graph.words.day_format, graph.words.month_format);
    let wide = graph.size == Size::Wide;
    match graph.kind {
        PeriodKind::Year if wide || graph.size == Size::Card => {
            time_axis((Each::Month, 1), (Each::Month, 1), 30 * 86_400, month)
        }
        PeriodKind::Year => time_axis((Each::Month, 1), (Each::Month, 2), 30 * 86_400, month),
        _ if wide => time_axis((Each::Day, 1), (Each::Day, 2), 86_400, day),
        _ if graph.size == Size::Card => time_axis((Each::Day, 1), (Each::Day, 4), 86_400, day),
        _ => time_axis((Each::Day, 1), (Each::Day, 7), 86_400, day),
    }
}

fn draw(drawing: &mut Drawing, graph: &Graph<'_>, scratch: &Path) -> Result<(), rrd::error::RrdError> {
    let palette = Palette::of(graph.theme, graph.colour);
    let worth = 1.0 / graph.constant.per_unit();
    for (name, source) in [("p", COMPLETE), ("q", UNFINISHED), ("t", TREND), ("w", WATCHED)] {
        drawing.read(name, (scratch, source), ConsolidationFn::Avg)?;
    }
    drawing.work_out("day", format!("p,{worth},*"))?;
    drawing.work_out("today", format!("q,{worth},*"))?;
    drawing.work_out("trend", format!("t,{worth},*"))?;
    drawing.hatch("w", &palette)?;
    let (color, words) = (palette.shades.peak.into(), graph.words);
    let corrected = Mark { name: "corrected", color, legend: words.corrected, is_striped: false };
    drawing.mark("w", graph.corrected, &corrected)?;
    let coarse = Mark { name: "coarse", legend: words.coarse, is_striped: true, ..corrected };
    drawing.mark("w", graph.coarse, &coarse)?;
    drawing.area("day", palette.shades.bar.into(), graph.words.day, false)?;
    drawing.area("today", palette.shades.unfinished.into(), graph.words.today, false)?;
    drawing.line("trend", 1.8, palette.shades.trend.into(), graph.words.trend)
}

fn say(drawing: &mut Drawing, graph: &Graph<'_>, bars: &[DayBar]) {
    let words = graph.words;
    let unit = graph.unit.symbol();
    let quantity = |pulses: f64| pulses / graph.constant.per_unit();
    let complete = bars.iter().filter(|bar| bar.end <= graph.now.start());
    let known: Vec<(&DayBar, f64)> = complete.filter_map(|bar| Some((bar, bar.pulses?))).collect();
    if !known.is_empty() {
        let mean = known.iter().map(|(_, pulses)| pulses).sum::<f64>() / known.len() as f64;
        drawing.say(&format!("{} {} {}", words.mean, (words.number)(quantity(mean), 1), drawing.unit));
    }
    if let Some((bar, most)) = known.iter().max_by(|one, other| one.1.total_cmp(&other.1)) {
        let day = date(words.day_format, bar.date);
        drawing.say(&format!("{} {} {unit} ({day})", words.highest, (words.number)(quantity(*most), 1)));
    }
    if let Some(total) = graph.total {
        drawing.say(&format!("{} {} {unit}", words.total, (words.number)(total, 1)));
    }
    drawing.say_amount(graph);
}
