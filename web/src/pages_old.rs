//! The pages: what their templates are filled with.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::Minute;
use meter_rrd::{Size, Span};

use crate::figures::Figures;
use crate::live::{Freshness, Presence};
use crate::route::span_name;
use crate::texts::{Language, Texts};
use crate::{assets, reply};

/// What every page has around its content.
pub(crate) struct Frame {
    texts: &'static Texts,
    /// Addresses of this page in every language.
    languages: Vec<(&'static Texts, String)>,
    style: String,
    script: String,
    /// Carried along in links, if the reader chose a language.
    chosen: &'static str,
}

impl Frame {
    /// For the page at `path`; `chosen` says whether the address names the language.
    pub(crate) fn new(language: Language, chosen: bool, path: &str) -> Self {
        let texts = language.texts();
        let address = |other: &'static Texts| (other, format!("{path}?lang={}", other.code));
        Self {
            texts,
            languages: Language::ALL.map(|language| address(language.texts())).into(),
            style: assets::address("style.css"),
            script: assets::address("app.js"),
            chosen: match (chosen, language) {
                (false, _) => "",
                (true, Language::English) => "?lang=en",
                (true, Language::German) => "?lang=de",
            },
        }
    }
}

/// A meter in words.
pub(crate) struct MeterView {
    name: String,
    /// `site/meter`.
    path: String,
    power: Option<String>,
    freshness: &'static str,
    /// When the value was worked out: for programs and for people.
    at: Option<(String, String)>,
    today: String,
    yesterday_by_now: String,
    yesterday: String,
    /// `+12 %`, and whether it is more than yesterday.
    difference: Option<(String, &'static str)>,
    month: String,
    reading: Option<String>,
    recorded_until: Option<(String, String)>,
}

impl MeterView {
    /// A meter's figures and value as people of a language read them.
    pub(crate) fn new(figures: &Figures, presence: &Presence, texts: &Texts, zone: &TimeZone) -> Self {
        let kwh = |sum: &Sum| texts.number(figures.kwh(sum), 3);
        let moment = |at: Timestamp| (at.to_string(), texts.moment(zone.to_datetime(at)));
        let recorded_until = figures.newest.map(|newest| Timestamp::from_second(newest.minute.end()));
        let constant = figures.meter.pulses_per_kwh;
        let value = presence.value.as_ref();
        Self {
            name: figures.meter.name.clone(),
            path: figures.meter.meter.to_string(),
            power: value.and_then(|live| live.power_w).map(|watts| texts.number(watts.into(), 0)),
            freshness: match presence.freshness(Timestamp::now()) {
                Freshness::Live => "live",
                Freshness::Stale => "stale",
                Freshness::Offline => "offline",
                Freshness::Unknown => "unknown",
            },
            at: value.map(|live| moment(live.at)),
            today: kwh(&figures.today),
            yesterday_by_now: kwh(&figures.yesterday_by_now),
            yesterday: kwh(&figures.yesterday),
            difference: figures.difference_percent().map(|percent| difference(percent, texts)),
            month: kwh(&figures.month),
            reading: figures.newest.map(|newest| texts.number(constant.energy_kwh(newest.total), 3)),
            recorded_until: recorded_until.and_then(Result::ok).map(moment),
        }
    }
}

fn difference(percent: f64, texts: &Texts) -> (String, &'static str) {
    let sign = if percent >= 0.0 { "+" } else { "" };
    let direction = if percent >= 0.5 {
        "more"
    } else if percent <= -0.5 {
        "less"
    } else {
        "same"
    };
    (format!("{sign}{} %", texts.number(percent, 0)), direction)
}

/// A picture on a page.
pub(crate) struct PictureView {
    title: &'static str,
    span: &'static str,
    alt: String,
    /// Added to the address so that a new minute is a new picture.
    minute: i64,
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
    let subject = if span.local_days().is_some() { texts.energy_graph } else { texts.power_graph };
    let subject = format!("{subject}, {}", texts.span(span));
    // The year's sum is not worth reading half a million minutes for each page.
    let Some(sum) = figures.pictures.get(span as usize).filter(|sum| sum.minutes > 0) else { return subject };
    let total = format!("{} {} kWh", words.total, texts.number(figures.kwh(sum), 2));
    if let Some(days) = span.local_days() {
        let mean = texts.number(figures.kwh(sum) / f64::from(days), 1);
        return format!("{subject}: {} {mean} {}, {total}", words.mean, words.kwh_per_day);
    }
    let mean = texts.number(figures.mean_w(sum).unwrap_or_default(), 0);
    let highest = figures.meter.pulses_per_kwh.power_w(sum.most_in_a_minute.into(), 60.0);
    let highest = texts.number(highest, 0);
    format!("{subject}: {} {mean} W, {} {highest} W, {total}", words.mean, words.highest)
}

/// Several meters, or none yet.
#[derive(Template)]
#[template(path = "start.html")]
pub(crate) struct StartPage {
    /// Around it.
    pub(crate) frame: Frame,
    /// The meters.
    pub(crate) meters: Vec<MeterView>,
}

/// One meter.
#[derive(Template)]
#[template(path = "meter.html")]
pub(crate) struct MeterPage {
    frame: Frame,
    meter: MeterView,
    pictures: Vec<PictureView>,
    /// Whether there are other meters to go back to.
    others: bool,
    wide: (u32, u32),
    narrow: (u32, u32),
}

impl MeterPage {
    /// The page of the meter that the figures are of.
    pub(crate) fn new(frame: Frame, meter: MeterView, figures: &Figures, now: Minute, others: bool) -> Self {
        let pictures = PictureView::all(figures, frame.texts, now);
        Self { frame, meter, pictures, others, wide: Size::Wide.pixels(), narrow: Size::Narrow.pixels() }
    }
}

/// Something is not there.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage {
    frame: Frame,
    title: String,
    advice: String,
    /// Whether it may be there in a minute.
    retry: bool,
}

impl MessagePage {
    /// Nothing is at this address.
    pub(crate) fn not_found(frame: Frame) -> Self {
        let texts = frame.texts;
        Self { frame, title: texts.not_found.into(), advice: texts.not_found_advice.into(), retry: false }
    }

    /// The ledger is not there (yet).
    pub(crate) fn not_yet(frame: Frame) -> Self {
        let texts = frame.texts;
        Self { frame, title: texts.not_yet.into(), advice: texts.not_yet_advice.into(), retry: true }
    }

    /// The request cannot be understood.
    pub(crate) fn refused(frame: Frame, title: &str, why: String) -> Self {
        Self { frame, title: title.into(), advice: why, retry: false }
    }
}

/// A page as an answer.
pub(crate) fn show(
    status: hyper::StatusCode,
    page: &impl Template,
    headers: &hyper::HeaderMap,
) -> reply::Reply {
    match page.render() {
        Ok(page) => reply::html(status, page, headers),
        Err(error) => {
            tracing::error!(%error, "a page could not be filled");
            reply::reply(hyper::StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}
