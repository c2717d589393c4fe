//! The store of versions: a folder of this machine, or, where several machines share a ledger in PostgreSQL, rows beside it.

use std::path::PathBuf;

use jiff::Timestamp;
use meter_ledger::LedgerHome;

use crate::document::{SiteSettings, checked};
use crate::folder::Folder;
use crate::shared::Shared;
use crate::store_error::StoreError;
use crate::version::Version;

/// What is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft<'written> {
    /// The settings as a whole: TOML.
    pub text: &'written str,
    /// Who saves it: the name of a user.
    pub by: &'written str,
    /// What for.
    pub why: Option<&'written str>,
    /// The newest version when it was written, 0 for none: what somebody else has saved since is not overwritten.
    pub after: u64,
}

/// The versions of a site's settings.
#[derive(Debug, Clone)]
pub struct Store {
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(Folder),
    Shared(Shared),
}

impl Store {
    /// The store in a folder, which need not be there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { place: Place::Folder(Folder(folder.into())) }
    }

    /// The store of a server: a folder, or beside its ledger if that is in a database.
    pub fn beside(ledger: &LedgerHome, folder: impl Into<PathBuf>) -> Self {
        match ledger {
            LedgerHome::File(_) => Self::new(folder),
            LedgerHome::Database(address) => Self { place: Place::Shared(Shared::new(address.clone())) },
        }
    }

    /// Takes over what was saved in a folder before there was a database, if nothing is saved there yet; whether it did.
    ///
    /// # Errors
    /// If either cannot be read, or the database not written.
    pub fn take_over(&self, folder: impl Into<PathBuf>) -> Result<bool, StoreError> {
        let Place::Shared(shared) = &self.place else { return Ok(false) };
        let before = Folder(folder.into());
        let numbers = before.numbers()?;
        if numbers.is_empty() || shared.newest()? > 0 {
            return Ok(false);
        }
        // What cannot be read there would not hold here either.
        let versions: Vec<_> =
            numbers.into_iter().filter_map(|number| Some((number, before.content(number).ok()?))).collect();
        shared.take_over(&versions)
    }

    /// The numbers of all versions, ascending; none without a folder.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        match &self.place {
            Place::Folder(folder) => folder.numbers(),
            Place::Shared(shared) => shared.numbers(),
        }
    }

    /// The number of the newest version; 0 for none.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn newest(&self) -> Result<u64, StoreError> {
        match &self.place {
            Place::Folder(folder) => Ok(folder.numbers()?.last().copied().unwrap_or(0)),
            Place::Shared(shared) => shared.newest(),
        }
    }

    /// A version.
    ///
    /// # Errors
    /// If there is none of this number, or it cannot be read.
    pub fn version(&self, number: u64) -> Result<Version, StoreError> {
        let (content, unreadable) = match &self.place {
            Place::Folder(folder) => (folder.content(number)?, folder.unreadable(number)),
            Place::Shared(shared) => {
                (shared.content(number)?, StoreError::Unreadable(format!("version {number}").into()))
            }
        };
        Version::from_file(number, &content).ok_or(unreadable)
    }

    /// Saves a version behind what stands in the programs' TOML; its number. It is on disk then.
    ///
    /// # Errors
    /// If it cannot be, if somebody has saved another one since, or the disk does not take it: nothing has changed.
    pub fn save(&self, draft: &Draft<'_>, fixed: &SiteSettings, now: Timestamp) -> Result<u64, StoreError> {
        checked(draft.text, fixed)?;
        let version = Version {
            number: draft.after.saturating_add(1),
            at: now,
            by: draft.by.to_owned(),
            why: draft.why.map(str::to_owned),
            text: draft.text.to_owned(),
        };
        match &self.place {
            Place::Folder(folder) => folder.add(&version)?,
            Place::Shared(shared) => shared.add(&version)?,
        }
        Ok(version.number)
    }

    /// Saves what an earlier version said as the newest one; its number. `after` is the newest version when somebody
    /// decided that.
    ///
    /// # Errors
    /// As for [`Self::save`], or if there is no such version.
    pub fn put_back(
        &self,
        number: u64,
        by: &str,
        after: u64,
        fixed: &SiteSettings,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let before = self.version(number)?;
        let why = format!("as version {number}");
        self.save(&Draft { text: &before.text, by, why: Some(&why), after }, fixed, now)
    }
}
