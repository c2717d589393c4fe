//! What holds: what stands in a program's TOML, and behind it the newest version of the store that fits.

use crate::document::{SiteSettings, checked};
use crate::store::Store;
use crate::store_error::StoreError;

/// A version that does not fit is left out; so many are looked at.
const LOOKED_AT: usize = 10;

/// The settings that hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// All of them.
    pub settings: SiteSettings,
    /// Those that stand in the program's TOML, and are fixed for whoever writes to the store.
    pub fixed: SiteSettings,
    /// Those of the store.
    pub stored: SiteSettings,
    /// The version that was taken over; 0 for none.
    pub version: u64,
}

impl Applied {
    /// What holds now. A version that was fit when it was saved may not be so behind another TOML, or after somebody has
    /// changed its file: the log says so, and the one before it holds.
    pub fn now(fixed: SiteSettings, store: &Store) -> Self {
        let found = newest_fit(&fixed, store).unwrap_or_else(|error| {
            tracing::error!("the store of settings cannot be read: {error}");
            None
        });
        Self::of(fixed, found)
    }

    /// The same for a program that runs: it goes on with what it has.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn read(fixed: SiteSettings, store: &Store) -> Result<Self, StoreError> {
        let found = newest_fit(&fixed, store)?;
        Ok(Self::of(fixed, found))
    }

    fn of(fixed: SiteSettings, found: Option<(u64, SiteSettings)>) -> Self {
        let (version, stored) = found.unwrap_or_default();
        Self { settings: fixed.clone().before(stored.clone()), fixed, stored, version }
    }
}

fn newest_fit(fixed: &SiteSettings, store: &Store) -> Result<Option<(u64, SiteSettings)>, StoreError> {
    for number in store.numbers()?.into_iter().rev().take(LOOKED_AT) {
        match store.version(number).and_then(|version| Ok(checked(&version.text, fixed)?)) {
            Ok(stored) => return Ok(Some((number, stored))),
            Err(error) => tracing::error!("version {number} of the site's settings is left out: {error}"),
        }
    }
    Ok(None)
}
