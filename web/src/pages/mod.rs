//! The pages: what their templates are filled with.

mod downloads;
mod frame;
mod kiosk;
mod message;
mod meter;
mod overview;
mod period;
mod readings;
mod status;
mod trust;

use askama::Template;

pub(crate) use frame::{Address, Frame};
pub(crate) use kiosk::KioskPage;
pub(crate) use message::MessagePage;
pub(crate) use meter::{MeterPage, MeterView};
pub(crate) use overview::OverviewPage;
pub(crate) use period::PeriodPage;
pub(crate) use readings::{Lacking, Outcome, Reader, ReadingsPage};
pub(crate) use status::{Machine, StatusPage};

use crate::texts::Texts;

/// A page's text; a template that cannot be filled is a mistake in this program.
pub(crate) fn filled(page: &impl Template) -> Option<String> {
    page.render().inspect_err(|error| tracing::error!(%error, "a page could not be filled")).ok()
}

/// A change in percent, and whether it is more or less.
pub(crate) struct Change {
    /// `+12 %`
    pub(crate) percent: String,
    /// Its class in the style sheet.
    pub(crate) direction: &'static str,
}

impl Change {
    /// By so many percent.
    pub(crate) fn new(percent: f64, texts: &Texts) -> Self {
        let sign = if percent >= 0.5 { "+" } else { "" };
        let direction = match percent {
            up if up >= 0.5 => "more",
            down if down <= -0.5 => "less",
            _ => "same",
        };
        Self { percent: format!("{sign}{}\u{a0}%", texts.number(percent, 0)), direction }
    }
}

/// A line of the table behind a chart.
pub(crate) struct Row {
    /// Where it leads.
    pub(crate) href: Option<String>,
    /// What it is about.
    pub(crate) label: String,
    /// Energy in kWh; a dash where nobody watched.
    pub(crate) kwh: String,
    /// What that costs, with its currency, where a tariff is known.
    pub(crate) cost: Option<String>,
    /// What it is compared with.
    pub(crate) other: Option<String>,
    /// Mean power in W.
    pub(crate) mean_w: String,
}

/// Energy as it stands on a page, the fewer decimals the more there is.
pub(crate) fn rough_kwh(kwh: f64, texts: &Texts) -> String {
    let decimals = match kwh {
        much if much >= 1000.0 => 0,
        some if some >= 100.0 => 1,
        _ => 2,
    };
    texts.number(kwh, decimals)
}

/// Drops what is zero or one digit too long: `4 kWh`, `0.5 kWh`.
pub(crate) fn scale_kwh(kwh: f64, texts: &Texts) -> String {
    let decimals = if kwh >= 10.0 || kwh.fract() == 0.0 {
        0
    } else if kwh >= 0.1 {
        1
    } else {
        3
    };
    format!("{}\u{a0}kWh", texts.number(kwh, decimals))
}
