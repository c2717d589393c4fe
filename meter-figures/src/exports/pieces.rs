//! Texts that are written a piece at a time.

use bytes::Bytes;
use meter_ledger::{Ledger, LedgerError};

/// A text that whoever owns the ledger writes a piece at a time.
pub trait Pieces: Sized + Send + 'static {
    /// The next piece, perhaps an empty one; `None` after the last.
    fn next(&mut self, ledger: &Ledger) -> Result<Option<Bytes>, LedgerError>;
}
