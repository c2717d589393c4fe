//! Minutes that are kept aside: they lie too far ahead of the recorder's clock to be true now, or their outbox has said
//! something else of the same minute before. They are on disk, so that nobody has to send them again, and in no sum. Those
//! of the future are recorded once their time has come.

use meter_messages::{Meter, Minute, PulseCount};

use crate::error::{damaged, if_readable};
use crate::home::{self, params};
use crate::{Batch, Ledger, LedgerError, OutboxMark, Reason, RecordedMeter, Recording};

/// How many minutes of a site are kept aside: five meters' for a week. Invented ones must not fill the disk.
const MOST_OF_SITE: u64 = 50_000;

/// The result of keeping a minute aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepingAside {
    /// It is kept aside with this batch.
    Kept,
    /// It was already there.
    AlreadyKept,
    /// The site has as many as it may have; nothing has changed.
    TooMany,
}

/// What is kept aside of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptAside {
    /// How many minutes.
    pub minutes: u64,
    /// The first of them.
    pub first: Minute,
    /// The last of them.
    pub last: Minute,
}

/// A minute that was kept aside, with its rows in `meter` and `outbox`.
struct Row {
    meter: Meter,
    meter_row: i64,
    outbox_row: i64,
    count: PulseCount,
}

impl Batch<'_> {
    /// Keeps a minute of the future aside unless it is there.
    pub fn keep_aside(
        &mut self,
        meter: &Meter,
        mark: &OutboxMark,
        count: &PulseCount,
    ) -> Result<KeepingAside, LedgerError> {
        self.set_aside(meter, mark, count, Reason::Future)
    }

    /// Sets a minute aside unless one of that outbox is there.
    pub fn set_aside(
        &mut self,
        meter: &Meter,
        mark: &OutboxMark,
        count: &PulseCount,
        reason: Reason,
    ) -> Result<KeepingAside, LedgerError> {
        let of_site: u64 = self
            .transaction()
            .prepare_cached("SELECT coalesce((SELECT minutes FROM aside_of_site WHERE site = ?1), 0)")?
            .query_row([meter.site.as_str()], |row| row.get(0))?;
        let minute = count.minute.epoch_minutes();
        let is_there: bool = self
            .transaction()
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM aside WHERE minute = ?1 AND meter = ?2 AND outbox = ?3)",
            )?
            .query_row(params![minute, mark.meter_row, mark.outbox_row], |row| row.get(0))?;
        if is_there {
            return Ok(KeepingAside::AlreadyKept);
        }
        if of_site >= MOST_OF_SITE {
            return Ok(KeepingAside::TooMany);
        }
        self.transaction()
            .prepare_cached(
                "INSERT INTO aside (minute, meter, outbox, pulses, watched_s, total, seq, reason)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                minute,
                mark.meter_row,
                mark.outbox_row,
                count.pulses,
                count.watched_s,
                count.total,
                count.seq,
                reason.as_str()
            ])?;
        self.transaction()
            .prepare_cached(
                "INSERT INTO aside_of_site (site, minutes) VALUES (?1, 1)
                 ON CONFLICT (site) DO UPDATE SET minutes = aside_of_site.minutes + 1",
            )?
            .execute([meter.site.as_str()])?;
        Ok(KeepingAside::Kept)
    }

    /// Records the minutes up to `latest` that were kept aside, at most so many, the earliest first; returns
    /// what is new by that.
    pub fn record_kept_aside(
        &mut self,
        latest: Minute,
        most: usize,
    ) -> Result<Vec<(Meter, PulseCount)>, LedgerError> {
        let mut recorded = Vec::new();
        for Row { meter, meter_row, outbox_row, count } in self.due(latest, most)? {
            let recording = self.record_of((meter_row, outbox_row), &count);
            let Some(recording) = if_readable(&meter, recording)? else { continue };
            if let Recording::Contradiction { .. } = recording {
                self.transaction()
                    .prepare_cached(
                        "UPDATE aside SET reason = ?4 WHERE minute = ?1 AND meter = ?2 AND outbox = ?3",
                    )?
                    .execute(params![
                        count.minute.epoch_minutes(),
                        meter_row,
                        outbox_row,
                        Reason::Contradiction.as_str()
                    ])?;
                continue;
            }
            self.transaction()
                .prepare_cached("DELETE FROM aside WHERE minute = ?1 AND meter = ?2 AND outbox = ?3")?
                .execute([count.minute.epoch_minutes(), meter_row, outbox_row])?;
            self.transaction()
                .prepare_cached("UPDATE aside_of_site SET minutes = minutes - 1 WHERE site = ?1")?
                .execute([meter.site.as_str()])?;
            if matches!(recording, Recording::Recorded | Recording::CountedTwice) {
                recorded.push((meter, count));
            }
        }
        Ok(recorded)
    }

    fn due(&self, latest: Minute, most: usize) -> Result<Vec<Row>, LedgerError> {
        let mut statement = self.transaction().prepare_cached(
            "SELECT site, meter.meter, aside.meter, aside.outbox, minute, pulses, watched_s, total, seq
             FROM aside JOIN meter ON meter.id = aside.meter
             WHERE reason = 'future' AND minute <= ?1 ORDER BY minute LIMIT ?2",
        )?;
        let rows = statement.query_map(params![latest.epoch_minutes(), most], |row| Ok(Row::of(row)))?;
        let rows = rows.map(|row| if_readable("unknown, of minutes kept aside", row?));
        rows.filter_map(Result::transpose).collect()
    }
}

impl Row {
    fn of(row: &home::Row<'_>) -> Result<Self, LedgerError> {
        let (site, meter): (String, String) = (row.get(0)?, row.get(1)?);
        let count = PulseCount {
            minute: Minute::from_epoch_minutes(row.get(4)?).map_err(damaged)?,
            pulses: row.get(5)?,
            watched_s: row.get(6)?,
            total: row.get(7)?,
            seq: row.get(8)?,
        };
        let meter = Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? };
        Ok(Self { meter, meter_row: row.get(2)?, outbox_row: row.get(3)?, count })
    }
}

impl Ledger {
    /// Whether a minute up to `latest` is kept aside.
    pub fn has_kept_aside(&self, latest: Minute) -> Result<bool, LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM aside WHERE reason = 'future' AND minute <= ?1)")?;
        Ok(statement.query_row([latest.epoch_minutes()], |row| row.get(0))?)
    }

    /// What is kept aside of a meter because it lies in the future; `None` where nothing is.
    pub fn kept_aside(&self, meter: &RecordedMeter) -> Result<Option<KeptAside>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*), min(minute), max(minute) FROM aside WHERE meter = ?1 AND reason = 'future'",
        )?;
        let (minutes, first, last): (u64, Option<i64>, Option<i64>) =
            statement.query_row([meter.row], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let Some((first, last)) = first.zip(last) else { return Ok(None) };
        let minute = |at| Minute::from_epoch_minutes(at).map_err(damaged);
        Ok(Some(KeptAside { minutes, first: minute(first)?, last: minute(last)? }))
    }
}
