//! The tables in PostgreSQL. They are those of the SQLite file, with the same names, columns and numbers of formats, so that
//! the crate says its SQL once.

use crate::database_error::{DatabaseError, Reason};
use crate::database_tables::STEPS;
use crate::home::{Address, Connect, Postgres, Session, SqlError};

/// Held while tables are made or changed: "PwPi".
const LOCK: i64 = 0x5077_5069;

/// Opens a ledger for writing; makes its tables if there are none, and brings older ones up to date.
///
/// # Errors
/// One of a newer format is refused and left as it is.
pub(crate) fn open(address: &Address) -> Result<Postgres, DatabaseError> {
    let of = |reason: Reason| DatabaseError::new(address, reason);
    let connect = address.writing();
    let mut session = connect().map_err(|error| of(error.into()))?;
    if format(&mut session).map_err(|error| of(error.into()))? != Some(newest()) {
        bring_up_to_date(&mut session).inspect_err(|_| session.roll_back()).map_err(of)?;
    }
    Ok(Postgres::new(session, connect))
}

/// Opens an existing ledger for reading. It may be written at the same time.
///
/// # Errors
/// Only one of the newest format can be read.
pub(crate) fn open_read_only(address: &Address) -> Result<Postgres, DatabaseError> {
    let (session, connect) = open_existing(address, address.reading())?;
    Ok(Postgres::read_only(session, connect))
}

/// Opens what lies beside an existing ledger, for those who write that and not the ledger.
///
/// # Errors
/// As for reading.
pub(crate) fn open_beside(address: &Address) -> Result<Postgres, DatabaseError> {
    let (session, connect) = open_existing(address, address.writing())?;
    Ok(Postgres::new(session, connect))
}

fn open_existing(address: &Address, connect: Connect) -> Result<(Session, Connect), DatabaseError> {
    let of = |reason: Reason| DatabaseError::new(address, reason);
    let mut session = connect().map_err(|error| of(error.into()))?;
    match format(&mut session).map_err(|error| of(error.into()))? {
        None => Err(of(Reason::Empty)),
        Some(found) if found < newest() => Err(of(Reason::Older(found, newest()))),
        Some(found) if found > newest() => Err(of(Reason::Newer(found, newest()))),
        Some(_) => Ok((session, connect)),
    }
}

/// The newest format.
pub(crate) fn newest() -> usize {
    STEPS.last().map_or(0, |(format, _)| *format)
}

/// Whether there is a ledger. `to_regclass` would answer from what the connection remembers, also after it has waited for
/// another one that made the tables.
const TABLE: &str = "SELECT relname FROM pg_class WHERE relname = 'ledger' AND pg_table_is_visible(oid)";

/// In which format the tables are; `None` if there are none.
fn format(session: &mut Session) -> Result<Option<usize>, SqlError> {
    if session.word(TABLE)?.is_none() {
        return Ok(None);
    }
    let format = session.word("SELECT format FROM ledger")?;
    let unknown = || SqlError::Cell("the table \"ledger\" is not one of PowerPi".into());
    format.and_then(|format| format.parse().ok()).ok_or_else(unknown).map(Some)
}

/// Another process may do the same at the same time.
fn bring_up_to_date(session: &mut Session) -> Result<(), Reason> {
    session.simple(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"))?;
    let found = format(session)?.unwrap_or_default();
    if found > newest() {
        return Err(Reason::Newer(found, newest()));
    }
    for (format, sql) in STEPS.iter().filter(|(format, _)| *format > found) {
        session.simple(sql)?;
        session.simple(&format!("UPDATE ledger SET format = {format}"))?;
    }
    session.simple("COMMIT")?;
    if (1..newest()).contains(&found) {
        tracing::info!("upgraded the ledger to format {}", newest());
    }
    Ok(())
}
