//! The page of an hour, a day, a week, a month, a year, or of everything.

mod corrections;
mod heat;
mod links;
mod parts;
mod running;

use askama::Template;
use jiff::tz::TimeZone;
use meter_figures::{LikeForLike, Period, local};
use meter_messages::{Minute, Unit};
use meter_rrd::Size;

use self::corrections::CorrectionView;
use self::heat::{HeatView, heat};
use self::links::{Links, here, links};
use self::parts::{bars_of, top};
use self::running::RunningView;
use super::chart::{Chart, OtherMeter};
use super::downloads::{self, Download};
use super::presets::{Presets, presets};
use super::{Change, Frame, NoteView, Row, exact, rough};
use crate::ledger::history::History;
use crate::ledger::reader::LedgerReader;
use crate::texts::Texts;

/// A period in words and drawings.
pub(crate) struct PeriodView {
    title: String,
    quantity: String,
    /// What it comes to, for other sites.
    said: String,
    /// What an amount of its meter is called.
    amount: &'static str,
    cost: Option<CostView>,
    /// What it is compared with.
    versus: Option<Versus>,
    mean_rate: Option<String>,
    highest_rate: Option<String>,
    /// The highest quarter of an hour: what it is called, and its power and when it began.
    highest_quarter: Option<(&'static str, String)>,
    /// How much of the time so far was watched, in percent.
    watched: Option<String>,
    in_progress: bool,
    bars: String,
    /// Whether any row has a cost.
    priced: bool,
    /// What a kWh costs is in this currency, where any row says it.
    price_in: Option<String>,
    rows: Vec<Row>,
    /// The title of what it is compared with.
    compared: Option<String>,
    /// The title of what it was to be compared with, where nothing of both was watched.
    incomparable: Option<String>,
    /// A year against the one before, day by day.
    running: Option<RunningView>,
    top: Vec<Row>,
    heat: Option<HeatView>,
    corrections: Vec<CorrectionView>,
    /// That something in it was imported of which only the sums of longer times are known.
    coarse: Option<String>,
}

/// What a period is compared with.
struct Versus {
    /// Which period.
    title: String,
    /// How much it had then, of what is compared.
    quantity: String,
    change: Option<Change>,
    /// How much could be compared, if not all, and what this period has in that.
    partly: Option<(String, String)>,
}

impl Versus {
    fn new(this: &Period, other: &Period, both: &LikeForLike, texts: &Texts, zone: &TimeZone) -> Self {
        let compared = texts.compared(this.kind, both);
        Self {
            title: texts.title(other, zone),
            quantity: rough(both.other, texts),
            change: both.percent().map(|percent| Change::new(percent, texts)),
            partly: compared.map(|compared| (compared, rough(both.this, texts))),
        }
    }
}

/// What a period costs.
struct CostView {
    /// With its currency.
    amount: String,
    /// What the other one cost, and the change.
    versus: Option<(String, Option<Change>)>,
    /// Carbon dioxide, where a tariff has it.
    co2: Option<String>,
    /// What a kWh cost in the mean of what was used, where prices of the day are paid.
    price: Option<String>,
    /// For how much no price is known, in words.
    unpriced: Option<String>,
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
    /// What it comes to with its name, and its picture, to be shared.
    sentence: String,
    shared: Option<String>,
    links: Links,
    downloads: Vec<Download>,
    /// This page's own path.
    here: String,
    kind: &'static str,
    /// Periods that people ask for, by their names.
    presets: Presets,
    /// The first day of the period, and the first and last that are recorded.
    dates: (String, String, String),
    /// What rrdtool can draw of it: the address without theme and size.
    picture: Option<String>,
    wide: (u32, u32),
    narrow: (u32, u32),
    chart: Chart,
    /// What people have noted of its time.
    notes: Vec<NoteView>,
    /// Where somebody notes something.
    add_note: String,
    /// The form by which its time is corrected, for those who may send it.
    pub(crate) correct: Option<String>,
}

impl PeriodPage {
    /// The page of what was read.
    pub(crate) fn new(
        frame: Frame,
        history: &History,
        compared: bool,
        picture: bool,
        (site, others, notes): (&LedgerReader, Vec<OtherMeter>, Vec<NoteView>),
    ) -> Self {
        let (zone, texts) = (site.zone(), frame.texts);
        let meter = &history.meter;
        let path = meter.meter.to_string();
        let date = |at: Minute| at.timestamp().to_zoned_datetime(zone.clone()).date().to_string();
        let here = match history.days {
            Some([first, last]) => format!("/m/{path}/span/{first}..{last}"),
            None => here(&path, history.period.as_ref(), zone),
        };
        let end = history.span.end.min(history.until).max(history.span.start);
        // A picker refuses to be sent with a day that it does not offer.
        let shown = history.span.start.min(history.until).max(history.first);
        let view = PeriodView::new(&frame, history, compared, (site, &notes));
        Self {
            correct: None,
            sentence: format!("{}, {}: {}", meter.name, view.title, view.said),
            shared: picture.then(|| frame.shared_picture(&here)),
            view,
            links: links(&frame, history, compared, zone),
            downloads: downloads::downloads(&frame, history, zone),
            kind: history.period.as_ref().map_or("all", |period| period.kind.name()),
            presets: presets(&frame, &path, "", zone),
            add_note: format!("/settings/note?for={path}&at={}", date(shown)),
            dates: (date(shown), date(history.first), date(history.until)),
            picture: picture.then(|| frame.plain(&here)),
            wide: Size::Wide.pixels(),
            narrow: Size::Narrow.pixels(),
            chart: Chart {
                from: history.span.start.max(history.first).min(end).start(),
                to: if history.is_over() { history.span.end.start() } else { end.start() },
                first: history.first.start(),
                live: !history.is_over(),
                ghost: history.period.as_ref().zip(history.other.as_ref()).filter(|_| compared).map(
                    |(this, (other, _))| {
                        (this.span.start.start() - other.span.start.start(), texts.title(other, zone))
                    },
                ),
                edition: meter.edition(),
                zone: zone.iana_name().unwrap_or_default().to_owned(),
                notes: NoteView::for_chart(&notes),
                others,
            },
            notes: notes
                .into_iter()
                .filter(|note| note.is_within(history.span.start, history.span.end))
                .collect(),
            name: meter.name.clone(),
            colour: site.meters().colour(&meter.meter).name(),
            unit: meter.medium.unit(),
            here,
            path,
            frame,
        }
    }
}

impl PeriodView {
    fn new(
        frame: &Frame,
        history: &History,
        compared: bool,
        (site, notes): (&LedgerReader, &[NoteView]),
    ) -> Self {
        let (texts, zone) = (frame.texts, site.zone());
        let title = |period: &Period| texts.title(period, zone);
        let rate = |rate: f64| texts.number(rate, 0);
        let versus =
            history.period.as_ref().zip(history.other.as_ref()).and_then(|(this, (other, both))| {
                Some(Versus::new(this, other, both.as_ref()?, texts, zone))
            });
        let (bars, rows) = bars_of(frame, history, site, notes);
        let over = history.span.end.min(history.until).epoch_minutes()
            - history.span.start.max(history.first).epoch_minutes();
        let watched = history.whole.watched_s as f64 / 60.0 / over.max(1) as f64 * 100.0;
        let quantity = exact(history.whole.quantity(), texts);
        let cost = CostView::new(history, texts, site.currency());
        let in_progress = !history.is_over() && history.whole.is_known();
        let amount = cost.as_ref().map(|cost| format!(", {}", cost.amount)).unwrap_or_default();
        let so_far = if in_progress { format!(" {}", texts.not_over) } else { String::new() };
        Self {
            said: format!("{quantity} {}{amount}{so_far}", history.meter.medium.unit().symbol()),
            title: match (&history.period, history.days) {
                (Some(period), _) => title(period),
                (None, Some([first, last])) => texts.days(first, last),
                (None, None) => texts.everything.to_owned(),
            },
            quantity,
            amount: texts.amount_of(history.meter.relation.measures()),
            cost,
            versus,
            mean_rate: history.whole.mean_rate().map(rate),
            highest_rate: history.highest_rate.map(rate),
            highest_quarter: history.highest_quarter.map(|(quarter, of)| {
                let at = texts.moment(local(quarter.start, zone).datetime());
                let unit = history.meter.medium.unit().of_rate();
                (texts.period.highest_quarter_of(of), format!("{} {unit}, {at}", rate(quarter.rate())))
            }),
            watched: history.whole.is_known().then(|| share(watched, texts)),
            in_progress,
            bars,
            priced: rows.iter().any(|row| row.cost.is_some()),
            price_in: rows.iter().any(|row| row.price.is_some()).then(|| site.currency().to_owned()),
            rows,
            compared: history.other.as_ref().filter(|_| compared).map(|(period, _)| title(period)),
            incomparable: history
                .other
                .as_ref()
                .filter(|(_, both)| compared && both.as_ref().is_none_or(|both| both.pieces == 0))
                .map(|(period, _)| title(period)),
            running: RunningView::new(history, texts, zone),
            top: top(frame, history, zone),
            heat: (!history.hours.is_empty()).then(|| heat(history, texts, zone)),
            corrections: CorrectionView::all(history, texts, zone),
            coarse: texts.imported_in_steps(history.meter.resolution(&history.span)),
        }
    }
}

impl CostView {
    fn new(history: &History, texts: &Texts, currency: &str) -> Option<Self> {
        let cost = history.costs.0?;
        // A fee is paid whether anybody watches or not: costs of a part cannot be compared.
        let both = history.other.as_ref().and_then(|(_, both)| both.as_ref()).filter(|both| both.is_whole());
        let other = history.costs.1.filter(|other| cost.unpriced == 0.0 && other.unpriced == 0.0);
        let versus = both.zip(other).map(|(_, other)| {
            let (now, before) = (cost.total(), other.total());
            let percent = (before > 0.0).then(|| (now / before - 1.0) * 100.0);
            (texts.amount(before, currency), percent.map(|percent| Change::new(percent, texts)))
        });
        let co2 = (cost.co2_g > 0.0).then(|| texts.co2(cost.co2_g));
        let amount = cost.known_total().map_or("–".to_owned(), |total| texts.amount(total, currency));
        let price = cost.price_of_unit().filter(|_| cost.mean_price().is_some());
        let price = price.map(|price| texts.mean_price(price, currency));
        let unpriced = (cost.unpriced > 0.0).then(|| texts.unpriced(cost.unpriced));
        Some(Self { amount, versus, co2, price, unpriced })
    }
}

/// Never "100 %" for what is not all.
fn share(percent: f64, texts: &Texts) -> String {
    let shown = if percent < 100.0 { percent.min(99.9) } else { 100.0 };
    texts.number(shown, if shown < 100.0 && shown > 99.0 { 1 } else { 0 })
}
