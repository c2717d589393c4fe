//! A wall display: large, dark, and nobody need touch it.

use askama::Template;
use jiff::tz::TimeZone;
use meter_figures::Figures;

use super::meter::day_curve;
use super::{Frame, MeterView};

/// All meters, or one.
#[derive(Template)]
#[template(path = "kiosk.html")]
pub(crate) struct KioskPage {
    frame: Frame,
    /// Each with the curve of its last 24 hours.
    meters: Vec<(MeterView, String)>,
}

impl KioskPage {
    /// The page of some meters.
    pub(crate) fn new(frame: Frame, figures: &[&Figures], views: Vec<MeterView>, zone: &TimeZone) -> Self {
        let texts = frame.texts;
        // One pattern of stripes a page: each needs a name of its own.
        let curve = |(index, figures): (usize, &&Figures)| {
            let name = format!("unwatched-{index}");
            day_curve(figures, texts, zone)
                .replace("\"unwatched\"", &format!("\"{name}\""))
                .replace("#unwatched)", &format!("#{name})"))
                .replace("\"corrected\" width", &format!("\"{name}-corrected\" width"))
                .replace("#corrected)", &format!("#{name}-corrected)"))
        };
        let meters = views.into_iter().zip(figures.iter().enumerate().map(curve)).collect();
        Self { frame, meters }
    }
}
