//! A meter's hours in the ledger.

use jiff::Timestamp;
use meter_ledger::{Ledger, LedgerError, RecordedMeter};
use meter_messages::Minute;

use super::repair::Ours;

const HOUR: i64 = 60;

/// Home Assistant writes an hour some minutes after it has ended. Before that it is its own.
const LEAVE_ALONE: i64 = 15;

/// So many hours are read at once.
const AT_ONCE: i64 = 28 * 24;

/// The hours from one on that are over and recorded, one after the other without a gap.
///
/// # Errors
/// If the ledger cannot be read.
pub(super) fn hours(
    ledger: &Ledger,
    meter: &RecordedMeter,
    from: i64,
    now: Timestamp,
) -> Result<Vec<Ours>, LedgerError> {
    let (Some(first), Some(newest)) = (ledger.first(meter)?, ledger.newest(meter)?) else {
        return Ok(Vec::new());
    };
    let over = now.as_second().div_euclid(Minute::SECONDS) - LEAVE_ALONE;
    let end = (newest.minute.epoch_minutes() + 1).min(over).div_euclid(HOUR);
    let mut from = from.max(first.epoch_minutes().div_euclid(HOUR));
    let mut hours = Vec::new();
    while from < end {
        let next = end.min(from + AT_ONCE);
        read(ledger, meter, from..next, &mut hours)?;
        from = next;
    }
    Ok(hours)
}

fn read(
    ledger: &Ledger,
    meter: &RecordedMeter,
    asked: std::ops::Range<i64>,
    hours: &mut Vec<Ours>,
) -> Result<(), LedgerError> {
    let bounds: Vec<Minute> = (asked.start..=asked.end).map(|hour| Minute::nearest(hour * HOUR)).collect();
    let sums = ledger.sums(meter, &bounds)?;
    hours.extend(asked.zip(sums).map(|(hour, sum)| Ours { hour, used: sum.quantity() }));
    Ok(())
}

/// What the meter's sensor said at the end of an hour: all that was counted.
///
/// # Errors
/// If the ledger cannot be read.
pub(super) fn count(ledger: &Ledger, meter: &RecordedMeter, hour: i64) -> Result<Option<f64>, LedgerError> {
    ledger.reading_at(meter, Minute::nearest((hour + 1) * HOUR))
}
