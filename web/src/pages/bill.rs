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
    /// What stands beside it.
    pub(crate) beside: Beside,
    /// The first minute that is not recorded yet.
    pub(crate) until: Minute,
}

/// What was counted beside a meter.
#[derive(Default)]
pub(crate) struct Beside {
    /// Its parts.
    pub(crate) parts: Vec<BilledBeside>,
    /// What was fed in at its site.
    pub(crate) fed_in: Vec<BilledBeside>,
    /// Whether energy is made at its site: its parts may then take more than it measures.
    pub(crate) is_made_here: bool,
}

/// What another meter counted.
pub(crate) struct BilledBeside {
    pub(crate) meter: RecordedMeter,
    pub(crate) sum: Sum,
    pub(crate) bill: Option<Bill>,
}

/// Another meter in words; `None` as its name is what no part measures.
struct BesideView {
    name: Option<String>,
    quantity: String,
    share: Option<String>,
    amount: Option<String>,
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
    title: &'static str,
    parts: Vec<BesideView>,
    fed_in: Vec<BesideView>,
    /// What is to be paid without what is paid for what was fed in.
    rest: Option<String>,
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
            title: texts.bill_of(billed.meter.relation.measures()),
            parts: parts(billed, texts, site.currency()),
            fed_in: billed
                .beside
                .fed_in
                .iter()
                .map(|one| beside(one, None, texts, site.currency()))
                .collect(),
            rest: rest_cents(billed).map(|cents| texts.amount(cents as f64 / 100.0, site.currency())),
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

/// The parts, and what none of them measures where all were watched like the whole.
fn parts(billed: &Billed, texts: &Texts, currency: &str) -> Vec<BesideView> {
    let (whole, parts) = (&billed.sum, &billed.beside.parts);
    let is_share = whole.counted() > 0.0 && !billed.beside.is_made_here;
    let share = |counted: f64| is_share.then(|| texts.number(counted / whole.counted() * 100.0, 1));
    let mut lines: Vec<BesideView> =
        parts.iter().map(|part| beside(part, share(part.sum.counted()), texts, currency)).collect();
    let rest = whole.counted() - parts.iter().map(|part| part.sum.counted()).sum::<f64>();
    let is_alike = parts.iter().all(|part| part.sum.watched_s == whole.watched_s);
    if !parts.is_empty() && is_alike && is_share && rest >= 0.0 {
        let quantity = exact(Some(rest), texts);
        lines.push(BesideView { name: None, quantity, share: share(rest), amount: None });
    }
    lines
}

fn beside(other: &BilledBeside, share: Option<String>, texts: &Texts, currency: &str) -> BesideView {
    let amount = other.bill.as_ref().filter(|bill| bill.unpriced == 0.0);
    BesideView {
        name: Some(other.meter.name.clone()),
        quantity: exact(other.sum.quantity(), texts),
        share: share.filter(|_| other.sum.is_known()),
        amount: amount.map(|bill| texts.amount(bill.total_cents() as f64 / 100.0, currency)),
    }
}

/// `None` where nothing was fed in, or some of it is not known.
fn rest_cents(billed: &Billed) -> Option<i64> {
    let known =
        |bill: &Option<Bill>| bill.as_ref().filter(|bill| bill.unpriced == 0.0).map(Bill::total_cents);
    let fed_in = &billed.beside.fed_in;
    let paid: i64 = fed_in.iter().map(|one| known(&one.bill)).sum::<Option<i64>>()?;
    (!fed_in.is_empty()).then_some(known(&billed.bill)? - paid)
}

fn item(line: &BillLine, unit: Unit, texts: &Texts) -> &'static str {
    match line.item {
        BillItem::Quantity => texts.measure(unit).quantity,
        BillItem::AtDayPrices => texts.billing.at_day_prices,
        BillItem::BaseFee => texts.billing.base_fee_line,
        BillItem::Capacity => texts.period.highest_quarter,
    }
}
