//! A year's heat map, and the table behind it.

use jiff::tz::TimeZone;
use meter_figures::{Hour, local};
use meter_messages::Minute;

use crate::drawing::heat::HeatMap;
use crate::ledger::history::History;
use crate::texts::Texts;

/// Hours of a day that share a column of the heat map's table.
const HOURS_TOGETHER: usize = 3;

/// The map of a year, and the table behind it.
pub(super) struct HeatView {
    pub(super) svg: String,
    /// The lowest and the highest bound between shades.
    pub(super) bounds: (String, String),
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<(&'static str, Vec<String>)>,
}

/// The map of the hours that were read.
pub(super) fn heat(history: &History, texts: &'static Texts, zone: &TimeZone) -> HeatView {
    let year = local(history.span.start, zone).date();
    let days = usize::try_from(year.days_in_year()).unwrap_or(365);
    let mut watched = vec![[(0.0, 0.0); 24]; days];
    for Hour { span: hour, sum, .. } in &history.hours {
        let local = local(hour.start, zone);
        let day = usize::try_from(local.date().day_of_year() - 1).unwrap_or_default();
        let cell = watched
            .get_mut(day)
            .and_then(|day| day.get_mut(usize::try_from(local.hour()).unwrap_or_default()));
        if let (Some(cell), Some(watts)) = (cell, sum.mean_rate()) {
            cell.0 += watts * sum.watched_s as f64;
            cell.1 += sum.watched_s as f64;
        }
    }
    let mean = |(joule, seconds): (f64, f64)| (seconds > 0.0).then(|| joule / seconds);
    let months: Vec<(usize, i8)> = (1..=12)
        .filter_map(|month| {
            let first = jiff::civil::Date::new(year.year(), month, 1).ok()?;
            Some((usize::try_from(first.day_of_year() - 1).ok()?, month))
        })
        .collect();
    // By the date, not by hours that passed: some days have more of them.
    let day_of = |at: Minute| {
        let date = local(at, zone).date();
        let passed = usize::try_from(date.day_of_year() - 1).unwrap_or_default();
        if date.year() < year.year() {
            0
        } else if date.year() > year.year() {
            days
        } else {
            passed
        }
    };
    let map = HeatMap {
        days: watched.iter().map(|hours| hours.map(mean)).collect(),
        recorded: day_of(history.first)..day_of(history.until).max(day_of(history.first)),
        months: months.iter().map(|(day, month)| (*day, texts.short_month(*month))).collect(),
    };
    let ends = months.iter().skip(1).map(|(day, _)| *day).chain([days]);
    let rows = months.iter().zip(ends).map(|((start, month), end)| {
        let columns = (0..24 / HOURS_TOGETHER).map(|column| {
            let hours = column * HOURS_TOGETHER..(column + 1) * HOURS_TOGETHER;
            let cells = watched[*start..end].iter().flat_map(|day| day[hours.clone()].iter());
            let all = cells.fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
            mean(all).map_or("–".to_owned(), |watts| texts.number(watts, 0))
        });
        (texts.short_month(*month), columns.collect())
    });
    let bounds = map.bounds();
    HeatView {
        svg: map.svg(),
        bounds: (texts.number(bounds[0], 0), texts.number(bounds[bounds.len() - 1], 0)),
        columns: (0..24 / HOURS_TOGETHER)
            .map(|column| format!("{:02}–{:02}", column * HOURS_TOGETHER, (column + 1) * HOURS_TOGETHER))
            .collect(),
        rows: rows.collect(),
    }
}
