//! Which meters a tariff is for. Pure.

use std::fmt;

use meter_messages::{IdError, Meter, SiteId};
use serde::Deserialize;

/// Which meters a tariff is for; what comes later is the more specific.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Scope {
    /// All of its medium.
    #[default]
    All,
    /// Those of a site.
    Site(SiteId),
    /// A single one.
    Meter(Meter),
}

impl Scope {
    /// Whether a meter is one of those.
    pub fn contains(&self, meter: &Meter) -> bool {
        match self {
            Self::All => true,
            Self::Site(site) => *site == meter.site,
            Self::Meter(one) => one == meter,
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = IdError;

    /// Reads `site` or `site/meter`.
    fn try_from(text: String) -> Result<Self, IdError> {
        match text.contains('/') {
            true => text.parse().map(Self::Meter),
            false => text.parse().map(Self::Site),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all meters"),
            Self::Site(site) => site.fmt(f),
            Self::Meter(meter) => meter.fmt(f),
        }
    }
}
