//! What notices say, in each language.

use foreign_text::foreign;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use meter_figures::CapacityOf;
use serde::Deserialize;
use site_settings::Condition;

use crate::alarm::{Change, Raised};

/// A language of the notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum NoticeLanguage {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
}

/// What a notice says, in one sentence; `name` is the meter's.
pub fn sentence(
    language: NoticeLanguage,
    name: &str,
    condition: &Condition,
    turn: &Change,
    zone: &TimeZone,
) -> String {
    let name = foreign(name);
    let clock = |at: Timestamp| clock_time(language, &at.to_zoned_datetime(zone.clone()));
    let what = match language {
        NoticeLanguage::English => english(condition),
        NoticeLanguage::German => german(condition),
    };
    let highest = |raised: &Raised| highest(language, condition, raised);
    match (language, turn) {
        (NoticeLanguage::English, Change::Raised(raised)) => {
            format!("{name}: {what} since {}{}", clock(raised.since), highest(raised))
        }
        (NoticeLanguage::German, Change::Raised(raised)) => {
            format!("{name}: {what} seit {}{}", clock(raised.since), highest(raised))
        }
        (NoticeLanguage::English, Change::Over { was, at }) => {
            format!("{name}: ended: {what} from {} to {}{}", clock(was.since), clock(*at), highest(was))
        }
        (NoticeLanguage::German, Change::Over { was, at }) => {
            format!("{name}: vorbei: {what} von {} bis {}{}", clock(was.since), clock(*at), highest(was))
        }
    }
}

/// What a test says.
pub fn test_sentence(language: NoticeLanguage, name: &str, condition: &Condition) -> String {
    let name = foreign(name);
    match language {
        NoticeLanguage::English => format!("Test, nothing has happened: {name}: {}", english(condition)),
        NoticeLanguage::German => format!("Test, es ist nichts passiert: {name}: {}", german(condition)),
    }
}

fn english(condition: &Condition) -> String {
    match condition {
        Condition::Above { unit, limit, .. } => format!("above {limit} {}", unit.of_rate()),
        Condition::NoPulse { .. } => "no pulse".to_owned(),
        Condition::Budget { unit, per_month } => {
            format!("monthly budget of {per_month} {} exceeded", unit.symbol())
        }
        Condition::NewPeak { of: CapacityOf::Meter, .. } => {
            "about to exceed the month's highest quarter-hour".to_owned()
        }
        Condition::NewPeak { of: CapacityOf::Site, .. } => {
            "about to exceed the month's highest quarter-hour of the whole site".to_owned()
        }
        Condition::Offline { .. } => "counting device offline".to_owned(),
    }
}

fn german(condition: &Condition) -> String {
    match condition {
        Condition::Above { unit, limit, .. } => format!("über {limit} {}", unit.of_rate()),
        Condition::NoPulse { .. } => "kein Impuls".to_owned(),
        Condition::Budget { unit, per_month } => {
            let budget = per_month.to_string().replace('.', ",");
            format!("Monatsbudget von {budget} {} überschritten", unit.symbol())
        }
        Condition::NewPeak { of: CapacityOf::Meter, .. } => {
            "höchste Viertelstunde des Monats wird übertroffen".to_owned()
        }
        Condition::NewPeak { of: CapacityOf::Site, .. } => {
            "höchste Viertelstunde des Monats der ganzen Anlage wird übertroffen".to_owned()
        }
        Condition::Offline { .. } => "Zählrechner offline".to_owned(),
    }
}

/// The highest value, where that says more than since when.
fn highest(language: NoticeLanguage, condition: &Condition, raised: &Raised) -> String {
    let value = raised.highest;
    match (language, condition) {
        (NoticeLanguage::English, Condition::Above { unit, .. }) => {
            format!("; peak {value:.0} {}", unit.of_rate())
        }
        (NoticeLanguage::German, Condition::Above { unit, .. }) => {
            format!("; Spitze {value:.0} {}", unit.of_rate())
        }
        (NoticeLanguage::English, Condition::Budget { unit, .. }) => {
            format!("; {value:.1} {} so far", unit.symbol())
        }
        (NoticeLanguage::German, Condition::Budget { unit, .. }) => {
            format!("; bisher {} {}", format!("{value:.1}").replace('.', ","), unit.symbol())
        }
        (NoticeLanguage::English, Condition::NewPeak { .. }) => format!("; expected {value:.0} W"),
        (NoticeLanguage::German, Condition::NewPeak { .. }) => format!("; erwartet {value:.0} W"),
        (_, Condition::NoPulse { .. } | Condition::Offline { .. }) => String::new(),
    }
}

fn clock_time(language: NoticeLanguage, at: &ZonedDateTime) -> String {
    match language {
        NoticeLanguage::English => at.strftime("%Y-%m-%d %H:%M").to_string(),
        NoticeLanguage::German => at.strftime("%d.%m.%Y %H:%M").to_string(),
    }
}
