//! Packed days: the minutes of a day of UTC in one row, with their sums.
//!
//! A row for each minute takes 26 bytes, mostly to say what follows from the minute before. So a day that is
//! over is packed: runs of minutes that follow one another, of which only the first is written down, and of
//! the others their pulses. A day is either packed or in rows, never both. The runs are JSON, so that SQL can read
//! them, too (the view `every_minute`). We ourselves add up its `quarters`.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::damaged;
use crate::home::{Connection, OptionalRow, params};
use crate::sum::shared_minutes;
use crate::{LedgerError, OutboxMinute};

/// Minutes of a day of UTC.
pub(crate) const MINUTES_OF_DAY: i64 = 24 * 60;

/// How many outboxes may share minutes for their runs to be told apart. More are kept, but take more room.
const SHARING: usize = 4;

/// The day of UTC that a minute lies in, since 1970.
pub(crate) fn day_of(minute: i64) -> i64 {
    minute.div_euclid(MINUTES_OF_DAY)
}

/// The minutes of a day since 1970.
pub(crate) fn minutes_of(day: i64) -> Range<i64> {
    day * MINUTES_OF_DAY..(day + 1) * MINUTES_OF_DAY
}

/// Minutes of an outbox that follow one another, with their numbers; the meter's total grows by their pulses.
#[derive(Debug, Serialize, Deserialize)]
struct Run {
    outbox: i64,
    /// The first minute, since 1970.
    minute: i64,
    /// Of each of them.
    watched_s: u8,
    /// At the end of the first.
    total: u64,
    /// Of the first.
    seq: Option<u64>,
    /// Of each of them, in order.
    pulses: Vec<u32>,
}

impl Run {
    fn of(row: &OutboxMinute) -> Self {
        let OutboxMinute { minute, outbox, pulses, watched_s, total, seq } = *row;
        Self { outbox, minute, watched_s, total, seq, pulses: vec![pulses] }
    }

    /// Whether all that it leaves out can be told from the minutes before.
    fn follows(&self, last_total: u64, row: &OutboxMinute) -> bool {
        let length = self.pulses.len() as u64;
        row.outbox == self.outbox
            && row.minute == self.minute + self.pulses.len() as i64
            && row.watched_s == self.watched_s
            && row.total.checked_sub(u64::from(row.pulses)) == Some(last_total)
            && row.seq == self.seq.map(|first| first + length)
    }
}

/// Minutes of a day, in order of minute and outbox, as the text that is kept.
pub(crate) fn pack(rows: &[OutboxMinute]) -> Result<String, LedgerError> {
    let mut runs: Vec<(Run, u64)> = Vec::new();
    for row in rows {
        // Minutes that two outboxes share interleave their runs.
        match runs.iter_mut().rev().take(SHARING).find(|(run, total)| run.follows(*total, row)) {
            Some((run, total)) => {
                run.pulses.push(row.pulses);
                *total = row.total;
            }
            None => runs.push((Run::of(row), row.total)),
        }
    }
    let runs: Vec<Run> = runs.into_iter().map(|(run, _)| run).collect();
    serde_json::to_string(&runs).map_err(damaged)
}

/// The minutes of a day, in order of minute and outbox.
pub(crate) fn unpack(text: &str) -> Result<Vec<OutboxMinute>, LedgerError> {
    let runs: Vec<Run> = serde_json::from_str(text).map_err(damaged)?;
    let mut rows = Vec::with_capacity(MINUTES_OF_DAY as usize);
    for run in runs {
        let Run { outbox, minute: first, watched_s, mut total, seq, pulses } = run;
        for (pulses, at) in pulses.into_iter().zip(0..) {
            if at > 0 {
                total = total.checked_add(pulses.into()).ok_or_else(|| damaged("a total without end"))?;
            }
            let seq = seq.map(|seq| seq.saturating_add(at));
            let minute = first.saturating_add_unsigned(at);
            rows.push(OutboxMinute { minute, outbox, pulses, watched_s, total, seq });
        }
    }
    rows.sort_by_key(|row| (row.minute, row.outbox));
    Ok(rows)
}

/// A packed day, which has at least one minute; none if that day is not packed.
pub(crate) const DAY: &str = "SELECT runs FROM day WHERE meter = ?1 AND day = ?2";

/// The minutes of the packed day that a query with a meter and a day finds; none if it finds none.
pub(crate) fn read(
    connection: &Connection,
    sql: &str,
    meter_row: i64,
    day: i64,
) -> Result<Vec<OutboxMinute>, LedgerError> {
    let text: Option<String> =
        connection.prepare_cached(sql)?.query_row([meter_row, day], |row| row.get(0)).optional()?;
    text.map_or(Ok(Vec::new()), |text| unpack(&text))
}

/// The minutes of one outbox in packed days, from one on. Days in which it has none are not unpacked.
pub(crate) fn of_outbox(
    connection: &Connection,
    meter_row: i64,
    outbox: i64,
    from: i64,
) -> Result<Vec<OutboxMinute>, LedgerError> {
    let mut days = connection.prepare_cached(
        "SELECT runs FROM day WHERE meter = ?1 AND day >= ?2 AND runs LIKE '%' || ?3 || '%' ORDER BY day",
    )?;
    // As `pack` writes it.
    let run = format!("{{\"outbox\":{outbox},");
    let mut days = days.query(params![meter_row, day_of(from), run])?;
    let mut rows = Vec::new();
    while let Some(row) = days.next()? {
        let day = unpack(row.text(0)?)?;
        rows.extend(day.into_iter().filter(|row| row.outbox == outbox && row.minute >= from));
    }
    Ok(rows)
}

/// Writes a day that is not packed yet.
pub(crate) fn insert(
    connection: &Connection,
    meter_row: i64,
    day: i64,
    rows: &[OutboxMinute],
) -> Result<(), LedgerError> {
    const INSERT: &str = "
        INSERT INTO day (meter, day, pulses, minutes, watched_s, most, runs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    write(connection, INSERT, (meter_row, day), rows)
}

/// Writes a packed day anew.
pub(crate) fn replace(
    connection: &Connection,
    meter_row: i64,
    day: i64,
    rows: &[OutboxMinute],
) -> Result<(), LedgerError> {
    const REPLACE: &str = "
        UPDATE day SET pulses = ?3, minutes = ?4, watched_s = ?5, most = ?6, runs = ?7 WHERE meter = ?1 AND day = ?2";
    write(connection, REPLACE, (meter_row, day), rows)
}

/// Deletes a packed day and its sums: nothing is in it any more.
pub(crate) fn delete(connection: &Connection, meter_row: i64, day: i64) -> Result<(), LedgerError> {
    for sql in [
        "DELETE FROM quarters WHERE meter = ?1 AND day = ?2",
        "DELETE FROM day WHERE meter = ?1 AND day = ?2",
    ] {
        connection.prepare_cached(sql)?.execute([meter_row, day])?;
    }
    Ok(())
}

fn write(
    connection: &Connection,
    sql: &str,
    (meter_row, day): (i64, i64),
    rows: &[OutboxMinute],
) -> Result<(), LedgerError> {
    let (sum, runs) = (shared_minutes(rows), pack(rows)?);
    connection.prepare_cached(sql)?.execute(params![
        meter_row,
        day,
        sum.pulses,
        sum.minutes,
        sum.watched_s,
        sum.most,
        runs
    ])?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(minute: i64, outbox: i64, pulses: u32, total: u64) -> OutboxMinute {
        OutboxMinute { minute, outbox, pulses, watched_s: 60, total, seq: Some(minute as u64) }
    }

    #[test]
    fn minutes_that_follow_one_another_are_one_run() {
        let day: Vec<_> = (0..1440u32)
            .map(|at| row(at.into(), 7, at % 9, (1..=at).map(|at| u64::from(at % 9)).sum()))
            .collect();
        let text = pack(&day).unwrap();
        assert_eq!(text.matches("outbox").count(), 1);
        assert!(text.len() < 1440 * 3, "{} bytes", text.len());
        assert_eq!(unpack(&text).unwrap(), day);
    }

    #[test]
    fn two_outboxes_that_share_minutes_are_two_runs() {
        let day: Vec<_> =
            (0..100).flat_map(|at| [row(at, 1, 2, 2 * at as u64), row(at, 2, 3, 3 * at as u64)]).collect();
        let text = pack(&day).unwrap();
        assert_eq!(text.matches("outbox").count(), 2);
        assert_eq!(unpack(&text).unwrap(), day);
    }

    #[test]
    fn what_nobody_packed_is_refused() {
        for text in [
            "",
            "[{}]",
            "[1]",
            r#"[{"outbox":1,"minute":1,"watched_s":60,"total":18446744073709551615,"seq":1,"pulses":[1,1]}]"#,
            r#"[{"outbox":1,"minute":1,"watched_s":600,"total":1,"seq":1,"pulses":[1]}]"#,
        ] {
            assert!(unpack(text).is_err(), "{text}");
        }
        // A minute too late to be one is no overflow.
        let last = r#"[{"outbox":1,"minute":9223372036854775807,"watched_s":60,"total":1,"seq":18446744073709551615,"pulses":[1,1]}]"#;
        assert_eq!(unpack(last).unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn whatever_is_packed_is_what_it_was(
            rows in proptest::collection::btree_map(
                (0i64..200, 1i64..5),
                (0u32..40, prop_oneof![4 => Just(60u8), 1 => 0u8..60], 0u64..3, proptest::option::weighted(0.9, 0u64..2)),
                0..300,
            ),
        ) {
            let mut totals = [0; 5];
            let rows: Vec<_> = rows
                .into_iter()
                .map(|((minute, outbox), (pulses, watched_s, jump, seq))| {
                    let total = &mut totals[outbox as usize];
                    *total += u64::from(pulses) + (jump % 2);
                    let seq = seq.map(|jump| minute as u64 + jump);
                    OutboxMinute { minute, outbox, pulses, watched_s, total: *total, seq }
                })
                .collect();
            prop_assert_eq!(unpack(&pack(&rows).unwrap()).unwrap(), rows);
        }
    }
}
