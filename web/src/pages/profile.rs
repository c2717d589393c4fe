//! How the days of a time go: weekdays and weekends, hour by hour of the clock, and what each price comes to.

use askama::Template;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_figures::{Bill, BillItem, BillLine, Cost, DayProfile, HourOfDay, Period, StrongHour};
use meter_ledger::{RecordedMeter, Sum};
use meter_messages::{Minute, PeriodKind, Unit};

use super::presets::{Presets, presets};
use super::{Change, Frame, rough};
use crate::drawing::curve::Curve;
use crate::ledger::reader::LedgerReader;
use crate::texts::Texts;

/// Prices that are told one by one: a tariff has few.
const MOST_PRICES: usize = 24;

/// A time, and how its days went.
pub(crate) struct Profiled {
    pub(crate) meter: RecordedMeter,
    /// The period that it is, or its first and last day.
    pub(crate) period: Option<Period>,
    pub(crate) days: Option<[Date; 2]>,
    /// Whether nobody asked for a time.
    pub(crate) is_default: bool,
    pub(crate) profile: DayProfile,
    /// Whether there are hours that are not known one by one.
    pub(crate) leaves_out: bool,
    /// All of it.
    pub(crate) whole: Sum,
    /// What it costs, where tariffs are known for all of it.
    pub(crate) bill: Option<Bill>,
    /// The meter's first minute.
    pub(crate) first: Minute,
    /// The first minute that is not recorded yet.
    pub(crate) until: Minute,
}

/// Days of a kind in words.
struct KindView {
    name: &'static str,
    other: &'static str,
    svg: String,
    /// What is used on such a day; a dash where not every hour is known.
    of_day: String,
    /// How much more or less that is than on the others.
    change: Option<Change>,
}

/// An hour of the clock in words.
struct HourRow {
    label: String,
    rates: [String; 2],
    quantity: String,
    price: Option<String>,
    cost: Option<String>,
}

/// What a price comes to.
struct PriceRow {
    price: String,
    quantity: String,
    share: String,
    cost: String,
}

/// An hour among the strongest.
struct StrongRow {
    href: String,
    label: String,
    quantity: String,
    cost: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "profile.html")]
pub(crate) struct ProfilePage {
    frame: Frame,
    name: String,
    /// The name of its colour.
    colour: &'static str,
    /// `site/meter`.
    path: String,
    unit: Unit,
    title: String,
    /// The page of the same time.
    period: Option<String>,
    /// Pages of the time before and after.
    earlier: Option<String>,
    later: Option<String>,
    presets: Presets,
    /// The first and the last day that are recorded.
    dates: (String, String),
    kinds: Vec<KindView>,
    /// The lowest and the highest price of an hour of the clock, where they differ.
    prices: Option<[String; 2]>,
    /// The hour of the clock in which most is used, and the one that costs most.
    strongest_of_day: Option<(String, String)>,
    dearest_of_day: Option<(String, String)>,
    rows: Vec<HourRow>,
    is_priced: bool,
    by_price: Vec<PriceRow>,
    /// How much is in none of these.
    unpriced: Option<String>,
    leaves_out: bool,
    currency: String,
    amount: &'static str,
    strongest: Vec<StrongRow>,
}

impl ProfilePage {
    /// The page of what was read.
    pub(crate) fn new(frame: Frame, of: &Profiled, site: &LedgerReader) -> Self {
        let (texts, zone) = (frame.texts, site.zone());
        let path = of.meter.meter.to_string();
        let date = |at: Minute| at.timestamp().to_zoned_datetime(zone.clone()).date().to_string();
        let rows = rows(of, texts, site.currency());
        let unpriced = of.bill.as_ref().map(|bill| bill.unpriced);
        Self {
            title: match (&of.period, of.days) {
                (Some(period), _) => texts.title(period, zone),
                (None, _) if of.is_default => texts.asking.last_weeks.to_owned(),
                (None, Some([first, last])) => texts.days(first, last),
                (None, None) => texts.everything.to_owned(),
            },
            period: address(of, "", zone).map(|address| frame.link(&address)),
            earlier: neighbour(of, |period| period.previous(zone), zone).map(|address| frame.link(&address)),
            later: neighbour(of, |period| period.next(zone), zone).map(|address| frame.link(&address)),
            // A day has no profile of its days.
            presets: presets(&frame, &path, "/profile", zone).split_off(2),
            dates: (date(of.first), date(of.until)),
            kinds: kinds(of, texts),
            prices: of.profile.price_range().map(|(low, high)| [low, high].map(|it| texts.number(it, 4))),
            strongest_of_day: strongest_of_day(of, texts),
            dearest_of_day: dearest_of_day(of, texts, site.currency()),
            is_priced: rows.iter().any(|row| row.price.is_some() || row.cost.is_some()),
            rows,
            unpriced: unpriced.filter(|kwh| *kwh > 0.0).map(|kwh| texts.unpriced(kwh)),
            leaves_out: of.leaves_out,
            by_price: by_price(of, texts, site.currency()),
            currency: site.currency().to_owned(),
            amount: texts.amount_of(of.meter.relation.measures()),
            strongest: of.profile.strongest.iter().map(|hour| strong(&frame, of, hour, site)).collect(),
            name: of.meter.name.clone(),
            colour: site.meters().colour(&of.meter.meter).name(),
            unit: of.meter.medium.unit(),
            path,
            frame,
        }
    }
}

/// The address of a time's page, or of the page of its days.
fn address(of: &Profiled, below: &str, zone: &TimeZone) -> Option<String> {
    let path = &of.meter.meter;
    match (&of.period, of.days) {
        (Some(period), _) => Some(format!("/m/{path}{below}/{}/{}", period.kind.name(), period.name(zone))),
        (None, Some([first, last])) => Some(format!("/m/{path}{below}/span/{first}..{last}")),
        (None, None) => None,
    }
}

fn neighbour(of: &Profiled, next: impl Fn(&Period) -> Period, zone: &TimeZone) -> Option<String> {
    let period = next(of.period.as_ref()?);
    let is_recorded = period.span.end > of.first && period.span.start < of.until;
    is_recorded.then(|| format!("/m/{}/profile/{}/{}", of.meter.meter, period.kind.name(), period.name(zone)))
}

/// An hour of the clock: `17–18`.
fn clock_hour(hour: usize) -> String {
    format!("{hour:02}–{:02}", hour + 1)
}

/// Both kinds of days, each with the other one behind it.
fn kinds(of: &Profiled, texts: &Texts) -> Vec<KindView> {
    let DayProfile { weekdays, weekends, .. } = &of.profile;
    let words = texts.asking;
    let both = [(words.weekdays, weekdays, weekends), (words.weekends, weekends, weekdays)];
    let view = |(name, this, other): (&'static str, &[HourOfDay; 24], &[HourOfDay; 24])| {
        let (of_day, of_other) = (of_day(this), of_day(other));
        let percent =
            of_day.zip(of_other).filter(|(_, other)| *other > 0.0).map(|(this, other)| this / other);
        KindView {
            name,
            other: if name == words.weekdays { words.weekends } else { words.weekdays },
            svg: curve(of, (this, other), texts),
            of_day: of_day.map_or_else(|| "–".to_owned(), |of_day| rough(of_day, texts)),
            change: percent
                .filter(|_| name == words.weekends)
                .map(|percent| Change::new((percent - 1.0) * 100.0, texts)),
        }
    };
    both.into_iter().map(view).collect()
}

/// The energy or volume of a day that goes like that.
fn of_day(hours: &[HourOfDay; 24]) -> Option<f64> {
    hours.iter().map(|hour| hour.sum.mean_rate()).sum::<Option<f64>>().map(|sum| sum / 1000.0)
}

fn curve(of: &Profiled, (this, other): (&[HourOfDay; 24], &[HourOfDay; 24]), texts: &Texts) -> String {
    let rates = |hours: &[HourOfDay; 24]| hours.iter().map(|hour| hour.sum.mean_rate()).collect::<Vec<_>>();
    let unit = of.meter.medium.unit().of_rate();
    let bands = of.profile.price_range().map_or_else(Vec::new, |range| bands(this, range));
    Curve {
        values: &rates(this),
        begun: 0,
        corrected: &[],
        coarse: &[],
        bands: &bands,
        ghost: &rates(other),
        expected: &[],
        ticks: (3..24).step_by(3).map(|hour| (hour as f64, format!("{hour:02}:00"), hour % 6 == 0)).collect(),
        rate: &|rate| format!("{}\u{a0}{unit}", texts.number(rate, 0)),
        fills: false,
    }
    .svg()
}

/// The hours that are cheap and those that are dear: below the lower and above the upper third of prices.
fn bands(hours: &[HourOfDay; 24], (low, high): (f64, f64)) -> Vec<(f64, f64, &'static str)> {
    let class = |price: f64| match (price - low) / (high - low) {
        part if part < 1.0 / 3.0 => Some("cheap"),
        part if part > 2.0 / 3.0 => Some("dear"),
        _ => None,
    };
    let classes: Vec<Option<&str>> = hours.iter().map(|hour| hour.price().and_then(class)).collect();
    let mut bands: Vec<(f64, f64, &'static str)> = Vec::new();
    for (hour, class) in classes.into_iter().enumerate() {
        let (from, to) = (hour as f64, hour as f64 + 1.0);
        match (class, bands.last_mut().filter(|band| band.1 == from)) {
            (Some(class), Some(band)) if band.2 == class => band.1 = to,
            (Some(class), _) => bands.push((from, to, class)),
            (None, _) => {}
        }
    }
    bands
}

/// The hours of the clock of all days.
fn of_clock(of: &Profiled) -> impl Iterator<Item = (usize, Sum, Option<Cost>)> {
    let DayProfile { weekdays, weekends, .. } = &of.profile;
    weekdays.iter().zip(weekends).enumerate().map(|(hour, (weekday, weekend))| {
        let known = [weekday, weekend].into_iter().filter(|hour| hour.sum.is_known());
        let cost = known.map(|hour| hour.cost).sum::<Option<Cost>>();
        (hour, weekday.sum.and(&weekend.sum), cost)
    })
}

fn strongest_of_day(of: &Profiled, texts: &Texts) -> Option<(String, String)> {
    let known = of_clock(of).filter_map(|(hour, sum, _)| Some((hour, sum.mean_rate()?)));
    let (hour, rate) = known.max_by(|one, other| one.1.total_cmp(&other.1))?;
    let unit = of.meter.medium.unit().of_rate();
    Some((clock_hour(hour), format!("{}\u{a0}{unit}", texts.number(rate, 0))))
}

fn dearest_of_day(of: &Profiled, texts: &Texts, currency: &str) -> Option<(String, String)> {
    let known = of_clock(of).filter(|(_, sum, _)| sum.is_known());
    // One of which not everything has a price may be the dearest.
    let costs: Option<Vec<_>> = known.map(|(hour, _, cost)| Some((hour, cost?.known_energy()?))).collect();
    let dearest = costs?.into_iter().max_by(|one, other| one.1.total_cmp(&other.1));
    let (hour, cost) = dearest.filter(|(_, cost)| *cost > 0.0)?;
    Some((clock_hour(hour), texts.amount(cost, currency)))
}

fn rows(of: &Profiled, texts: &Texts, currency: &str) -> Vec<HourRow> {
    let DayProfile { weekdays, weekends, .. } = &of.profile;
    let rate = |hour: &HourOfDay| hour.sum.mean_rate().map_or("–".to_owned(), |rate| texts.number(rate, 0));
    let row = |(hour, sum, cost): (usize, Sum, Option<Cost>)| HourRow {
        label: clock_hour(hour),
        rates: [rate(&weekdays[hour]), rate(&weekends[hour])],
        quantity: sum.quantity().map_or("–".to_owned(), |quantity| rough(quantity, texts)),
        price: cost.and_then(|cost| cost.price_of_unit()).map(|price| texts.number(price, 4)),
        cost: cost
            .filter(|_| sum.is_known())
            .and_then(|cost| cost.known_energy())
            .map(|cost| texts.amount(cost, currency)),
    };
    of_clock(of).map(row).collect()
}

/// What was used at each price, and what that costs, the lowest price first.
fn by_price(of: &Profiled, texts: &Texts, currency: &str) -> Vec<PriceRow> {
    let Some(bill) = &of.bill else { return Vec::new() };
    let gross = |line: &BillLine| 1.0 + line.vat_percent / 100.0;
    // Prices as they are paid: with VAT, and the same price of two tariffs is one.
    let mut prices: Vec<(Option<f64>, f64, f64)> = Vec::new();
    let of_day: Vec<&BillLine> =
        bill.lines.iter().filter(|line| line.item == BillItem::AtDayPrices).collect();
    for line in
        bill.lines.iter().filter(|line| matches!(line.item, BillItem::Quantity | BillItem::AtDayPrices))
    {
        // What is paid on top of prices of the day is paid for the same energy once more.
        let is_on_top = line.item == BillItem::Quantity
            && of_day.iter().any(|of_day| of_day.tariff_from == line.tariff_from);
        let price = line.price.filter(|_| !is_on_top).map(|price| price * gross(line));
        let quantity = if is_on_top { 0.0 } else { line.quantity };
        let is_same = |known: &&mut (Option<f64>, f64, f64)| match (known.0, price) {
            (Some(one), Some(other)) => (one - other).abs() < 5e-7,
            (one, other) => one.is_none() && other.is_none(),
        };
        match prices.iter_mut().find(is_same) {
            Some(known) => (known.1, known.2) = (known.1 + quantity, known.2 + line.net * gross(line)),
            None => prices.push((price, quantity, line.net * gross(line))),
        }
    }
    prices.sort_by(|one, other| one.0.unwrap_or_default().total_cmp(&other.0.unwrap_or_default()));
    let all = of.whole.counted();
    let row = |(price, quantity, cost): (Option<f64>, f64, f64)| PriceRow {
        price: price.map_or_else(|| texts.asking.at_day_prices.to_owned(), |price| texts.number(price, 4)),
        quantity: rough(quantity, texts),
        share: if all > 0.0 { texts.number(quantity / all * 100.0, 1) } else { "–".to_owned() },
        cost: texts.amount(cost, currency),
    };
    prices.into_iter().take(MOST_PRICES).map(row).collect()
}

fn strong(frame: &Frame, of: &Profiled, strong: &StrongHour, site: &LedgerReader) -> StrongRow {
    let (texts, zone) = (frame.texts, site.zone());
    let period = Period::containing(PeriodKind::Hour, strong.hour.span.start, zone);
    let name = period.name(zone);
    StrongRow {
        href: frame.link(&format!("/m/{}/hour/{name}", of.meter.meter)),
        label: texts.title(&period, zone),
        quantity: rough(strong.hour.sum.counted(), texts),
        cost: strong.amount().map(|amount| texts.amount(amount, site.currency())),
    }
}
