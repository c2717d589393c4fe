//! The parts of a period: bars, the table behind them, and the strongest days.

use jiff::tz::TimeZone;
use meter_figures::Period;
use meter_ledger::Sum;
use meter_messages::PeriodKind;

use super::links::here;
use crate::drawing::bars::{self, Bar};
use crate::ledger::history::{History, Part};
use crate::ledger::reader::LedgerReader;
use crate::pages::meter::is_partly;
use crate::pages::{Frame, NoteView, Row, exact, on_scale};
use crate::texts::{Texts, hour};

/// The name of a part, for tables, and what stands below its bar.
fn part_names(part: &Part, kind: Option<PeriodKind>, texts: &Texts, zone: &TimeZone) -> (String, String) {
    let local = part.span.start.timestamp().to_zoned_datetime(zone.clone());
    let date = local.date();
    let title = || part.period.as_ref().map_or(String::new(), |period| texts.title(period, zone));
    match (part.period.as_ref().map(|period| period.kind), kind) {
        (Some(PeriodKind::Hour), _) => {
            let name = part.period.as_ref().map_or(String::new(), |period| hour(period, zone));
            (name, format!("{:02}", local.hour()))
        }
        (Some(PeriodKind::Day), Some(PeriodKind::Week)) => {
            let name = format!("{} {}", texts.short_weekday(date), texts.short_day(date));
            (name.clone(), name)
        }
        (Some(PeriodKind::Day), _) => {
            (format!("{} {}", texts.short_weekday(date), texts.short_day(date)), date.day().to_string())
        }
        // Among the months of several years.
        (Some(PeriodKind::Month), None) if date.month() == 1 => (title(), date.year().to_string()),
        (Some(PeriodKind::Month), _) => (title(), texts.short_month(date.month()).to_owned()),
        (Some(_), _) => (date.year().to_string(), date.year().to_string()),
        (None, _) => {
            let name = format!("{:02}:{:02}", local.hour(), local.minute());
            (name.clone(), name)
        }
    }
}

/// Every how many labels one is shown even on a telephone.
fn label_every(kind: Option<PeriodKind>, count: usize) -> usize {
    match kind {
        Some(PeriodKind::Day) => 6,
        Some(PeriodKind::Month) => 8,
        Some(PeriodKind::Hour) => 3,
        Some(PeriodKind::Week) => 2,
        _ => count.div_ceil(6),
    }
}

/// The bars, and the table behind them.
pub(super) fn bars_of(
    frame: &Frame,
    history: &History,
    site: &LedgerReader,
    notes: &[NoteView],
) -> (String, Vec<Row>) {
    let (meter, unit) = (&history.meter, history.meter.medium.unit());
    let (texts, zone) = (frame.texts, site.zone());
    let kind = history.period.as_ref().map(|period| period.kind);
    let path = meter.meter.to_string();
    let there = |part: &Part| part.span.end > history.first && part.span.start < history.until;
    // A week has its seven days whenever the recording began; everything begins there.
    let shown: Vec<&Part> = history.parts.iter().filter(|part| kind.is_some() || there(part)).collect();
    let every = label_every(kind, shown.len());
    let (mut drawn, mut rows) = (Vec::new(), Vec::new());
    for (index, part) in shown.into_iter().enumerate() {
        let (label, tick) = part_names(part, kind, texts, zone);
        let shown = |sum: &Sum| exact(sum.quantity(), texts);
        let there = there(part);
        let href =
            part.period.as_ref().filter(|_| there).map(|period| frame.link(&here(&path, Some(period), zone)));
        let partly = part.period.as_ref().is_some_and(|period| is_partly(period, &part.sum, history.until));
        let begins_here = part.span.contains(&history.first);
        drawn.push(Bar {
            quantity: part.sum.quantity(),
            ghost: part.other.as_ref().and_then(Sum::quantity),
            coarse: history.coarse.iter().any(|of| of.start < part.span.end && part.span.start < of.end),
            corrected: meter.corrected_minutes(&part.span) > 0,
            partly: partly && part.sum.is_known() && !begins_here,
            unfinished: part.span.end > history.until,
            ahead: part.span.end > history.until || part.span.end <= history.first,
            href: href.clone(),
            note: NoteView::words(notes, part.span.start, part.span.end),
            title: format!("{label}: {} {}", shown(&part.sum), unit.symbol()),
            tick: (kind != Some(PeriodKind::Month) || index % 2 == 0 || index % every == 0)
                .then(|| (tick, index % every == 0)),
        });
        if !there && part.other.is_none() && part.price.is_none() {
            continue;
        }
        let mean_rate = part.sum.mean_rate().map_or("–".to_owned(), |rate| texts.number(rate, 0));
        let cost = part.cost.filter(|_| part.sum.is_known());
        let cost = cost.and_then(|cost| cost.known_total()).map(|cost| texts.amount(cost, site.currency()));
        let price = part.price.map(|price| texts.number(price, 4));
        let other = part.other.as_ref().map(shown);
        rows.push(Row { href, label, quantity: shown(&part.sum), cost, price, other, mean_rate });
    }
    (bars::svg("parts", &drawn, &|quantity| on_scale(quantity, unit, texts)), rows)
}

/// The strongest days.
pub(super) fn top(frame: &Frame, history: &History, zone: &TimeZone) -> Vec<Row> {
    let path = history.meter.meter.to_string();
    let row = |(day, sum): &(Period, Sum)| Row {
        href: Some(frame.link(&here(&path, Some(day), zone))),
        label: frame.texts.title(day, zone),
        quantity: frame.texts.number(sum.counted(), 2),
        cost: None,
        price: None,
        other: None,
        mean_rate: String::new(),
    };
    history.top.iter().map(row).collect()
}
