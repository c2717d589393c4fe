//! The store of several machines: rows beside the ledger in PostgreSQL, each with the text of what would be a file.

use std::sync::{Arc, Mutex, PoisonError};

use meter_ledger::{Address, LedgerError, SettingsVersions};

use crate::store_error::{MOST_VERSIONS, StoreError};
use crate::version::Version;

/// The rows, and the connection to them once somebody has asked.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    address: Box<Address>,
    open: Arc<Mutex<Option<SettingsVersions>>>,
}

impl Shared {
    pub(crate) fn new(address: Box<Address>) -> Self {
        Self { address, open: Arc::default() }
    }

    /// None where the recorder has made no tables yet.
    pub(crate) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        nothing_yet(self.ask(SettingsVersions::numbers))
    }

    pub(crate) fn newest(&self) -> Result<u64, StoreError> {
        nothing_yet(self.ask(SettingsVersions::newest))
    }

    pub(crate) fn content(&self, number: u64) -> Result<String, StoreError> {
        self.ask(|versions| versions.content(number))?.ok_or(StoreError::Unknown(number))
    }

    /// Adds a version behind the one that it is to come after, which has to be the newest.
    pub(crate) fn add(&self, version: &Version) -> Result<(), StoreError> {
        let after = version.number.saturating_sub(1);
        match self.ask(|versions| versions.add(after, &version.to_file(), MOST_VERSIONS))? {
            true => Ok(()),
            false => Err(StoreError::Superseded { newest: self.newest()? }),
        }
    }

    pub(crate) fn take_over(&self, versions: &[(u64, String)]) -> Result<bool, StoreError> {
        Ok(self.ask(|rows| rows.take_over(versions))?)
    }

    /// A connection that is lost is made anew, by itself or after an error.
    fn ask<T>(
        &self,
        question: impl FnOnce(&SettingsVersions) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = match open.take() {
            Some(versions) => versions,
            None => SettingsVersions::open(&self.address)?,
        };
        let answer = question(&versions)?;
        *open = Some(versions);
        Ok(answer)
    }
}

fn nothing_yet<T: Default>(found: Result<T, LedgerError>) -> Result<T, StoreError> {
    match found {
        Err(error) if error.is_of_nothing_yet() => Ok(T::default()),
        found => Ok(found?),
    }
}
