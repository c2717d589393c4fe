//! Minutes that cannot be: with more pulses than a meter's connection lets through. Bounces look like that, and a wrong
//! meter constant.

use std::ops::Range;

use meter_ledger::{Ledger, LedgerError, RecordedMeter};
use meter_messages::{Minute, Unit};

/// A house connection in Europe, 3 × 63 A at 230 V, in W; what a publisher takes unless its settings say more.
const MOST_W: f64 = 43_470.0;

/// A gas meter G10, in l/h; a home's water meter has less.
const MOST_L_H: f64 = 16_000.0;

/// So many spans are told.
const MOST_SPANS: usize = 5;

/// Minutes in a row that cannot be.
#[derive(Debug, Clone, PartialEq)]
pub struct Implausible {
    /// The minutes.
    pub span: Range<Minute>,
    /// The highest power of one of them in W, or flow in l/h.
    pub highest_rate: f64,
}

/// The highest power in W, or flow in l/h, that a meter can have of which nothing else is said.
pub fn highest_plausible(unit: Unit) -> f64 {
    match unit {
        Unit::KilowattHour => MOST_W,
        Unit::CubicMetre => MOST_L_H,
    }
}

/// The newest minutes of a span with more than `most` W or l/h, in order. Of days that have none, only sums are read.
pub fn implausible(
    ledger: &Ledger,
    meter: &RecordedMeter,
    span: Range<Minute>,
    most: f64,
) -> Result<Vec<Implausible>, LedgerError> {
    let mut found: Vec<Implausible> = Vec::new();
    ledger.for_each_watched(meter, span, |watched| {
        // A pulse may have begun in the minute before.
        if watched.constant.rate(watched.most.saturating_sub(1), 60.0) <= most {
            return true;
        }
        let Range { start, end } = watched.span;
        if end.epoch_minutes() - start.epoch_minutes() > 1 {
            return false;
        }
        let highest_rate = watched.constant.rate(watched.most, 60.0);
        match found.last_mut().filter(|last| last.span.end == start) {
            Some(last) => {
                last.span.end = end;
                last.highest_rate = last.highest_rate.max(highest_rate);
            }
            None => found.push(Implausible { span: start..end, highest_rate }),
        }
        if found.len() > MOST_SPANS {
            found.remove(0);
        }
        true
    })?;
    Ok(found)
}
