//! Notices: the same by MQTT, e-mail and webhook.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A notice, and the payload in which MQTT subscribers and webhooks get it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The alarm's name.
    pub alarm: String,
    /// `<site>/<meter>`.
    pub meter: String,
    /// `raised` or `over`; `test` where somebody only wants to know whether it arrives; the retained topic of an alarm that
    /// was never raised says `quiet`.
    pub state: State,
    /// Since when its condition has been met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The highest value in that time: W, seconds, or kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<f64>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The meter's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// An alarm's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Never raised yet.
    Quiet,
    /// Its condition is met.
    Raised,
    /// Its condition is no longer met.
    Over,
    /// Nothing has happened: somebody tries whether notices arrive.
    Test,
}

impl State {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Raised => "raised",
            Self::Over => "over",
            Self::Test => "test",
        }
    }
}

impl Notice {
    /// One that says nothing true: for trying how it looks.
    pub fn sample() -> Self {
        let since = Timestamp::from_second(1_795_305_600).unwrap_or_default();
        Self {
            alarm: "test".to_owned(),
            meter: "home/main".to_owned(),
            state: State::Raised,
            since: Some(since),
            until: Some(since),
            highest: Some(1.5),
            text: Some("\"test\"".to_owned()),
            page: Some("https://power.example.org/m/home/main".to_owned()),
        }
    }

    /// Its payload.
    pub fn to_json(&self) -> Vec<u8> {
        // Fails only for maps with keys that are not text; there are none here.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
