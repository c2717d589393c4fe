//! Which RRD files pictures are drawn from.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use meter_ledger::LedgerHome;
use meter_messages::Meter;
use meter_rrd::MeterDatabase;

use super::own_files::OwnFiles;
use super::picture::PictureError;

/// Where the files are.
#[derive(Debug)]
pub(crate) enum Files {
    /// In the recorder's folder, which keeps them up to date.
    OfRecorder(PathBuf),
    /// The pages make them from a ledger in a database.
    Own(LedgerHome, Arc<Mutex<OwnFiles>>),
}

impl Files {
    /// Has a picture drawn from the file of a meter.
    ///
    /// # Errors
    /// If there is no file, or the picture fails.
    pub(super) fn with<T>(
        &self,
        meter: &Meter,
        draw: impl FnOnce(&MeterDatabase) -> Result<T, PictureError>,
    ) -> Result<T, PictureError> {
        match self {
            Self::OfRecorder(dir) => draw(&MeterDatabase::open(dir, meter)?.ok_or(PictureError::NotFound)?),
            Self::Own(home, files) => {
                // After a reload two threads may draw for a while: one of them at a time.
                let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                draw(&files.up_to_date(home, meter)?.ok_or(PictureError::NotFound)?)
            }
        }
    }
}
