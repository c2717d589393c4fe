//! What flows even at night, over a year: each night, what that comes to, and since when it is more or less.

use askama::Template;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_figures::{BaseLoad, Change, Cost, local};
use meter_ledger::{RecordedMeter, Sum};
use meter_messages::{Minute, Unit};

use super::Frame;
use crate::drawing::curve::Curve;
use crate::ledger::reader::LedgerReader;
use crate::texts::Texts;

/// Hours of a year.
const HOURS: f64 = 365.25 * 24.0;

/// The nights of a year.
pub(crate) struct Nights {
    pub(crate) meter: RecordedMeter,
    pub(crate) load: BaseLoad,
    /// Whether there are hours that are not known one by one.
    pub(crate) leaves_out: bool,
    /// All that was used in that time.
    pub(crate) whole: Sum,
    /// What that costs, where tariffs are known for all of it.
    pub(crate) cost: Option<Cost>,
    /// The first and the last day of the year.
    pub(crate) days: [Date; 2],
    /// The meter's first minute.
    pub(crate) first: Minute,
}

/// A change in words.
struct ChangeView {
    /// The page of its first day.
    href: String,
    said: String,
    /// What it comes to in a year.
    a_year: String,
    /// Its class in the style sheet.
    direction: &'static str,
}

/// A month in words.
struct MonthRow {
    href: String,
    label: String,
    rate: String,
}

/// The page.
#[derive(Template)]
#[template(path = "base_load.html")]
pub(crate) struct BaseLoadPage {
    frame: Frame,
    name: String,
    /// The name of its colour.
    colour: &'static str,
    /// `site/meter`.
    path: String,
    unit: Unit,
    /// The power or flow of now.
    now: Option<String>,
    /// What that comes to in a year, and how much of all that was used, in percent.
    in_a_year: Option<String>,
    share: Option<String>,
    /// What that costs, and by which price.
    cost: Option<(String, String)>,
    amount: &'static str,
    svg: String,
    changes: Vec<ChangeView>,
    months: Vec<MonthRow>,
    leaves_out: bool,
}

impl BaseLoadPage {
    /// The page of what was read.
    pub(crate) fn new(frame: Frame, of: &Nights, site: &LedgerReader) -> Self {
        let (texts, unit, path) = (frame.texts, of.meter.medium.unit(), of.meter.meter.to_string());
        let now = of.load.now(of.days[1]);
        // What a unit cost in the mean, without fees.
        let price = of.cost.as_ref().and_then(Cost::price_of_unit);
        let yearly = Yearly { texts, unit, price, currency: site.currency() };
        let change = |change: &Change| ChangeView {
            href: frame.link(&format!("/m/{path}/day/{}", change.since)),
            said: texts.change_since(&yearly.signed_rate(change.by), &texts.short_date(change.since)),
            a_year: texts.change_a_year(&yearly.of(change.by.abs())),
            direction: if change.by > 0.0 { "more" } else { "less" },
        };
        // By what was used in the watched time, which may be short.
        let share = now
            .zip(of.whole.mean_rate())
            .filter(|(_, mean)| *mean > 0.0)
            .map(|(now, mean)| now / mean * 100.0);
        Self {
            now: now.map(|now| texts.number(now, 0)),
            in_a_year: now.map(|now| yearly.quantity(now)),
            share: share.filter(|share| *share <= 100.0).map(|share| texts.number(share, 0)),
            cost: now.zip(yearly.price).map(|(now, price)| {
                let said = texts.at_mean_price(price, site.currency(), unit.symbol());
                (texts.amount(quantity_of_year(now) * price, site.currency()), said)
            }),
            amount: texts.amount_of(of.meter.relation.measures()),
            svg: curve(of, texts, site.zone()),
            changes: of.load.changes().iter().map(change).collect(),
            months: months(&frame, of, &path),
            leaves_out: of.leaves_out,
            name: of.meter.name.clone(),
            colour: site.meters().colour(&of.meter.meter).name(),
            path,
            unit,
            frame,
        }
    }
}

impl Nights {
    /// Its days, from the first on that is recorded.
    fn days(&self, zone: &TimeZone) -> Vec<Date> {
        let [first, last] = self.days;
        let mut day = first.max(local(self.first, zone).date());
        let mut days = Vec::new();
        while day <= last {
            days.push(day);
            day = day.saturating_add(1.day());
        }
        days
    }
}

/// How what flows around the clock is said for a year.
struct Yearly<'page> {
    texts: &'page Texts,
    unit: Unit,
    price: Option<f64>,
    currency: &'page str,
}

impl Yearly<'_> {
    fn quantity(&self, rate: f64) -> String {
        self.texts.number(quantity_of_year(rate), 0)
    }

    /// Energy or volume, and its cost where a price is known.
    fn of(&self, rate: f64) -> String {
        let quantity = format!("{}\u{a0}{}", self.quantity(rate), self.unit.symbol());
        let cost = self.price.map(|price| self.texts.amount(quantity_of_year(rate) * price, self.currency));
        cost.map_or_else(|| quantity.clone(), |cost| format!("{quantity}, {cost}"))
    }

    fn signed_rate(&self, rate: f64) -> String {
        let sign = if rate > 0.0 { "+" } else { "" };
        format!("{sign}{}\u{a0}{}", self.texts.number(rate, 0), self.unit.of_rate())
    }
}

/// What a power or flow comes to in a year.
fn quantity_of_year(rate: f64) -> f64 {
    rate * HOURS / 1000.0
}

fn curve(of: &Nights, texts: &Texts, zone: &TimeZone) -> String {
    let days = of.days(zone);
    let known: std::collections::HashMap<Date, f64> = of.load.nights.iter().copied().collect();
    let unit = of.meter.medium.unit().of_rate();
    let ghost: Vec<Option<f64>> = days.iter().map(|day| known.get(day).copied()).collect();
    let values = of.load.running(&days);
    // There is no room for a label at the very edge.
    let firsts = days.iter().enumerate().filter(|(at, day)| day.day() == 1 && at * 40 > days.len());
    let tick = |(at, day): (usize, &Date)| {
        (at as f64, texts.short_month(day.month()).to_owned(), day.month() % 3 == 1)
    };
    Curve {
        values: &values,
        // The first night may have begun before the recording.
        begun: values.iter().position(Option::is_some).unwrap_or(days.len()),
        corrected: &[],
        coarse: &[],
        bands: &[],
        ghost: &ghost,
        expected: &[],
        ticks: firsts.map(tick).collect(),
        rate: &|rate| format!("{}\u{a0}{unit}", texts.number(rate, 0)),
        fills: false,
    }
    .svg()
}

/// The middle night of each month.
fn months(frame: &Frame, of: &Nights, path: &str) -> Vec<MonthRow> {
    let texts = frame.texts;
    let month = |(first, rate): (Date, f64)| MonthRow {
        href: frame.link(&format!("/m/{path}/month/{:04}-{:02}", first.year(), first.month())),
        label: format!("{} {}", texts.short_month(first.month()), first.year()),
        rate: texts.number(rate, 0),
    };
    of.load.months().map(month).collect()
}
