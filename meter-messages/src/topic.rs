//! The topics: `powerpi/<site>/status`, `powerpi/<site>/price` and `powerpi/<site>/<meter>/<what>`.

use std::fmt;
use std::str::FromStr;

use crate::id::{IdError, Meter, SiteId};

/// The filters of what a recorder enters. Others would have the broker keep for it, and wake it for, what meters show now and what it says
/// itself.
pub const ENTERED: [&str; 4] =
    [ALL_MINUTES, "powerpi/+/+/info", "powerpi/+/+/reading", "powerpi/+/+/correction"];

/// The filter of every meter's `minute`.
pub const ALL_MINUTES: &str = "powerpi/+/+/minute";

/// The filter of everything that is said of meters, which recorders before version 0.2 subscribed to.
pub const ALL_OF_METERS: &str = "powerpi/+/+/+";

/// The filter of the `minute` of all meters of a site.
pub fn minutes_of(site: &SiteId) -> String {
    format!("powerpi/{site}/+/minute")
}

/// The filter of the `info` of all meters of a site.
pub fn infos_of(site: &SiteId) -> String {
    format!("powerpi/{site}/+/info")
}

/// The filter of every site's `status`.
pub const ALL_SITES: &str = "powerpi/+/status";

/// The filter of every site's `price`.
pub const ALL_PRICES: &str = "powerpi/+/price";

/// Why a topic is not one of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Not `powerpi/<site>/status`, `powerpi/<site>/price` or `powerpi/<site>/<meter>/<what>`.
    #[error("not one of PowerPi's topics")]
    Foreign,
    /// Its shape is right, but its site or meter is not a valid name.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// A topic of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// [`crate::Status`], retained, and the publisher's will.
    Status(SiteId),
    /// [`crate::DayPrices`], QoS 1, retained, from whoever knows them.
    Price(SiteId),
    /// [`crate::PulseCount`], QoS 1, in order, not retained.
    Minute(Meter),
    /// [`crate::Live`], QoS 0, at most once a second.
    Live(Meter),
    /// [`crate::State`], QoS 1, retained, newest only.
    State(Meter),
    /// [`crate::Info`], QoS 1, retained.
    Info(Meter),
    /// [`crate::Diag`], QoS 0, retained, once a minute.
    Diag(Meter),
    /// [`crate::Mark`], QoS 1, retained, from the recorder.
    Recorded(Meter),
    /// [`crate::MeterReading`], QoS 1, not retained, from the pages.
    Reading(Meter),
    /// [`crate::CorrectionMessage`], QoS 1, not retained, from the pages.
    Correction(Meter),
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (meter, what) = match self {
            Self::Status(site) => return write!(f, "powerpi/{site}/status"),
            Self::Price(site) => return write!(f, "powerpi/{site}/price"),
            Self::Minute(meter) => (meter, "minute"),
            Self::Live(meter) => (meter, "live"),
            Self::State(meter) => (meter, "state"),
            Self::Info(meter) => (meter, "info"),
            Self::Diag(meter) => (meter, "diag"),
            Self::Recorded(meter) => (meter, "recorded"),
            Self::Reading(meter) => (meter, "reading"),
            Self::Correction(meter) => (meter, "correction"),
        };
        write!(f, "powerpi/{meter}/{what}")
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(topic: &str) -> Result<Self, TopicError> {
        let mut levels = topic.split('/');
        let (Some("powerpi"), Some(site), Some(second)) = (levels.next(), levels.next(), levels.next())
        else {
            return Err(TopicError::Foreign);
        };
        let what = match (levels.next(), levels.next()) {
            (None, _) if second == "status" => return Ok(Self::Status(site.parse()?)),
            (None, _) if second == "price" => return Ok(Self::Price(site.parse()?)),
            (Some(what), None) => what,
            _ => return Err(TopicError::Foreign),
        };
        let of_meter: fn(Meter) -> Self = match what {
            "minute" => Self::Minute,
            "live" => Self::Live,
            "state" => Self::State,
            "info" => Self::Info,
            "diag" => Self::Diag,
            "recorded" => Self::Recorded,
            "reading" => Self::Reading,
            "correction" => Self::Correction,
            _ => return Err(TopicError::Foreign),
        };
        Ok(of_meter(Meter { site: site.parse()?, meter: second.parse()? }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_topic_round_trips() {
        let meter: Meter = "hq/main".parse().unwrap();
        let site = meter.site.clone();
        let meter_topics = [
            Topic::Minute,
            Topic::Live,
            Topic::State,
            Topic::Info,
            Topic::Diag,
            Topic::Recorded,
            Topic::Reading,
            Topic::Correction,
        ];
        let of_site = [Topic::Status(site.clone()), Topic::Price(site)];
        for topic in meter_topics.map(|of| of(meter.clone())).into_iter().chain(of_site) {
            assert_eq!(topic.to_string().parse::<Topic>().unwrap(), topic);
        }
    }

    #[test]
    fn foreign_topics_are_told_from_bad_ids() {
        for foreign in
            ["", "powerpi", "powerpi/hq", "powerpi/hq/main", "powerpi/hq/main/minute/x", "x/hq/status"]
        {
            assert_eq!(foreign.parse::<Topic>(), Err(TopicError::Foreign), "{foreign}");
        }
        for bad in ["powerpi//status", "powerpi/hq//minute", "powerpi/HQ/main/minute", "powerpi/hq/../minute"]
        {
            assert!(matches!(bad.parse::<Topic>(), Err(TopicError::Id(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_what_it_says(topic in "powerpi/\\PC{0,12}/\\PC{0,12}/(minute|live|recorded|.{0,3})") {
            if let Ok(parsed) = topic.parse::<Topic>() {
                prop_assert_eq!(parsed.to_string(), topic);
            }
        }
    }
}
