//! Who may see the pages, as it stands in the settings.

use std::path::PathBuf;

use meter_messages::Meter;
use serde::Deserialize;

/// `[access]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessSettings {
    /// The users file; without one everybody sees everything.
    pub users: Option<PathBuf>,
    /// The meters that everybody may see all the same, as `site/meter`.
    pub public_meters: Option<Vec<Meter>>,
}
