//! When pulses came in minutes with few of them: in rows, and of packed days in one row a day.
//!
//! Power is told from it, and nothing is counted by it: minutes mean the same without.

use std::ops::Range;

use meter_messages::PulseTimes;

use crate::LedgerError;
use crate::days::{MINUTES_OF_DAY, day_of, minutes_of};
use crate::error::{damaged, if_readable};
use crate::home::{self, Bulk, Connection, OptionalRow, params};
use crate::numbers::{put, take};

/// A minute since 1970, and when its first and its last pulse came, in ms after its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) minute: i64,
    first_ms: u32,
    last_ms: u32,
}

impl Times {
    /// As times of so many pulses; `None` if there are more or fewer in that minute by now.
    pub(crate) fn of(self, pulses: u32) -> Option<PulseTimes> {
        PulseTimes::new(pulses, self.first_ms, self.last_ms)
    }
}

/// Adds those of a minute that is recorded.
pub(crate) fn insert(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
    times: PulseTimes,
) -> home::Result<()> {
    static INSERT: Bulk = Bulk {
        one: "
            INSERT INTO pulse_times (meter, minute, first_ms, last_ms) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO NOTHING",
        many: "
            INSERT INTO pulse_times (meter, minute, first_ms, last_ms)
            SELECT unnest(?1::bigint[]), unnest(?2::bigint[]), unnest(?3::bigint[]), unnest(?4::bigint[])
            ON CONFLICT DO NOTHING",
    };
    connection.bulk(&INSERT, params![meter_row, minute, times.first_ms(), times.last_ms()])
}

/// Packs those of a day that is packed, with what is packed of it already.
pub(crate) fn pack(connection: &Connection, meter_row: i64, day: i64) -> Result<(), LedgerError> {
    let of_day = minutes_of(day);
    let rows = in_rows(connection, meter_row, &of_day)?;
    if rows.is_empty() {
        return Ok(());
    }
    let known = if_readable(format_args!("row {meter_row}"), of_packed_day(connection, meter_row, day))?;
    let mut all = known.unwrap_or_default();
    all.extend(rows);
    // Of two of a minute the first was there before.
    all.sort_by_key(|times| times.minute);
    all.dedup_by_key(|times| times.minute);
    connection
        .prepare_cached(
            "INSERT INTO day_pulse_times (meter, day, times) VALUES (?1, ?2, ?3)
             ON CONFLICT (meter, day) DO UPDATE SET times = ?3",
        )?
        .execute(params![meter_row, day, packed(day, &all)])?;
    connection
        .prepare_cached("DELETE FROM pulse_times WHERE meter = ?1 AND minute >= ?2 AND minute < ?3")?
        .execute(params![meter_row, of_day.start, of_day.end])?;
    Ok(())
}

/// Gives those of a day to another meter, in rows. What that has of a minute stays.
pub(crate) fn move_day(connection: &Connection, (from, to): (i64, i64), day: i64) -> Result<(), LedgerError> {
    let of_day = minutes_of(day);
    let packed = of_packed_day(connection, to, day)?;
    for Times { minute, first_ms, last_ms } in read(connection, from, &of_day)? {
        if packed.iter().all(|known| known.minute != minute) {
            connection
                .prepare_cached("INSERT INTO pulse_times VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
                .execute(params![to, minute, first_ms, last_ms])?;
        }
    }
    connection
        .prepare_cached("DELETE FROM pulse_times WHERE meter = ?1 AND minute >= ?2 AND minute < ?3")?
        .execute(params![from, of_day.start, of_day.end])?;
    connection
        .prepare_cached("DELETE FROM day_pulse_times WHERE meter = ?1 AND day = ?2")?
        .execute([from, day])?;
    Ok(())
}

/// Those of a span of minutes since 1970, in order.
pub(crate) fn read(
    connection: &Connection,
    meter_row: i64,
    span: &Range<i64>,
) -> Result<Vec<Times>, LedgerError> {
    let mut all = Vec::new();
    let mut days = connection.prepare_cached(
        "SELECT day, times FROM day_pulse_times WHERE meter = ?1 AND day >= ?2 AND day <= ?3 ORDER BY day",
    )?;
    let mut days = days.query(params![meter_row, day_of(span.start), day_of(span.end - 1)])?;
    while let Some(row) = days.next()? {
        let times = unpacked(row.get(0)?, row.bytes(1)?.unwrap_or_default());
        // Without them power is known less well, that is all.
        let times = if_readable(format_args!("row {meter_row}"), times)?.unwrap_or_default();
        all.extend(times.into_iter().filter(|times| span.contains(&times.minute)));
    }
    let rows = in_rows(connection, meter_row, span)?;
    let are_mixed = all.last().zip(rows.first()).is_some_and(|(last, first)| last.minute > first.minute);
    all.extend(rows);
    if are_mixed {
        all.sort_by_key(|times| times.minute);
    }
    Ok(all)
}

fn in_rows(connection: &Connection, meter_row: i64, span: &Range<i64>) -> home::Result<Vec<Times>> {
    connection
        .prepare_cached(
            "SELECT minute, first_ms, last_ms FROM pulse_times
             WHERE meter = ?1 AND minute >= ?2 AND minute < ?3 ORDER BY minute",
        )?
        .query_map(params![meter_row, span.start, span.end], |row| {
            Ok(Times { minute: row.get(0)?, first_ms: row.get(1)?, last_ms: row.get(2)? })
        })?
        .collect()
}

fn of_packed_day(connection: &Connection, meter_row: i64, day: i64) -> Result<Vec<Times>, LedgerError> {
    let packed: Option<Vec<u8>> = connection
        .prepare_cached("SELECT times FROM day_pulse_times WHERE meter = ?1 AND day = ?2")?
        .query_row([meter_row, day], |row| row.get(0))
        .optional()?;
    packed.map_or(Ok(Vec::new()), |packed| unpacked(day, &packed))
}

/// As they are kept: of each minute how many there are since the one before, the first time, and how much later the last.
fn packed(day: i64, all: &[Times]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut next = minutes_of(day).start;
    for Times { minute, first_ms, last_ms } in all {
        put(&mut bytes, minute.abs_diff(next));
        put(&mut bytes, (*first_ms).into());
        put(&mut bytes, last_ms.abs_diff(*first_ms).into());
        next = minute + 1;
    }
    bytes
}

/// From what is kept.
fn unpacked(day: i64, mut bytes: &[u8]) -> Result<Vec<Times>, LedgerError> {
    let ms = |number: u64| u32::try_from(number).map_err(damaged);
    let of_day = minutes_of(day);
    let (mut all, mut next) = (Vec::new(), of_day.start);
    while !bytes.is_empty() {
        let later = i64::try_from(take(&mut bytes)?).map_err(damaged)?;
        if later >= MINUTES_OF_DAY || next + later >= of_day.end {
            return Err(damaged("times of another day's pulses"));
        }
        let (minute, first_ms) = (next + later, ms(take(&mut bytes)?)?);
        let last_ms = first_ms.saturating_add(ms(take(&mut bytes)?)?);
        all.push(Times { minute, first_ms, last_ms });
        next = minute + 1;
    }
    Ok(all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 20_000;

    proptest! {
        #[test]
        fn packed_times_are_the_same(
            all in proptest::collection::btree_map(0..MINUTES_OF_DAY, (0u32..60_000, 0u32..60_000), 0..300),
        ) {
            let first = minutes_of(DAY).start;
            let times = |(at, (one, other)): (i64, (u32, u32))| {
                Times { minute: first + at, first_ms: one.min(other), last_ms: one.max(other) }
            };
            let all: Vec<_> = all.into_iter().map(times).collect();
            let bytes = packed(DAY, &all);
            prop_assert!(bytes.len() <= 8 * all.len(), "{} bytes for {}", bytes.len(), all.len());
            prop_assert_eq!(unpacked(DAY, &bytes).unwrap(), all);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = unpacked(DAY, &bytes);
        }
    }
}
