//! Ready-made rights.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// What a user is for. `%u` in a role's filters is the user's name, `%U` that
/// name as Home Assistant's topics have it (with `U` for each `_`), `%c` the client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// pi-publisher; the user has its site's name.
    Publisher,
    /// powerpi-recorder: reads all meters, publishes marks.
    Recorder,
    /// powerpi-web: reads everything, publishes readings and corrections, and asks for tests of alarms.
    Web,
    /// powerpi-alarms: reads all meters, publishes alarms' states.
    Alarms,
    /// Reads all meters, publishes nothing.
    Reader,
    /// Home Assistant: reads the meters, and announces its start.
    HomeAssistant,
    /// Another broker, such as mosquitto with a `connection`: carries messages both ways.
    Bridge,
    /// A visitor of the pages.
    Look,
    /// A visitor who may also enter readings.
    EnterReadings,
    /// Everything, at the broker and at the pages.
    Admin,
    /// Whoever has an invitation: may do nothing but ask for what it is good for.
    Invited,
    /// `powerpi pair`, which answers those who are invited.
    Pairing,
}

/// What a role may do at the pages; each right includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PagesRight {
    /// See every meter.
    Look,
    /// See every meter and enter readings.
    EnterReadings,
    /// See who uses how much of the broker as well, correct what was counted wrongly, and say what holds for meters, prices,
    /// alarms and users.
    Administer,
}

impl Role {
    /// All that a person gives to somebody; the others come and go with invitations.
    pub const ALL: [Self; 10] = [
        Self::Publisher,
        Self::Recorder,
        Self::Web,
        Self::Alarms,
        Self::Reader,
        Self::HomeAssistant,
        Self::Bridge,
        Self::Look,
        Self::EnterReadings,
        Self::Admin,
    ];

    /// Its name in the users file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Recorder => "recorder",
            Self::Web => "web",
            Self::Alarms => "alarms",
            Self::Reader => "reader",
            Self::HomeAssistant => "home-assistant",
            Self::Bridge => "bridge",
            Self::Look => "look",
            Self::EnterReadings => "enter-readings",
            Self::Admin => "admin",
            Self::Invited => "invited",
            Self::Pairing => "pairing",
        }
    }

    /// Filters of the topics it may publish under. A `+` behind text stands for the rest of the
    /// level, as Home Assistant's discovery needs it.
    pub fn publish(self) -> &'static [&'static str] {
        match self {
            Self::Publisher => &[
                "powerpi/%u/status",
                "powerpi/%u/price",
                "powerpi/%u/+/minute",
                "powerpi/%u/+/live",
                "powerpi/%u/+/state",
                "powerpi/%u/+/info",
                "powerpi/%u/+/diag",
                // What it is called where its name has a `_`; and what was announced before that.
                "homeassistant/device/powerpi_%U_+/config",
                "homeassistant/device/powerpi_%u_+/config",
            ],
            // The second one to hear whether it comes back.
            Self::Recorder => &["powerpi/+/+/recorded", "powerpi/ECHO/+/minute"],
            Self::Alarms => &["powerpi/+/alarm/+/state", "powerpi/+/alarm/+/tested"],
            Self::Web => &["powerpi/+/+/reading", "powerpi/+/+/correction", "powerpi/+/alarm/+/test"],
            Self::Reader | Self::Look | Self::EnterReadings => &[],
            // It clears the discovery of a device that somebody deletes there.
            Self::HomeAssistant => &["homeassistant/status", "homeassistant/device/powerpi_+/config"],
            // What mosquitto says of the connection, too.
            Self::Bridge => &["#", "$SYS/broker/connection/+/state"],
            Self::Admin => &["#", "$+/#"],
            Self::Invited => &["$pairing/%u/request"],
            Self::Pairing => &["$pairing/+/answer"],
        }
    }

    /// Filters that cover what it may subscribe to.
    pub fn subscribe(self) -> &'static [&'static str] {
        match self {
            Self::Publisher => &["powerpi/%u/#", "homeassistant/status"],
            Self::Recorder => &["powerpi/#"],
            Self::Web | Self::Reader => &["powerpi/#", "$SYS/#"],
            Self::Alarms => &["powerpi/#"],
            Self::HomeAssistant => &["powerpi/#", "homeassistant/#"],
            Self::Bridge => &["#"],
            Self::Look | Self::EnterReadings => &[],
            Self::Admin => &["#", "$+/#"],
            Self::Invited => &["$pairing/%u/answer"],
            Self::Pairing => &["$pairing/+/request"],
        }
    }

    /// What it may do at the pages. A role that reads all meters' messages may see their pages.
    pub fn pages(self) -> Option<PagesRight> {
        match self {
            Self::Look | Self::Reader => Some(PagesRight::Look),
            Self::EnterReadings => Some(PagesRight::EnterReadings),
            Self::Admin => Some(PagesRight::Administer),
            Self::Publisher | Self::Recorder | Self::Web | Self::Alarms => None,
            Self::HomeAssistant | Self::Bridge | Self::Invited | Self::Pairing => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is not a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown role \"{0}\"; the roles are publisher, recorder, web, alarms, reader, home-assistant, \
     bridge, look, enter-readings, admin"
)]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| UnknownRole(name.to_owned()))
    }
}
