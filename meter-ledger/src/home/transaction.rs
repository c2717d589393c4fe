//! All or nothing.

use std::ops::Deref;

use crate::home::connection::Connection;
use crate::home::error::Result;

/// A transaction; what is not committed has not happened.
#[derive(Debug)]
pub(crate) struct Transaction<'c> {
    connection: &'c Connection,
    is_over: bool,
}

impl<'c> Transaction<'c> {
    /// Begins one that writes. It waits until nobody else writes.
    pub(crate) fn writing(connection: &'c Connection) -> Result<Self> {
        connection.begin_writing(true)?;
        Ok(Self { connection, is_over: false })
    }

    /// The same of a recorder that says which meters it writes.
    pub(crate) fn recording(connection: &'c Connection) -> Result<Self> {
        connection.begin_writing(false)?;
        Ok(Self { connection, is_over: false })
    }

    /// Begins one in which all that is read is of one committed state.
    pub(crate) fn reading(connection: &'c Connection) -> Result<Self> {
        connection.begin_reading()?;
        Ok(Self { connection, is_over: false })
    }

    /// Puts what it has changed on disk; when this returns, it is there.
    pub(crate) fn commit(mut self) -> Result<()> {
        self.connection.commit()?;
        self.is_over = true;
        Ok(())
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.connection.roll_back();
        }
    }
}
