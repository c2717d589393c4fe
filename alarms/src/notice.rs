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
    /// `raised` or `over`; the retained topic of an alarm that was never raised says `quiet`.
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
}

impl Notice {
    /// Its payload.
    pub fn to_json(&self) -> Vec<u8> {
        // Fails only for maps with keys that are not text; there are none here.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
