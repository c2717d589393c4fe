//! The recorder's side: minutes in, one commit for many.

use meter_messages::{Info, Mark, Meter, Minute, OutboxId, PulseCount};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::error::damaged;
use crate::{Ledger, LedgerError};

/// Which meter and outbox a minute belongs to, and how far that outbox is
/// recorded without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custody {
    meter_row: i64,
    outbox_row: i64,
    /// The outbox.
    pub outbox: OutboxId,
    /// The last `seq` up to which nothing is missing; 0 before the first.
    pub mark_seq: u64,
    /// The minute of `mark_seq`.
    pub mark_minute: Option<Minute>,
}

impl Custody {
    /// The receipt for it.
    pub fn mark(&self) -> Mark {
        Mark { outbox: self.outbox.clone(), seq: self.mark_seq, minute: self.mark_minute }
    }
}

/// What became of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// It is in the ledger with this batch.
    Recorded,
    /// The same was there already.
    AlreadyRecorded,
    /// The same outbox counted the same minute otherwise before; what was there
    /// first was kept.
    Contradiction {
        /// The pulses that are in the ledger.
        kept: u32,
    },
}

/// Some minutes on their way to the disk; forgotten unless committed.
#[derive(Debug)]
pub struct Batch<'ledger> {
    transaction: Transaction<'ledger>,
}

impl Ledger {
    /// Begins a batch.
    pub fn batch(&mut self) -> Result<Batch<'_>, LedgerError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Batch { transaction })
    }

    /// Where every meter stands: the account of the outbox it fills now.
    pub fn custodies(&self) -> Result<Vec<(Meter, Custody)>, LedgerError> {
        custodies(&self.connection, None)
    }
}

impl Batch<'_> {
    /// Takes note of what a meter says of itself and opens its outbox's account.
    pub fn register(&mut self, meter: &Meter, info: &Info) -> Result<Custody, LedgerError> {
        let meter_row: i64 = self
            .transaction
            .prepare_cached(
                "INSERT INTO meter (site, meter, name, pulses_per_kwh, outbox) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (site, meter) DO UPDATE SET name = ?3, pulses_per_kwh = ?4, outbox = ?5
                 RETURNING id",
            )?
            .query_row(
                params![
                    meter.site.as_str(),
                    meter.meter.as_str(),
                    info.name,
                    info.pulses_per_kwh.get(),
                    info.outbox.as_str()
                ],
                |row| row.get(0),
            )?;
        self.transaction
            .prepare_cached("INSERT INTO outbox (meter, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![meter_row, info.outbox.as_str()])?;
        let custodies = custodies(&self.transaction, Some(meter_row))?;
        let custody = custodies.into_iter().next().map(|(_, custody)| custody);
        Ok(custody.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    /// Records a minute unless it is there.
    pub fn record(&mut self, custody: &Custody, count: &PulseCount) -> Result<Recording, LedgerError> {
        let minute = count.minute.epoch_minutes();
        let added = self
            .transaction
            .prepare_cached(
                "INSERT INTO minute (meter, minute, outbox, pulses, watched_s, total)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                custody.meter_row,
                minute,
                custody.outbox_row,
                count.pulses,
                count.watched_s,
                count.total
            ])?;
        if added == 1 {
            return Ok(Recording::Recorded);
        }
        let kept: Option<(u32, u8)> = self
            .transaction
            .prepare_cached(
                "SELECT pulses, watched_s FROM minute WHERE meter = ?1 AND minute = ?2 AND outbox = ?3",
            )?
            .query_row(params![custody.meter_row, minute, custody.outbox_row], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        match kept {
            Some(kept) if kept != (count.pulses, count.watched_s) => {
                Ok(Recording::Contradiction { kept: kept.0 })
            }
            _ => Ok(Recording::AlreadyRecorded),
        }
    }

    /// Keeps how far an outbox is recorded without a gap.
    pub fn keep_mark(&mut self, custody: &Custody) -> Result<(), LedgerError> {
        self.transaction
            .prepare_cached("UPDATE outbox SET mark_seq = ?2, mark_minute = ?3 WHERE id = ?1")?
            .execute(params![
            custody.outbox_row,
            custody.mark_seq,
            custody.mark_minute.map(Minute::epoch_minutes)
        ])?;
        Ok(())
    }

    /// Puts the batch on disk; when this returns, it is there.
    pub fn commit(self) -> Result<(), LedgerError> {
        Ok(self.transaction.commit()?)
    }
}

fn custodies(connection: &Connection, meter_row: Option<i64>) -> Result<Vec<(Meter, Custody)>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT site, meter.meter, meter.id, outbox.id, outbox.name, mark_seq, mark_minute
         FROM meter JOIN outbox ON outbox.meter = meter.id AND outbox.name = meter.outbox
         WHERE ?1 IS NULL OR meter.id = ?1",
    )?;
    let rows = statement.query_map([meter_row], |row| {
        let text = |column: usize| row.get::<_, String>(column);
        let (meter_row, outbox_row, mark_seq): (i64, i64, u64) = (row.get(2)?, row.get(3)?, row.get(5)?);
        let mark_minute: Option<i64> = row.get(6)?;
        Ok((text(0)?, text(1)?, text(4)?, meter_row, outbox_row, mark_seq, mark_minute))
    })?;
    rows.map(|row| {
        let (site, meter, outbox, meter_row, outbox_row, mark_seq, mark_minute) = row?;
        let meter = Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? };
        let outbox = outbox.parse().map_err(damaged)?;
        let mark_minute = mark_minute.map(Minute::nearest);
        Ok((meter, Custody { meter_row, outbox_row, outbox, mark_seq, mark_minute }))
    })
    .collect()
}
