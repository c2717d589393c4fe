//! A wall display: large, dark, all in view, and nobody need touch it.

use askama::Template;
use jiff::tz::TimeZone;
use meter_figures::Figures;

use super::meter::day_curve;
use super::{Frame, MeterView};

/// So many meters are in view at once.
const MOST: usize = 12;

/// How long each dozen stays where there are more, in seconds.
const TURN_S: u32 = 20;

/// A meter on the wall.
struct WallView {
    meter: MeterView,
    /// The curve of its last 24 hours.
    curve: String,
    against: Option<Against>,
}

/// Today against yesterday, as the lengths of bars in percent.
struct Against {
    today: f64,
    /// Up to this time of day.
    by_now: f64,
}

impl Against {
    fn new(figures: &Figures) -> Option<Self> {
        let (today, by_now) = (figures.today.quantity()?, figures.yesterday_by_now.quantity()?);
        let most = today.max(by_now).max(figures.yesterday.quantity().unwrap_or_default());
        let percent = |quantity: f64| (quantity / most * 1000.0).round() / 10.0;
        (most > 0.0).then(|| Self { today: percent(today), by_now: percent(by_now) })
    }
}

/// All meters, or some.
#[derive(Template)]
#[template(path = "kiosk.html")]
pub(crate) struct KioskPage {
    frame: Frame,
    meters: Vec<WallView>,
    /// How many are in view at once.
    at_once: usize,
    /// How long, where there are more, in seconds.
    turn_s: Option<u32>,
    /// The time of day and the date.
    clock: (String, String),
    /// The site's time zone by its IANA name; empty where it has none.
    zone: String,
}

impl KioskPage {
    /// The page of some meters; with a `cycle` of so many seconds one after the other.
    pub(crate) fn new(
        frame: Frame,
        figures: &[&Figures],
        views: Vec<MeterView>,
        cycle: Option<u32>,
        zone: &TimeZone,
    ) -> Self {
        let texts = frame.texts;
        // One pattern of stripes a page: each needs a name of its own.
        let curve = |index: usize, figures: &Figures| {
            let name = format!("unwatched-{index}");
            day_curve(figures, texts, zone, true)
                .replace("\"unwatched\"", &format!("\"{name}\""))
                .replace("#unwatched)", &format!("#{name})"))
                .replace("\"corrected\" width", &format!("\"{name}-corrected\" width"))
                .replace("#corrected)", &format!("#{name}-corrected)"))
        };
        let on_wall = |(index, (meter, figures)): (usize, (MeterView, &&Figures))| WallView {
            meter,
            curve: curve(index, figures),
            against: Against::new(figures),
        };
        let meters: Vec<WallView> = views.into_iter().zip(figures).enumerate().map(on_wall).collect();
        let at_once = if cycle.is_some() { 1 } else { meters.len().clamp(1, MOST) };
        let now = zone.to_datetime(daemon_runtime::now());
        Self {
            turn_s: (meters.len() > at_once).then(|| cycle.unwrap_or(TURN_S)),
            clock: (now.strftime("%H:%M").to_string(), texts.long_day(now.date())),
            zone: zone.iana_name().unwrap_or_default().to_owned(),
            at_once,
            meters,
            frame,
        }
    }
}
