//! The sums of a packed day by quarters of an hour.
//!
//! Zones differ from UTC by whole quarters, so the hours, days and months of any of them follow from these sums, and
//! ten years of them are a tenth of what their minutes take. They are written in the transaction of the minutes that
//! they follow from. A day without them, whose minutes could not be read when the ledger was upgraded, is read minute
//! by minute.

use std::ops::Range;

use crate::days::MINUTES_OF_DAY;
use crate::error::damaged;
use crate::home::{Connection, params};
use crate::numbers::{put, take};
use crate::sum::{Counted, shared_minutes};
use crate::{LedgerError, OutboxMinute};

/// Minutes of a quarter.
const MINUTES: i64 = 15;

const OF_DAY: usize = (MINUTES_OF_DAY / MINUTES) as usize;

/// The sums of a day's quarters, in order.
#[derive(Debug, PartialEq)]
pub(crate) struct Quarters([Counted; OF_DAY]);

impl Quarters {
    /// Of the minutes of a day, in order.
    pub(crate) fn of(rows: &[OutboxMinute]) -> Self {
        let mut sums = [Counted::default(); OF_DAY];
        let number = |row: &OutboxMinute| (row.minute.rem_euclid(MINUTES_OF_DAY) / MINUTES) as usize;
        for quarter in rows.chunk_by(|one, next| number(one) == number(next)) {
            if let Some(first) = quarter.first() {
                sums[number(first)] = shared_minutes(quarter);
            }
        }
        Self(sums)
    }

    /// The day's sum.
    pub(crate) fn sum(&self) -> Counted {
        self.0.iter().fold(Counted::default(), |sum, quarter| sum.and(quarter))
    }

    /// Those in which something was recorded, with their minutes since 1970; `start` is the day's first.
    pub(crate) fn recorded(&self, start: i64) -> impl Iterator<Item = (Range<i64>, Counted)> {
        let quarters = (start..).step_by(MINUTES as usize).zip(&self.0);
        let recorded = quarters.filter(|(_, sum)| sum.minutes > 0);
        recorded.map(|(start, sum)| (start..start + MINUTES, *sum))
    }

    /// As they are kept. Of each: its minutes and the seconds of these that were not watched, in one number; its
    /// pulses, and the fewest and the most of a minute. A quarter without minutes is a 0.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for Counted { pulses, minutes, watched_s, least, most } in &self.0 {
            put(&mut bytes, minutes | (60 * minutes - watched_s) << 4);
            if *minutes > 0 {
                [pulses, least, most].into_iter().for_each(|number| put(&mut bytes, *number));
            }
        }
        bytes
    }

    /// From what is kept.
    pub(crate) fn unpack(mut bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut sums = [Counted::default(); OF_DAY];
        for sum in &mut sums {
            let head = take(&mut bytes)?;
            let minutes = head & 15;
            if minutes > 0 {
                let watched_s = (60 * minutes).checked_sub(head >> 4);
                let watched_s = watched_s.ok_or_else(|| damaged("a quarter of an hour with more seconds"))?;
                let (pulses, least, most) = (take(&mut bytes)?, take(&mut bytes)?, take(&mut bytes)?);
                *sum = Counted { pulses, minutes, watched_s, least, most };
            }
        }
        if bytes.is_empty() { Ok(Self(sums)) } else { Err(damaged("more than the quarters of a day")) }
    }
}

/// Writes those of a packed day, anew if they are there.
pub(crate) fn write(
    connection: &Connection,
    meter_row: i64,
    day: i64,
    rows: &[OutboxMinute],
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "INSERT INTO quarters (meter, day, sums) VALUES (?1, ?2, ?3)
             ON CONFLICT (meter, day) DO UPDATE SET sums = ?3",
        )?
        .execute(params![meter_row, day, Quarters::of(rows).pack()])?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 20_000 * MINUTES_OF_DAY;

    fn row(at: i64, outbox: i64, pulses: u32, watched_s: u8) -> OutboxMinute {
        OutboxMinute { minute: DAY + at, outbox, pulses, watched_s, total: 0, seq: None }
    }

    #[test]
    fn a_whole_day_takes_a_few_hundred_bytes() {
        let rows: Vec<_> = (0..MINUTES_OF_DAY).map(|at| row(at, 1, (at * 7919 % 60) as u32, 60)).collect();
        let bytes = Quarters::of(&rows).pack();
        assert!(bytes.len() <= OF_DAY * 5, "{} bytes", bytes.len());
        assert_eq!(Quarters::unpack(&bytes).unwrap().sum(), shared_minutes(&rows));
    }

    #[test]
    fn what_nobody_packed_is_refused() {
        let sound = Quarters::of(&[row(7, 1, 300, 60)]).pack();
        assert!(Quarters::unpack(&sound).is_ok());
        let mut longer = sound.clone();
        longer.push(0);
        // A minute of which 61 seconds were not watched.
        let mut seconds = vec![0xd1, 0x07, 1, 1, 1];
        seconds.extend([0; OF_DAY - 1]);
        for bytes in [&[], &sound[..sound.len() - 1], &longer, &[0xff; 200][..], &seconds] {
            assert!(Quarters::unpack(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn each_quarter_is_the_sum_of_its_minutes(
            rows in proptest::collection::btree_map(
                (0..MINUTES_OF_DAY, 1i64..4),
                (prop_oneof![0u32..40, any::<u32>()], prop_oneof![4 => Just(60u8), 1 => 0u8..60]),
                0..400,
            ),
        ) {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|((at, outbox), (pulses, watched_s))| row(at, outbox, pulses, watched_s))
                .collect();
            let quarters = Quarters::of(&rows);
            prop_assert_eq!(&Quarters::unpack(&quarters.pack()).unwrap(), &quarters);
            prop_assert_eq!(quarters.sum(), shared_minutes(&rows));
            let mut minutes = 0;
            for (span, sum) in quarters.recorded(DAY) {
                let of_quarter: Vec<_> =
                    rows.iter().copied().filter(|row| span.contains(&row.minute)).collect();
                prop_assert_eq!(sum, shared_minutes(&of_quarter));
                minutes += sum.minutes;
            }
            prop_assert_eq!(minutes, shared_minutes(&rows).minutes);
        }
    }
}
