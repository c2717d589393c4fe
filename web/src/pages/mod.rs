//! The pages: what their templates are filled with.

mod base_load;
mod bill;
mod chart;
mod colours;
mod corrections;
mod downloads;
mod first;
mod frame;
mod health;
mod house;
mod kiosk;
pub(crate) mod manifest;
mod message;
mod meter;
mod notes;
pub(crate) mod offline;
mod overview;
mod period;
mod presets;
mod profile;
mod readings;
mod settings;
mod sign_in;
mod status;
mod trust;

use askama::Template;
use meter_messages::Unit;

use crate::texts::Texts;
pub(crate) use base_load::{BaseLoadPage, Nights};
pub(crate) use bill::{Beside, BillPage, Billed, BilledBeside};
pub(crate) use chart::others;
pub(crate) use corrections::{CorrectionNotice, CorrectionsPage};
pub(crate) use first::{FirstPage, Invited, Joined, Way};
pub(crate) use frame::{Address, Frame};
pub(crate) use health::{AlarmRow, HealthView};
pub(crate) use house::{HousePage, RatesNow, base as site_path, here as house_path};
pub(crate) use kiosk::KioskPage;
pub(crate) use message::MessagePage;
pub(crate) use meter::{CardView, ImplausibleView, MeterPage, MeterView};
pub(crate) use notes::NoteView;
pub(crate) use overview::OverviewPage;
pub(crate) use period::PeriodPage;
pub(crate) use profile::{ProfilePage, Profiled};
pub(crate) use readings::{Lacking, Outcome, Reader, ReadingsPage};
pub(crate) use settings::{
    FormPage, HistoryPage, InvitationPage, ListedSetting, Notice, SettingsPage, TrialRow, UserRow, UsersPage,
    VersionRow,
};
pub(crate) use sign_in::SignInPage;
pub(crate) use status::{HoldingView, PublisherView, SetAsideView, StatusPage};

/// A page's text; a template that cannot be filled is a mistake in this program.
pub(crate) fn filled(page: &impl Template) -> Option<String> {
    page.render().inspect_err(|error| tracing::error!(%error, "a page could not be rendered")).ok()
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
    /// Energy or volume, in the meter's unit; a dash where nobody watched.
    pub(crate) quantity: String,
    /// What that costs, with its currency, where a tariff is known.
    pub(crate) cost: Option<String>,
    /// What a kWh cost, where prices of the day are paid.
    pub(crate) price: Option<String>,
    /// What it is compared with.
    pub(crate) other: Option<String>,
    /// Mean power in W, or flow in l/h.
    pub(crate) mean_rate: String,
}

/// Energy or volume to the thousandth; a dash where nobody watched.
pub(crate) fn exact(quantity: Option<f64>, texts: &Texts) -> String {
    quantity.map_or("–".to_owned(), |quantity| texts.number(quantity, 3))
}

/// Energy or volume as it stands on a page, the fewer decimals the more there is.
pub(crate) fn rough(quantity: f64, texts: &Texts) -> String {
    let decimals = match quantity {
        much if much >= 1000.0 => 0,
        some if some >= 100.0 => 1,
        _ => 2,
    };
    texts.number(quantity, decimals)
}

/// A round number beside a chart, with no more decimals than it has: `4 kWh`, `0.15 kWh`.
pub(crate) fn on_scale(quantity: f64, unit: Unit, texts: &Texts) -> String {
    let is_whole = |number: f64| (number - number.round()).abs() < 1e-6;
    let decimals = (0..3).find(|decimals| is_whole(quantity * 10_f64.powi(*decimals))).unwrap_or(3);
    format!("{}\u{a0}{}", texts.number(quantity, decimals as usize), unit.symbol())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_says_what_it_is() {
        let english = crate::texts::Language::default().texts();
        let shown = |quantity| on_scale(quantity, Unit::KilowattHour, english);
        let expected = [(400.0, "400"), (7.5, "7.5"), (0.15, "0.15"), (0.1 * 3.0, "0.3"), (0.005, "0.005")];
        for (quantity, text) in expected {
            assert_eq!(shown(quantity), format!("{text}\u{a0}kWh"));
        }
    }
}
