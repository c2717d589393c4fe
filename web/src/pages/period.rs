//! The page of an hour, a day, a week, a month, a year, or of everything.

use askama::Template;
use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Minute, Unit};
use meter_rrd::Size;

use super::downloads::Download;
use super::meter::{Chart, is_partly};
use super::{Change, Frame, Row, downloads, on_scale, rough};
use crate::calendar::{Kind, Period};
use crate::drawing::bars::{self, Bar};
use crate::drawing::heat::HeatMap;
use crate::figures::difference_percent;
use crate::history::{History, Part};
use crate::ledger_thread::LedgerReader;
use crate::texts::Texts;

/// Hours of a day that share a column of the heat map's table.
const HOURS_TOGETHER: usize = 3;

/// A period in words and drawings.
pub(crate) struct PeriodView {
    title: String,
    quantity: String,
    cost: Option<CostView>,
    /// Against which period, by how much it had then, and the change.
    versus: Option<(String, String, Option<Change>)>,
    mean_rate: Option<String>,
    highest_rate: Option<String>,
    /// How much of the time so far was watched, in percent.
    watched: Option<String>,
    in_progress: bool,
    bars: String,
    /// Whether any row has a cost.
    priced: bool,
    rows: Vec<Row>,
    /// The title of what it is compared with.
    compared: Option<String>,
    top: Vec<Row>,
    heat: Option<HeatView>,
}

/// What a period costs.
struct CostView {
    /// With its currency.
    amount: String,
    /// What the other one cost, and the change.
    versus: Option<(String, Option<Change>)>,
    /// Carbon dioxide, where a tariff has it.
    co2: Option<String>,
}

/// The map of a year, and the table behind it.
struct HeatView {
    svg: String,
    /// The lowest and the highest bound between shades.
    bounds: (String, String),
    columns: Vec<String>,
    rows: Vec<(&'static str, Vec<String>)>,
}

/// Links from a period to others.
struct Links {
    kinds: Vec<(&'static str, String, bool)>,
    earlier: Option<String>,
    later: Option<String>,
    /// What it can be compared with by one click.
    comparisons: Vec<(&'static str, String)>,
    uncompared: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "period.html")]
pub(crate) struct PeriodPage {
    frame: Frame,
    name: String,
    /// The name of its colour.
    colour: &'static str,
    /// `site/meter`.
    path: String,
    unit: Unit,
    view: PeriodView,
    links: Links,
    downloads: Vec<Download>,
    /// This page's own path.
    here: String,
    kind: &'static str,
    /// The first day of the period, and the first and last that are recorded.
    dates: (String, String, String),
    /// What rrdtool can draw of it: the address without theme and size.
    picture: Option<String>,
    wide: (u32, u32),
    narrow: (u32, u32),
    chart: Chart,
}

impl PeriodPage {
    /// The page of what was read.
    pub(crate) fn new(
        frame: Frame,
        history: &History,
        compared: bool,
        picture: bool,
        site: &LedgerReader,
    ) -> Self {
        let zone = site.zone();
        let meter = &history.meter;
        let path = meter.meter.to_string();
        let date = |at: Minute| at.timestamp().to_zoned_datetime(zone.clone()).date().to_string();
        let here = here(&path, history.period.as_ref(), zone);
        let end = history.span.end.min(history.until).max(history.span.start);
        // A picker refuses to be sent with a day that it does not offer.
        let shown = history.span.start.min(history.until).max(history.first);
        Self {
            view: PeriodView::new(&frame, history, compared, site),
            links: links(&frame, history, compared, zone),
            downloads: downloads::downloads(&frame, history, zone),
            kind: history.period.as_ref().map_or("all", |period| period.kind.name()),
            dates: (date(shown), date(history.first), date(history.until)),
            picture: picture.then(|| frame.plain(&here)),
            wide: Size::Wide.pixels(),
            narrow: Size::Narrow.pixels(),
            chart: Chart {
                from: history.span.start.max(history.first).min(end).start(),
                to: if history.is_over() { history.span.end.start() } else { end.start() },
                first: history.first.start(),
                live: !history.is_over(),
                zone: zone.iana_name().unwrap_or_default().to_owned(),
            },
            name: meter.name.clone(),
            colour: site.meters().colour(&meter.meter).name(),
            unit: meter.medium.unit(),
            here,
            path,
            frame,
        }
    }
}

fn here(path: &str, period: Option<&Period>, zone: &TimeZone) -> String {
    match period {
        Some(period) => format!("/m/{path}/{}/{}", period.kind.name(), period.name(zone)),
        None => format!("/m/{path}/all"),
    }
}

fn links(frame: &Frame, history: &History, compared: bool, zone: &TimeZone) -> Links {
    let texts = frame.texts;
    let path = history.meter.meter.to_string();
    let newest = Minute::nearest(history.until.epoch_minutes() - 1);
    let within = history.span.start.clamp(history.first, newest.max(history.first));
    let link = |period: &Period| frame.link(&here(&path, Some(period), zone));
    let current = history.period.as_ref().map(|period| period.kind);
    // From a year to its last month, not to its first.
    let anchor = |kind: Kind| match current {
        Some(current) if current as u8 <= kind as u8 => within,
        _ => Minute::nearest(history.span.end.epoch_minutes() - 1).clamp(history.first.min(newest), newest),
    };
    let mut kinds: Vec<_> = Kind::ALL
        .map(|kind| {
            let period = Period::containing(kind, anchor(kind), zone);
            (texts.kind(kind), link(&period), current == Some(kind))
        })
        .into();
    kinds.push((texts.everything, frame.link(&here(&path, None, zone)), current.is_none()));
    let neighbour = |period: Period| {
        let recorded = period.span.end > history.first && period.span.start < history.until;
        recorded.then(|| link(&period))
    };
    let compare = |other: Period| {
        let recorded = other.span.end > history.first;
        let this = here(&path, history.period.as_ref(), zone);
        recorded.then(|| frame.link(&format!("{this}?with={}", other.first_day(zone))))
    };
    let period = history.period.as_ref();
    let mut comparisons = Vec::new();
    if let Some(address) =
        period.filter(|period| period.kind != Kind::Hour).and_then(|it| compare(it.previous(zone)))
    {
        comparisons.push((texts.before_it, address));
    }
    let a_year_before = period.filter(|period| matches!(period.kind, Kind::Week | Kind::Month));
    if let Some(address) = a_year_before.and_then(|it| compare(it.counterpart(zone)?)) {
        comparisons.push((texts.a_year_before, address));
    }
    Links {
        kinds,
        earlier: period.and_then(|period| neighbour(period.previous(zone))),
        later: period.and_then(|period| neighbour(period.next(zone))),
        comparisons,
        uncompared: compared.then(|| frame.link(&here(&path, period, zone))),
    }
}

impl PeriodView {
    fn new(frame: &Frame, history: &History, compared: bool, site: &LedgerReader) -> Self {
        let (texts, zone) = (frame.texts, site.zone());
        let local = |at: Minute| at.timestamp().to_zoned_datetime(zone.clone()).datetime();
        let title = |period: &Period| texts.title(period.kind, local(period.span.start));
        let rate = |rate: f64| texts.number(rate, 0);
        let versus = history.other.as_ref().filter(|(_, sum)| sum.minutes > 0).map(|(period, sum)| {
            let (now, before) = (history.whole.quantity(), sum.quantity());
            let change = difference_percent((now, history.whole.watched_s), (before, sum.watched_s));
            (title(period), rough(before, texts), change.map(|percent| Change::new(percent, texts)))
        });
        let (bars, rows) = bars_of(frame, history, site);
        let over = history.span.end.min(history.until).epoch_minutes()
            - history.span.start.max(history.first).epoch_minutes();
        let watched = history.whole.watched_s as f64 / 60.0 / over.max(1) as f64 * 100.0;
        Self {
            title: history.period.as_ref().map_or(texts.everything.to_owned(), title),
            quantity: texts.number(history.whole.quantity(), 3),
            cost: CostView::new(history, texts, site.tariffs().of(history.meter.medium).currency()),
            versus,
            mean_rate: history.whole.mean_rate().map(rate),
            highest_rate: history.whole.highest_rate().map(rate),
            watched: (history.whole.minutes > 0).then(|| share(watched, texts)),
            in_progress: !history.is_over() && history.whole.minutes > 0,
            bars,
            priced: rows.iter().any(|row| row.cost.is_some()),
            rows,
            compared: history.other.as_ref().filter(|_| compared).map(|(period, _)| title(period)),
            top: top(frame, history, zone),
            heat: (!history.hours.is_empty()).then(|| heat(history, texts, zone)),
        }
    }
}

impl CostView {
    fn new(history: &History, texts: &Texts, currency: &str) -> Option<Self> {
        let cost = history.costs.0?;
        let versus = history.other.as_ref().zip(history.costs.1).map(|((_, sum), other)| {
            let (now, before) = (cost.total(), other.total());
            let change = difference_percent((now, history.whole.watched_s), (before, sum.watched_s));
            (texts.amount(before, currency), change.map(|percent| Change::new(percent, texts)))
        });
        let co2 = (cost.co2_g > 0.0).then(|| texts.co2(cost.co2_g));
        Some(Self { amount: texts.amount(cost.total(), currency), versus, co2 })
    }
}

/// Never "100 %" for what is not all.
fn share(percent: f64, texts: &Texts) -> String {
    let shown = if percent < 100.0 { percent.min(99.9) } else { 100.0 };
    texts.number(shown, if shown < 100.0 && shown > 99.0 { 1 } else { 0 })
}

/// The name of a part, for tables, and what stands below its bar.
fn part_names(part: &Part, kind: Option<Kind>, texts: &Texts, zone: &TimeZone) -> (String, String) {
    let local = part.span.start.timestamp().to_zoned_datetime(zone.clone());
    let date = local.date();
    match (part.period.as_ref().map(|period| period.kind), kind) {
        (Some(Kind::Hour), _) => {
            let name = format!("{:02}:00", local.hour());
            let second =
                part.period.as_ref().is_some_and(|period| period.name(zone).len() > "2026-10-25T02".len());
            (
                if second { format!("{name} ({})", local.strftime("%:z")) } else { name },
                format!("{:02}", local.hour()),
            )
        }
        (Some(Kind::Day), Some(Kind::Week)) => {
            let name = format!("{} {}", texts.short_weekday(date), texts.short_day(date));
            (name.clone(), name)
        }
        (Some(Kind::Day), _) => {
            (format!("{} {}", texts.short_weekday(date), texts.short_day(date)), date.day().to_string())
        }
        // Among the months of several years.
        (Some(Kind::Month), None) if date.month() == 1 => {
            (texts.title(Kind::Month, local.datetime()), date.year().to_string())
        }
        (Some(Kind::Month), _) => {
            (texts.title(Kind::Month, local.datetime()), texts.short_month(date.month()).to_owned())
        }
        (Some(_), _) => (date.year().to_string(), date.year().to_string()),
        (None, _) => {
            let name = format!("{:02}:{:02}", local.hour(), local.minute());
            (name.clone(), name)
        }
    }
}

/// Every how many labels one is shown even on a telephone.
fn label_every(kind: Option<Kind>, count: usize) -> usize {
    match kind {
        Some(Kind::Day) => 6,
        Some(Kind::Month) => 8,
        Some(Kind::Hour) => 3,
        Some(Kind::Week) => 2,
        _ => count.div_ceil(6),
    }
}

fn bars_of(frame: &Frame, history: &History, site: &LedgerReader) -> (String, Vec<Row>) {
    let (meter, unit) = (&history.meter, history.meter.medium.unit());
    let (texts, zone, tariffs) = (frame.texts, site.zone(), site.tariffs().of(meter.medium));
    let kind = history.period.as_ref().map(|period| period.kind);
    let path = meter.meter.to_string();
    let there = |part: &Part| part.span.end > history.first && part.span.start < history.until;
    // A week has its seven days whenever the recording began; everything begins there.
    let shown: Vec<&Part> = history.parts.iter().filter(|part| kind.is_some() || there(part)).collect();
    let every = label_every(kind, shown.len());
    let (mut drawn, mut rows) = (Vec::new(), Vec::new());
    for (index, part) in shown.into_iter().enumerate() {
        let (label, tick) = part_names(part, kind, texts, zone);
        let quantity = |sum: &Sum| (sum.minutes > 0).then(|| sum.quantity());
        let shown = |sum: &Sum| quantity(sum).map_or("–".to_owned(), |quantity| texts.number(quantity, 3));
        let there = there(part);
        let href =
            part.period.as_ref().filter(|_| there).map(|period| frame.link(&here(&path, Some(period), zone)));
        let partly = part.period.as_ref().is_some_and(|period| is_partly(period, &part.sum, history.until));
        let begins_here = part.span.contains(&history.first);
        drawn.push(Bar {
            quantity: quantity(&part.sum),
            ghost: part.other.as_ref().and_then(quantity),
            partly: partly && part.sum.minutes > 0 && !begins_here,
            unfinished: part.span.end > history.until,
            ahead: part.span.end > history.until || part.span.end <= history.first,
            href: href.clone(),
            title: format!("{label}: {} {}", shown(&part.sum), unit.symbol()),
            tick: (kind != Some(Kind::Month) || index % 2 == 0 || index % every == 0)
                .then(|| (tick, index % every == 0)),
        });
        if !there && part.other.is_none() {
            continue;
        }
        let mean_rate = part.sum.mean_rate().map_or("–".to_owned(), |rate| texts.number(rate, 0));
        let cost = part.cost.filter(|_| part.sum.minutes > 0);
        let cost = cost.map(|cost| texts.amount(cost.total(), tariffs.currency()));
        let other = part.other.as_ref().map(shown);
        rows.push(Row { href, label, quantity: shown(&part.sum), cost, other, mean_rate });
    }
    (bars::svg("parts", &drawn, &|quantity| on_scale(quantity, unit, texts)), rows)
}

fn top(frame: &Frame, history: &History, zone: &TimeZone) -> Vec<Row> {
    let path = history.meter.meter.to_string();
    let row = |(day, sum): &(Period, Sum)| {
        let local = day.span.start.timestamp().to_zoned_datetime(zone.clone());
        Row {
            href: Some(frame.link(&here(&path, Some(day), zone))),
            label: frame.texts.title(Kind::Day, local.datetime()),
            quantity: frame.texts.number(sum.quantity(), 2),
            cost: None,
            other: None,
            mean_rate: String::new(),
        }
    };
    history.top.iter().map(row).collect()
}

fn heat(history: &History, texts: &'static Texts, zone: &TimeZone) -> HeatView {
    let year = history.span.start.timestamp().to_zoned_datetime(zone.clone()).date();
    let days = usize::try_from(year.days_in_year()).unwrap_or(365);
    let mut watched = vec![[(0.0, 0.0); 24]; days];
    for (hour, sum) in &history.hours {
        let local = hour.start.timestamp().to_zoned_datetime(zone.clone());
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
    let day_of = |at: Minute| {
        let passed = at.epoch_minutes() - history.span.start.epoch_minutes();
        usize::try_from(passed.max(0) / 1440).unwrap_or_default().min(days)
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
