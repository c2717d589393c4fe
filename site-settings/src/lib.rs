//! What a site says of its meters, prices and alarms: the same words in the programs' TOML and in a store of versions.
//!
//! [`SiteSettings`] is what can be said, and [`checked`] the only validation of it. [`Store`] keeps versions, which
//! people write while the programs run; [`Applied`] is what holds: what stands in a program's TOML goes before what
//! stands in the store. [`NewVersions`] tells a program of a version that it has not taken over yet.

mod alarms;
mod applied;
mod changes;
mod document;
mod editing;
mod folder;
mod meters;
mod names;
mod new_versions;
mod notes;
mod shared;
mod store;
mod store_error;
mod version;

pub use alarms::{Alarm, AlarmSettings, Condition, alarms};
pub use applied::Applied;
pub use changes::Change;
pub use document::{LONGEST, PublicMeters, SiteSettings, checked};
pub use editing::Editing;
pub use meters::{MeterSettings, SiteMeters};
pub use names::SettingNames;
pub use new_versions::NewVersions;
pub use notes::{LONGEST_NOTE, MOST_NOTES, NoteKey, NoteSettings};
pub use store::{Draft, Store};
pub use store_error::{MOST_VERSIONS, StoreError};
pub use version::Version;

/// Where the store is, unless a program's settings say otherwise.
pub const USUAL_FOLDER: &str = "/var/lib/powerpi/settings";
