//! The table of a period's parts.

use meter_figures::{Flow, HouseSums, MediumSums};
use meter_messages::{Medium, PeriodKind};

use super::here;
use crate::ledger::house::{HouseFigures, HouseHistory, RecordedHouse};
use crate::ledger::reader::LedgerReader;
use crate::pages::{Frame, exact};
use crate::texts::{Texts, hour};

/// A table: its columns, and rows that may lead somewhere.
pub(super) struct Rows {
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// A part of a period.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) href: Option<String>,
    pub(super) cells: Vec<String>,
}

/// What a column shows, where anything does.
type Cell = fn(&HouseSums, &MediumSums) -> Option<f64>;

/// The columns that a medium has.
fn columns(
    of: &MediumSums,
    house: &RecordedHouse,
    whole: &HouseSums,
    texts: &Texts,
) -> Vec<(&'static str, Cell)> {
    let words = texts.house;
    let is_there = |flow: Flow| flow.meters > 0;
    let all: [(bool, &'static str, Cell); 6] = [
        (is_there(whole.comes_in(of)), words.comes_in(of.medium), |sums, of| sums.comes_in(of).quantity),
        (is_there(whole.made(of)), words.made, |sums, of| sums.made(of).quantity),
        (is_there(whole.goes_out(of)), words.goes_out(of.medium), |sums, of| sums.goes_out(of).quantity),
        (house.is_whole && of.own_use().is_some(), words.own_use, |_, of| Some(of.own_use()?.quantity)),
        (house.is_whole && of.own_use().is_some(), words.used, |_, of| Some(of.house_use()?.quantity)),
        (house.is_whole && of.not_measured().is_some(), words.not_measured, |_, of| {
            Some(of.not_measured()?.quantity)
        }),
    ];
    all.into_iter().filter_map(|(is_there, name, cell)| is_there.then_some((name, cell))).collect()
}

/// The table of a medium.
pub(super) fn rows(
    frame: &Frame,
    medium: Medium,
    house: &RecordedHouse,
    history: &HouseHistory,
    (site, in_money): (&LedgerReader, bool),
) -> Rows {
    let texts = frame.texts;
    let of = |figures: &HouseFigures| figures.sums.media.iter().position(|of| of.medium == medium);
    let Some(place) = of(&history.whole) else { return Rows { columns: Vec::new(), rows: Vec::new() } };
    let whole = &history.whole.sums;
    let columns = columns(&whole.media[place], house, whole, texts);
    let currency = site.currency();
    let is_priced = history.parts.iter().any(|part| part.cost(medium, &house.house).is_some());
    let row = |part: &HouseFigures| {
        let quantity =
            |cell: Cell| exact(part.sums.media.get(place).and_then(|of| cell(&part.sums, of)), texts);
        let mut cells: Vec<String> = columns.iter().map(|(_, cell)| quantity(*cell)).collect();
        if is_priced {
            let cost = part.cost(medium, &house.house);
            cells.push(cost.map_or("–".to_owned(), |cost| texts.amount(cost, currency)));
        }
        let href = part
            .period
            .as_ref()
            .map(|period| frame.link(&here(house.site.as_ref(), Some(period), in_money, site.zone())));
        Row { label: label(part, texts, site), href, cells }
    };
    let is_there = |part: &&HouseFigures| part.span.end > house.first && part.span.start < house.until;
    let rows = history.parts.iter().filter(is_there).map(row).collect();
    let names = columns.iter().map(|(name, _)| *name).chain(is_priced.then_some(texts.cost));
    Rows { columns: names.collect(), rows }
}

fn label(part: &HouseFigures, texts: &Texts, site: &LedgerReader) -> String {
    let zone = site.zone();
    let local = part.span.start.timestamp().to_zoned_datetime(zone.clone());
    match &part.period {
        Some(period) if period.kind == PeriodKind::Hour => hour(period, zone),
        Some(period) if period.kind == PeriodKind::Day => {
            format!("{} {}", texts.short_weekday(local.date()), texts.short_day(local.date()))
        }
        Some(period) => texts.title(period, zone),
        None => format!("{:02}:{:02}", local.hour(), local.minute()),
    }
}
