//! A meter's first screen.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Minute, Unit};
use meter_rrd::{Size, Span};

use super::trust::TrustView;
use super::{Change, Frame, Row, on_scale, rough};
use crate::drawing::bars::{self, Bar};
use crate::drawing::curve::{self, Curve};
use crate::ledger::reader::LedgerReader;
use crate::live::values::{Freshness, Presence};
use crate::reckoning::calendar::{Kind, Period};
use crate::reckoning::figures::{CURVE_STEP, Costs, Figures};
use crate::route::span_name;
use crate::texts::Texts;

/// A meter in words.
pub(crate) struct MeterView {
    pub(crate) name: String,
    /// The name of its colour.
    pub(crate) colour: &'static str,
    /// `site/meter`.
    pub(crate) path: String,
    /// What it counts in.
    pub(crate) unit: Unit,
    /// Power or flow of now.
    pub(crate) rate: Option<String>,
    pub(crate) freshness: &'static str,
    /// When the value was worked out: for programs and for people.
    pub(crate) at: Option<(String, String)>,
    pub(crate) today: String,
    pub(crate) yesterday_by_now: String,
    pub(crate) yesterday: String,
    pub(crate) change: Option<Change>,
    pub(crate) month: String,
    pub(crate) month_expected: Option<String>,
    /// How much of what the month may take is taken.
    pub(crate) budget: Option<BudgetView>,
    pub(crate) quiet_rate: Option<String>,
    pub(crate) reading: Option<String>,
    pub(crate) recorded_until: Option<(String, String)>,
    /// What today and the month cost so far, and the whole month.
    pub(crate) cost: Option<CostView>,
    /// How far all of it can be trusted.
    pub(crate) trust: Option<TrustView>,
    /// The last 24 hours, small.
    pub(crate) spark: String,
}

/// A month against its budget.
pub(crate) struct BudgetView {
    /// `62 % of 200 kWh`
    pub(crate) words: String,
    /// In percent, for the bar: at most 100.
    pub(crate) percent: u8,
    pub(crate) is_over: bool,
}

impl BudgetView {
    fn new(taken: f64, of_month: f64, unit: Unit, texts: &Texts) -> Self {
        let percent = taken / of_month * 100.0;
        let budget = texts.number(of_month, if of_month.fract() == 0.0 { 0 } else { 2 });
        // Never "100 %" before it is.
        let shown = texts.number(if percent < 100.0 { percent.floor() } else { percent }, 0);
        Self {
            words: format!("{shown}\u{a0}% {} {budget}\u{a0}{}", texts.of_budget, unit.symbol()),
            percent: percent.clamp(0.0, 100.0) as u8,
            is_over: taken > of_month,
        }
    }
}

/// Amounts with their currency.
pub(crate) struct CostView {
    pub(crate) today: String,
    pub(crate) month: String,
    pub(crate) month_expected: Option<String>,
    /// Carbon dioxide of the month in kg, where it is known.
    pub(crate) co2: Option<String>,
}

impl CostView {
    fn new(costs: &Costs, texts: &Texts, currency: &str) -> Self {
        let amount = |amount: f64| texts.amount(amount, currency);
        let co2 = (costs.month.co2_g > 0.0).then(|| texts.co2(costs.month.co2_g));
        Self {
            today: amount(costs.today.total()),
            month: amount(costs.month.total()),
            month_expected: costs.month_expected.map(amount),
            co2,
        }
    }
}

impl MeterView {
    /// Where what people read off the meter stands.
    fn readings(&self) -> String {
        format!("/m/{}/readings", self.path)
    }

    /// A meter's figures and value as people of a language read them.
    pub(crate) fn new(figures: &Figures, presence: &Presence, texts: &Texts, ledger: &LedgerReader) -> Self {
        let zone = ledger.zone();
        let unit = figures.meter.medium.unit();
        // What nobody watched is not zero.
        let quantity = |sum: &Sum| match sum.minutes {
            0 => "–".to_owned(),
            _ => texts.number(sum.quantity(), 3),
        };
        let moment = |at: Timestamp| (at.to_string(), texts.moment(zone.to_datetime(at)));
        let recorded_until = figures.newest.map(|newest| Timestamp::from_second(newest.minute.end()));
        let value = presence.value.as_ref();
        Self {
            name: figures.meter.name.clone(),
            colour: ledger.meters().colour(&figures.meter.meter).name(),
            path: figures.meter.meter.to_string(),
            unit,
            rate: value.and_then(|live| live.rate_in(unit)).map(|rate| texts.number(rate.into(), 0)),
            freshness: freshness(presence),
            at: value.map(|live| moment(live.at)),
            today: quantity(&figures.today),
            yesterday_by_now: quantity(&figures.yesterday_by_now),
            yesterday: quantity(&figures.yesterday),
            change: figures.difference_percent().map(|percent| Change::new(percent, texts)),
            month: quantity(&figures.month),
            month_expected: figures.month_expected.map(|expected| texts.number(expected, 0)),
            budget: ledger
                .meters()
                .budget(&figures.meter)
                .map(|budget| BudgetView::new(figures.month.quantity(), budget, unit, texts)),
            quiet_rate: figures.quiet_rate.map(|rate| texts.number(rate, 0)),
            reading: figures.reading.map(|reading| texts.number(reading, 3)),
            cost: figures.costs.as_ref().map(|costs| {
                CostView::new(costs, texts, ledger.tariffs().of(figures.meter.medium).currency())
            }),
            trust: figures.trust.as_ref().map(|trust| TrustView::new(trust, texts, zone)),
            recorded_until: recorded_until.and_then(Result::ok).map(moment),
            spark: curve::sparkline(&thinned(&figures.curve)),
        }
    }
}

/// The class of a value's state.
pub(super) fn freshness(presence: &Presence) -> &'static str {
    match presence.freshness(Timestamp::now()) {
        Freshness::Live => "live",
        Freshness::Stale => "stale",
        Freshness::Offline => "offline",
        Freshness::Unknown => "unknown",
    }
}

/// A third of the points: the mean of each three.
fn thinned(curve: &[Option<f64>]) -> Vec<Option<f64>> {
    let mean = |three: &[Option<f64>]| {
        let known: Vec<f64> = three.iter().flatten().copied().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    curve.chunks(3).map(mean).collect()
}

/// The last 24 hours with the day before behind them.
pub(super) fn day_curve(figures: &Figures, texts: &Texts, zone: &TimeZone) -> String {
    let start = figures.until.epoch_minutes() - 24 * 60;
    let local = |minutes: i64| Minute::nearest(minutes).timestamp().to_zoned_datetime(zone.clone());
    let hours = (start + 60..figures.until.epoch_minutes() - 75).filter(|at| local(*at).minute() == 0);
    let ticks = hours.filter(|at| local(*at).hour() % 3 == 0).map(|at| {
        let hour = local(at).hour();
        ((at - start) as f64 / CURVE_STEP as f64, format!("{hour:02}:00"), hour % 6 == 0)
    });
    let unit = figures.meter.medium.unit().of_rate();
    let rate = |rate: f64| format!("{}\u{a0}{unit}", texts.number(rate, 0));
    Curve {
        values: &figures.curve,
        begun: figures.curve_begins(),
        ghost: &figures.curve_before,
        ticks: ticks.collect(),
        rate: &rate,
    }
    .svg()
}

/// A picture on a page.
pub(crate) struct PictureView {
    pub(crate) title: &'static str,
    pub(crate) span: &'static str,
    pub(crate) alt: String,
    /// Added to the address so that a new minute is a new picture.
    pub(crate) minute: i64,
}

impl PictureView {
    /// The pictures of a meter, the shortest time first.
    fn all(figures: &Figures, texts: &Texts, now: Minute) -> Vec<Self> {
        let view = |span: Span| Self {
            title: texts.span(span),
            span: span_name(span),
            alt: alt(span, figures, texts),
            minute: now.epoch_minutes(),
        };
        Span::ALL.map(view).into()
    }
}

/// What a picture says, for those who cannot see it.
fn alt(span: Span, figures: &Figures, texts: &Texts) -> String {
    let words = &texts.graph;
    let unit = figures.meter.medium.unit();
    let (measure, rate_unit) = (texts.measure(unit), unit.of_rate());
    let subject = if span.local_days().is_some() { measure.quantity_of_days } else { measure.rate_over_time };
    let subject = format!("{subject}, {}", texts.span(span));
    // The year's sum is not worth reading half a million minutes for each page.
    let Some(sum) = figures.pictures.get(span as usize).filter(|sum| sum.minutes > 0) else { return subject };
    let total = format!("{} {} {}", words.total, texts.number(sum.quantity(), 2), unit.symbol());
    if let Some(days) = span.local_days() {
        let mean = texts.number(sum.quantity() / f64::from(days), 1);
        return format!("{subject}: {} {mean} {}{}, {total}", words.mean, unit.symbol(), words.per_day);
    }
    let mean = texts.number(sum.mean_rate().unwrap_or_default(), 0);
    let highest = sum.highest_rate().unwrap_or_default();
    let highest = texts.number(highest, 0);
    format!("{subject}: {} {mean} {rate_unit}, {} {highest} {rate_unit}, {total}", words.mean, words.highest)
}

/// One meter.
#[derive(Template)]
#[template(path = "meter.html")]
pub(crate) struct MeterPage {
    pub(crate) frame: Frame,
    meter: MeterView,
    unit: Unit,
    pictures: Vec<PictureView>,
    /// Whether there are other meters to go back to.
    others: bool,
    wide: (u32, u32),
    narrow: (u32, u32),
    curve: String,
    /// Whether a part of the last 24 hours was not watched.
    gaps: bool,
    curve_rows: Vec<Row>,
    days: String,
    day_rows: Vec<Row>,
    /// Links to the periods of now.
    periods: Vec<(&'static str, String)>,
    /// Today, for the date picker, and the first day that is recorded.
    dates: (String, String),
    /// Unix times of what the interactive chart shows first and of all there is.
    chart: Chart,
}

/// What the interactive chart shows.
pub(crate) struct Chart {
    /// From this Unix time on.
    pub(crate) from: i64,
    /// Up to this one.
    pub(crate) to: i64,
    /// The first one there is.
    pub(crate) first: i64,
    /// Whether it goes on with the time.
    pub(crate) live: bool,
    /// The site's time zone by its IANA name; empty where it has none.
    pub(crate) zone: String,
}

impl MeterPage {
    /// The page of the meter that the figures are of.
    pub(crate) fn new(
        frame: Frame,
        meter: MeterView,
        figures: &Figures,
        zone: &TimeZone,
        others: bool,
    ) -> Self {
        let texts = frame.texts;
        let until = figures.until;
        let local_day = |at: Minute| at.timestamp().to_zoned_datetime(zone.clone()).date().to_string();
        let period = |kind: Kind| {
            let name = Period::containing(kind, until, zone).name(zone);
            (texts.kind(kind), frame.link(&format!("/m/{}/{}/{name}", meter.path, kind.name())))
        };
        let mut periods: Vec<_> = Kind::ALL.map(period).into();
        periods.push((texts.everything, frame.link(&format!("/m/{}/all", meter.path))));
        let first = figures.first.unwrap_or(until).start();
        let (days, day_rows) = days(&frame, figures, &meter.path, zone);
        Self {
            pictures: PictureView::all(figures, texts, until),
            others,
            wide: Size::Wide.pixels(),
            narrow: Size::Narrow.pixels(),
            curve: day_curve(figures, texts, zone),
            gaps: figures.curve.iter().skip(figures.curve_begins()).any(Option::is_none),
            curve_rows: curve_rows(figures, texts, zone),
            days,
            day_rows,
            periods,
            dates: (local_day(until), figures.first.map(local_day).unwrap_or_default()),
            chart: Chart {
                from: (until.start() - 7 * 86_400).max(first).min(until.start() - 3_600),
                to: until.start(),
                first,
                live: true,
                zone: zone.iana_name().unwrap_or_default().to_owned(),
            },
            unit: meter.unit,
            meter,
            frame,
        }
    }
}

/// The bars of the last days, and the table behind them.
fn days(frame: &Frame, figures: &Figures, path: &str, zone: &TimeZone) -> (String, Vec<Row>) {
    let (texts, unit) = (frame.texts, figures.meter.medium.unit());
    let begun = figures.days.iter().position(|(_, sum)| sum.minutes > 0).unwrap_or(usize::MAX);
    let (mut drawn, mut rows) = (Vec::new(), Vec::new());
    for (index, (day, sum)) in figures.days.iter().enumerate() {
        let date = day.first_day(zone);
        let label = format!("{} {}", texts.short_weekday(date), texts.short_day(date));
        let quantity = (sum.minutes > 0).then(|| sum.quantity());
        let shown = quantity.map_or("–".to_owned(), |quantity| rough(quantity, texts));
        let href = frame.link(&format!("/m/{path}/day/{}", day.name(zone)));
        let ago = figures.days.len() - 1 - index;
        drawn.push(Bar {
            quantity,
            unfinished: day.span.end > figures.until,
            // Before its first day a meter missed nothing.
            ahead: index < begun || day.span.end > figures.until,
            partly: sum.minutes > 0 && index != begun && is_partly(day, sum, figures.until),
            href: Some(href.clone()),
            title: format!("{label}: {shown} {}", unit.symbol()),
            tick: ago.is_multiple_of(4).then(|| (texts.short_day(date), ago.is_multiple_of(8))),
            ..Bar::default()
        });
        let mean_rate = sum.mean_rate().map_or("–".to_owned(), |rate| texts.number(rate, 0));
        rows.push(Row { href: Some(href), label, quantity: shown, cost: None, other: None, mean_rate });
    }
    rows.reverse();
    (bars::svg("days", &drawn, &|quantity| on_scale(quantity, unit, texts)), rows)
}

/// Whether more than a tenth of what is over was not watched.
pub(super) fn is_partly(period: &Period, sum: &Sum, until: Minute) -> bool {
    let end = period.span.end.min(until);
    let minutes = (end.epoch_minutes() - period.span.start.epoch_minutes()).max(0) as u64;
    sum.watched_s * 10 < minutes * 60 * 9
}

/// The curve's mean of each hour.
fn curve_rows(figures: &Figures, texts: &Texts, zone: &TimeZone) -> Vec<Row> {
    let start = figures.until.epoch_minutes() - 24 * 60;
    let per_hour = (60 / CURVE_STEP) as usize;
    let mean = |points: Option<&[Option<f64>]>| {
        let known: Vec<f64> = points.unwrap_or_default().iter().flatten().copied().collect();
        if known.is_empty() {
            "–".to_owned()
        } else {
            texts.number(known.iter().sum::<f64>() / known.len() as f64, 0)
        }
    };
    let before: Vec<_> = figures.curve_before.chunks(per_hour).collect();
    let rows = figures.curve.chunks(per_hour).enumerate().map(|(hour, points)| {
        let at = Minute::nearest(start + hour as i64 * 60).timestamp().to_zoned_datetime(zone.clone());
        Row {
            href: None,
            label: format!("{:02}:{:02}", at.hour(), at.minute()),
            quantity: String::new(),
            cost: None,
            other: Some(mean(before.get(hour).copied())),
            mean_rate: mean(Some(points)),
        }
    });
    rows.collect()
}
