//! What notices say, in each language.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::Deserialize;

use crate::alarm::{Raised, Turn};
use crate::condition::Condition;

/// A language of the notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Language {
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
    language: Language,
    name: &str,
    condition: &Condition,
    turn: &Turn,
    zone: &TimeZone,
) -> String {
    let clock = |at: Timestamp| clock_time(language, &at.to_zoned_datetime(zone.clone()));
    let what = match language {
        Language::English => english(condition),
        Language::German => german(condition),
    };
    let highest = |raised: &Raised| highest(language, condition, raised);
    match (language, turn) {
        (Language::English, Turn::Raised(raised)) => {
            format!("{name}: {what} since {}{}", clock(raised.since), highest(raised))
        }
        (Language::German, Turn::Raised(raised)) => {
            format!("{name}: {what} seit {}{}", clock(raised.since), highest(raised))
        }
        (Language::English, Turn::Over { was, at }) => {
            format!("{name}: over: {what} from {} to {}{}", clock(was.since), clock(*at), highest(was))
        }
        (Language::German, Turn::Over { was, at }) => {
            format!("{name}: vorbei: {what} von {} bis {}{}", clock(was.since), clock(*at), highest(was))
        }
    }
}

fn english(condition: &Condition) -> String {
    match condition {
        Condition::Above { watts, .. } => format!("above {watts} W"),
        Condition::NoPulse { .. } => "no pulse".to_owned(),
        Condition::Budget { kwh_per_month } => format!("the month's budget of {kwh_per_month} kWh is passed"),
        Condition::Offline { .. } => "nothing heard of the publisher".to_owned(),
    }
}

fn german(condition: &Condition) -> String {
    match condition {
        Condition::Above { watts, .. } => format!("über {watts} W"),
        Condition::NoPulse { .. } => "kein Impuls".to_owned(),
        Condition::Budget { kwh_per_month } => {
            let budget = kwh_per_month.to_string().replace('.', ",");
            format!("Monatsbudget von {budget} kWh überschritten")
        }
        Condition::Offline { .. } => "vom Zähler-Pi ist nichts zu hören".to_owned(),
    }
}

/// What it came to, where that says more than since when.
fn highest(language: Language, condition: &Condition, raised: &Raised) -> String {
    let value = raised.highest;
    match (language, condition) {
        (Language::English, Condition::Above { .. }) => format!("; highest {value:.0} W"),
        (Language::German, Condition::Above { .. }) => format!("; höchstens {value:.0} W"),
        (Language::English, Condition::Budget { .. }) => format!("; {value:.1} kWh so far"),
        (Language::German, Condition::Budget { .. }) => {
            format!("; bisher {} kWh", format!("{value:.1}").replace('.', ","))
        }
        (_, Condition::NoPulse { .. } | Condition::Offline { .. }) => String::new(),
    }
}

fn clock_time(language: Language, at: &ZonedDateTime) -> String {
    match language {
        Language::English => at.strftime("%Y-%m-%d %H:%M").to_string(),
        Language::German => at.strftime("%d.%m.%Y %H:%M").to_string(),
    }
}
