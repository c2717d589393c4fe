//! A meter's first screen.

use askama::Template;
use jiff::tz::TimeZone;
use meter_figures::{Figures, Period, local};
use meter_messages::{Minute, PeriodKind, Unit};
use meter_rrd::Size;

use super::curves::{curve_rows, day_curve};
use super::days::days;
use super::implausible::ImplausibleView;
use super::pictures::PictureView;
use super::view::MeterView;
use crate::pages::chart::{Chart, OtherMeter};
use crate::pages::presets::{Presets, presets};
use crate::pages::{Frame, NoteView, Row};

/// So many notes are listed; the chart has them all.
const MOST_NOTES: usize = 5;

/// One meter.
#[derive(Template)]
#[template(path = "meter.html")]
pub(crate) struct MeterPage {
    pub(crate) frame: Frame,
    meter: MeterView,
    /// What it comes to so far, for other sites.
    said: String,
    /// The same with its name, and its picture, to be shared.
    sentence: String,
    shared: Option<String>,
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
    /// Periods that people ask for, by their names.
    presets: Presets,
    /// Today, for the date picker, and the first day that is recorded.
    dates: (String, String),
    /// Unix times of what the interactive chart shows first and of all there is.
    chart: Chart,
    /// What people have noted lately, the newest first.
    notes: Vec<NoteView>,
    /// Where somebody notes something.
    add_note: String,
    /// Minutes that cannot be.
    implausible: Option<ImplausibleView>,
}

impl MeterPage {
    /// The page of the meter that the figures are of.
    pub(crate) fn new(
        frame: Frame,
        meter: MeterView,
        figures: &Figures,
        zone: &TimeZone,
        (others, notes): (Vec<OtherMeter>, Vec<NoteView>),
        (is_only, implausible): (bool, Option<ImplausibleView>),
    ) -> Self {
        let texts = frame.texts;
        let until = figures.until;
        let local_day = |at: Minute| local(at, zone).date().to_string();
        let period = |kind: PeriodKind| {
            let name = Period::containing(kind, until, zone).name(zone);
            (texts.kind(kind), frame.link(&format!("/m/{}/{}/{name}", meter.path, kind.name())))
        };
        let mut periods: Vec<_> = PeriodKind::ALL.map(period).into();
        periods.push((texts.everything, frame.link(&format!("/m/{}/all", meter.path))));
        let first = figures.first.unwrap_or(until).start();
        let (days, day_rows) = days(&frame, figures, (&meter.path, &notes), zone);
        let said = meter.said(texts);
        Self {
            sentence: format!("{}: {said}", meter.name),
            said,
            shared: Some(frame.shared_picture(&meter.day())),
            pictures: PictureView::all(figures, texts, until),
            others: !is_only,
            wide: Size::Wide.pixels(),
            narrow: Size::Narrow.pixels(),
            curve: day_curve(figures, texts, zone, false),
            gaps: figures.curve.iter().skip(figures.curve_begins()).any(Option::is_none),
            curve_rows: curve_rows(figures, texts, zone),
            days,
            day_rows,
            periods,
            presets: presets(&frame, &meter.path, "", zone),
            dates: (local_day(until), figures.first.map(local_day).unwrap_or_default()),
            chart: Chart {
                from: (until.start() - 7 * 86_400).max(first).min(until.start() - 3_600),
                to: until.start(),
                first,
                live: true,
                ghost: None,
                edition: figures.meter.edition(),
                zone: zone.iana_name().unwrap_or_default().to_owned(),
                notes: NoteView::for_chart(&notes),
                others,
            },
            notes: notes.into_iter().rev().take(MOST_NOTES).collect(),
            add_note: format!("/settings/note?for={}", meter.path),
            unit: meter.unit,
            meter,
            frame,
            implausible,
        }
    }
}
