//! What an outbox counted in a minute, and its row.

use meter_messages::PulseCount;

use crate::home::{self, Bulk, Connection, Row, params};

/// What an outbox counted in a minute. Two outboxes may share a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxMinute {
    /// The minute, in minutes since 1970.
    pub minute: i64,
    /// The outbox's row in the ledger.
    pub outbox: i64,
    /// Pulses that fell in it.
    pub pulses: u32,
    /// How many of its seconds the line was watched, at most 60.
    pub watched_s: u8,
    /// The meter's total at its end, in pulses.
    pub total: u64,
    /// Its number; `None` for one from before minutes had numbers in the ledger.
    pub seq: Option<u64>,
}

impl OutboxMinute {
    /// What was counted, of an outbox by its row.
    pub(crate) fn of_count(outbox: i64, count: &PulseCount) -> Self {
        let PulseCount { minute, watched_s, seq, pulses, total } = *count;
        Self { minute: minute.epoch_minutes(), outbox, pulses, watched_s, total, seq: Some(seq) }
    }

    /// The meter's total before it, in pulses.
    pub(crate) fn total_before(&self) -> u64 {
        self.total.saturating_sub(self.pulses.into())
    }

    /// What is left of an imported minute of which so many pulses were counted, that are not taken off it yet, and so many
    /// seconds were watched in all; `None` if it was watched as a whole.
    pub(crate) fn left_beside(&self, pulses: u64, counted_s: u64) -> Option<Self> {
        let left_s = u8::try_from(60u64.saturating_sub(counted_s)).unwrap_or_default().min(self.watched_s);
        let pulses = self.pulses.saturating_sub(u32::try_from(pulses).unwrap_or(u32::MAX));
        (left_s > 0).then_some(Self { pulses, watched_s: left_s, ..*self })
    }

    /// From the columns `minute`, `outbox`, `pulses`, `watched_s`, `total` and `seq`.
    pub(crate) fn of(row: &Row<'_>) -> home::Result<Self> {
        Ok(Self {
            minute: row.get(0)?,
            outbox: row.get(1)?,
            pulses: row.get(2)?,
            watched_s: row.get(3)?,
            total: row.get(4)?,
            seq: row.get(5)?,
        })
    }
}

/// Adds a row to a meter.
pub(crate) fn insert(connection: &Connection, meter_row: i64, row: &OutboxMinute) -> home::Result<()> {
    static INSERT: Bulk = Bulk {
        one: "
            INSERT INTO minute (meter, minute, outbox, pulses, watched_s, total, seq)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        many: "
            INSERT INTO minute (meter, minute, outbox, pulses, watched_s, total, seq)
            SELECT unnest(?1::bigint[]), unnest(?2::bigint[]), unnest(?3::bigint[]), unnest(?4::bigint[]),
                   unnest(?5::bigint[]), unnest(?6::bigint[]), unnest(?7::bigint[])",
    };
    let OutboxMinute { minute, outbox, pulses, watched_s, total, seq } = row;
    connection.bulk(&INSERT, params![meter_row, minute, outbox, pulses, watched_s, total, seq])
}
