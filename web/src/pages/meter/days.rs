//! The last days as bars, and the table behind them.

use jiff::tz::TimeZone;
use meter_figures::{Figures, Period};
use meter_ledger::Sum;
use meter_messages::Minute;

use crate::drawing::bars::{self, Bar};
use crate::pages::{Frame, NoteView, Row, on_scale, rough};

/// The bars of the last days, and the table behind them.
pub(super) fn days(
    frame: &Frame,
    figures: &Figures,
    (path, notes): (&str, &[NoteView]),
    zone: &TimeZone,
) -> (String, Vec<Row>) {
    let (texts, unit) = (frame.texts, figures.meter.medium.unit());
    let begun = figures.days.iter().position(|(_, sum)| sum.is_known()).unwrap_or(usize::MAX);
    let (mut drawn, mut rows) = (Vec::new(), Vec::new());
    for (index, (day, sum)) in figures.days.iter().enumerate() {
        let date = day.first_day(zone);
        let label = format!("{} {}", texts.short_weekday(date), texts.short_day(date));
        let quantity = sum.quantity();
        let shown = quantity.map_or("–".to_owned(), |quantity| rough(quantity, texts));
        let href = frame.link(&format!("/m/{path}/day/{}", day.name(zone)));
        let ago = figures.days.len() - 1 - index;
        drawn.push(Bar {
            quantity,
            coarse: figures.coarse.iter().any(|(span, minutes)| {
                *minutes > day.minutes() && span.start < day.span.end && day.span.start < span.end
            }),
            corrected: figures.meter.corrected_minutes(&day.span) > 0,
            unfinished: day.span.end > figures.until,
            // Before its first day a meter missed nothing.
            ahead: index < begun || day.span.end > figures.until,
            partly: sum.is_known() && index != begun && is_partly(day, sum, figures.until),
            href: Some(href.clone()),
            note: NoteView::words(notes, day.span.start, day.span.end),
            title: format!("{label}: {shown} {}", unit.symbol()),
            tick: ago.is_multiple_of(4).then(|| (texts.short_day(date), ago.is_multiple_of(8))),
            ..Bar::default()
        });
        let mean_rate = sum.mean_rate().map_or("–".to_owned(), |rate| texts.number(rate, 0));
        rows.push(Row {
            href: Some(href),
            label,
            quantity: shown,
            cost: None,
            price: None,
            other: None,
            mean_rate,
        });
    }
    rows.reverse();
    (bars::svg("days", &drawn, &|quantity| on_scale(quantity, unit, texts)), rows)
}

/// Whether more than a tenth of what is over was not watched.
pub(crate) fn is_partly(period: &Period, sum: &Sum, until: Minute) -> bool {
    let end = period.span.end.min(until);
    let minutes = (end.epoch_minutes() - period.span.start.epoch_minutes()).max(0) as u64;
    sum.watched_s * 10 < minutes * 60 * 9
}
