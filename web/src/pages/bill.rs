//! What a time costs, line by line, as it is printed.

use std::ops::Range;

use askama::Template;
use jiff::ToSpan;
use jiff::civil::Date;
use meter_figures::{Bill, BillItem, BillLine};
use meter_ledger::{RecordedMeter, Sum};
use meter_messages::{Minute, Unit};

use super::{Frame, exact};
use crate::ledger::reader::LedgerReader;
use crate::texts::Texts;

/// What was read for a bill.
pub(crate) struct Billed {
    /// The meter.
    pub(crate) meter: RecordedMeter,
    /// The first and the last day.
    pub(crate) days: [Date; 2],
    /// Those of the year of bills in which it begins.
    pub(crate) year: [Date; 2],
    /// Its minutes.
    pub(crate) span: Range<Minute>,
    /// What was recorded.
    pub(crate) sum: Sum,
    /// What the meter showed at its beginning and at its end so far.
    pub(crate) readings: [Option<f64>; 2],
    /// `None` where no tariff is known for all of it.
    pub(crate) bill: Option<Bill>,
    /// The first minute that is not recorded yet.
    pub(crate) until: Minute,
}

/// A line in words.
struct LineView {
    item: String,
    quantity: Option<String>,
    price: Option<String>,
    net: String,
}

/// All lines in words, and what they come to.
struct BillView {
    lines: Vec<LineView>,
    net: String,
    /// Each rate and what it comes to.
    vat: Vec<(String, String)>,
    total: String,
    unpriced: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "bill.html")]
pub(crate) struct BillPage {
    frame: Frame,
    name: String,
    /// `site/meter`.
    path: String,
    unit: Unit,
    currency: String,
    /// The first and the last day, in words and as a form has them.
    days: [String; 2],
    dates: [String; 2],
    readings: [String; 2],
    quantity: String,
    /// How much of its time so far was watched, in percent.
    watched: Option<String>,
    /// Up to when it is recorded, if it is not over.
    so_far: Option<String>,
    bill: Option<BillView>,
    /// The years of bills before and after.
    earlier: String,
    later: Option<String>,
}

impl BillPage {
    /// The page of what was read.
    pub(crate) fn new(frame: Frame, billed: &Billed, site: &LedgerReader) -> Self {
        let (texts, zone) = (frame.texts, site.zone());
        let (unit, path) = (billed.meter.medium.unit(), billed.meter.meter.to_string());
        let end = billed.span.end.min(billed.until);
        let so_far = (billed.until < billed.span.end)
            .then(|| texts.moment(zone.to_datetime(billed.until.timestamp())));
        let minutes = (end.epoch_minutes() - billed.span.start.epoch_minutes()).max(1);
        let watched = (billed.sum.watched_s as f64 / 60.0 / minutes as f64 * 100.0).min(100.0);
        let [first, last] = billed.year;
        let year = |day: Date| frame.link(&format!("/m/{path}/bill?from={day}"));
        let is_there = billed.until > billed.span.end;
        Self {
            days: billed.days.map(|day| texts.short_date(day)),
            dates: billed.days.map(|day| day.to_string()),
            readings: billed.readings.map(|reading| exact(reading, texts)),
            quantity: exact(billed.sum.quantity(), texts),
            // Never "100 %" for what is not all.
            watched: billed.sum.is_known().then(|| texts.number((watched * 10.0).floor() / 10.0, 1)),
            bill: billed
                .bill
                .as_ref()
                .map(|bill| BillView::new(bill, unit, billed.days[0], texts, site.currency())),
            earlier: year(first.saturating_sub(1.year())),
            later: is_there.then(|| year(last.saturating_add(1.day()))),
            currency: site.currency().to_owned(),
            name: billed.meter.name.clone(),
            so_far,
            path,
            unit,
            frame,
        }
    }
}

impl BillView {
    fn new(bill: &Bill, unit: Unit, first_day: Date, texts: &Texts, currency: &str) -> Self {
        let amount = |cents: i64| texts.amount(cents as f64 / 100.0, currency);
        let line = |line: &BillLine| LineView {
            item: match line.tariff_from > first_day {
                true => texts.item_since(item(line, unit, texts), line.tariff_from),
                false => item(line, unit, texts).to_owned(),
            },
            quantity: (line.quantity != 0.0).then(|| texts.number(line.quantity, 3)),
            price: line.mean_price().map(|price| texts.number(price, 4)),
            net: amount(line.net_cents()),
        };
        let vat = bill.vat_cents().into_iter();
        Self {
            lines: bill.lines.iter().map(line).collect(),
            net: amount(bill.net_cents()),
            vat: vat.map(|(percent, cents)| (texts.vat(percent), amount(cents))).collect(),
            total: amount(bill.total_cents()),
            unpriced: (bill.unpriced > 0.0).then(|| texts.unpriced(bill.unpriced)),
        }
    }
}

fn item(line: &BillLine, unit: Unit, texts: &Texts) -> &'static str {
    match line.item {
        BillItem::Quantity => texts.measure(unit).quantity,
        BillItem::AtDayPrices => texts.at_day_prices,
        BillItem::BaseFee => texts.base_fee_line,
        BillItem::Capacity => texts.highest_quarter,
    }
}
