//! What of Home Assistant's hours is wrong, and what makes it right. Pure.
//!
//! Home Assistant counts what its sensor says, at the moment at which it says it. What came late (an outage of the Pi, of
//! the network or of Home Assistant itself) it books in the hour in which it came; what a count that begins anew leaves
//! unsaid it never hears of. The ledger knows both. Its hours are put on top of Home Assistant's sum at the first hour
//! that both have, so that what was there before stays.

use std::collections::BTreeMap;

/// Less than this, in kWh or m³, is no difference but the rounding of a computer.
const SAME: f64 = 1e-6;

/// An hour as Home Assistant has it, in the unit of the meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Theirs {
    /// All that was used up to its end.
    pub(super) sum: f64,
    /// What the sensor said last; `None` for an hour that somebody has put there.
    pub(super) state: Option<f64>,
}

/// An hour as the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ours {
    /// In hours since 1970.
    pub(super) hour: i64,
    /// What was used in it, in the unit of the meter; `None` where nobody watched, which is not zero.
    pub(super) used: Option<f64>,
}

/// An hour that Home Assistant is to have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Right {
    /// In hours since 1970.
    pub(super) hour: i64,
    pub(super) sum: f64,
    pub(super) state: f64,
}

/// What is added to all that Home Assistant counts from an hour on, because it has missed it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// In hours since 1970.
    pub(super) from: i64,
    pub(super) by: f64,
}

/// What makes Home Assistant's hours right.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Repair {
    /// Goes first: what Home Assistant counts from now on goes on from the right sum.
    pub(super) shift: Option<Shift>,
    /// The hours that differ, in order.
    pub(super) hours: Vec<Right>,
    /// How many hours were compared.
    pub(super) compared: usize,
}

impl Repair {
    /// Compares Home Assistant's hours with the ledger's, which follow one another without a gap. `count` tells what the
    /// sensor said at the end of an hour, as far as it was heard; `None` before the first minute.
    ///
    /// # Errors
    /// What `count` says.
    pub(super) fn of<E>(
        theirs: &BTreeMap<i64, Theirs>,
        ours: &[Ours],
        mut count: impl FnMut(i64) -> Result<Option<f64>, E>,
    ) -> Result<Self, E> {
        let mut behind = |at: &usize| behind(theirs, ours, *at, &mut count);
        let Some((first, late)) = find(0..ours.len(), &mut behind)? else { return Ok(Self::default()) };
        // What it had not heard of yet when the hour ended belongs to that hour all the same.
        let sums = sums(&ours[first..], theirs[&ours[first].hour].sum + late);
        let shift = find((first..ours.len()).rev(), &mut behind)?.and_then(|(last, late)| {
            let by = sums[last - first] - theirs[&ours[last].hour].sum - late;
            (by.abs() > SAME).then_some(Shift { from: ours[last].hour, by })
        });
        let mut hours = Vec::new();
        for (our, sum) in ours[first..].iter().zip(&sums) {
            let is_wrong = match theirs.get(&our.hour) {
                Some(their) => (their.sum - sum).abs() > SAME,
                None => our.used.is_some(),
            };
            if let Some(state) = if is_wrong { count(our.hour)? } else { None } {
                hours.push(Right { hour: our.hour, sum: *sum, state });
            }
        }
        Ok(Self { shift, hours, compared: sums.len() })
    }

    /// Whether all is right as it is.
    pub(super) fn is_nothing(&self) -> bool {
        self.shift.is_none() && self.hours.is_empty()
    }

    /// Whether Home Assistant has the hours now.
    pub(super) fn is_done(&self, theirs: &BTreeMap<i64, Theirs>) -> bool {
        let has = |right: &Right| {
            theirs.get(&right.hour).is_some_and(|their| (their.sum - right.sum).abs() <= SAME)
        };
        self.hours.iter().all(has)
    }
}

/// What the sum is at the end of each hour, the first of which ends with this one.
fn sums(ours: &[Ours], first: f64) -> Vec<f64> {
    let mut sum = first;
    let later = ours.iter().skip(1).map(|our| {
        sum += our.used.unwrap_or_default();
        sum
    });
    std::iter::once(first).chain(later).collect()
}

/// The first of some hours in which Home Assistant and the ledger speak of the same count, and how far it is behind there.
fn find<E>(
    mut hours: impl Iterator<Item = usize>,
    behind: &mut impl FnMut(&usize) -> Result<Option<f64>, E>,
) -> Result<Option<(usize, f64)>, E> {
    let found = hours.find_map(|at| behind(&at).map(|late| late.map(|late| (at, late))).transpose());
    found.transpose()
}

/// How far Home Assistant was behind the meter when an hour ended: it hears of pulses some seconds late, or not before an
/// outage is over. That comes by itself, in a later hour. `None` where the two do not speak of the same count: it has begun
/// anew, or somebody else has put the hour there.
fn behind<E>(
    theirs: &BTreeMap<i64, Theirs>,
    ours: &[Ours],
    at: usize,
    count: &mut impl FnMut(i64) -> Result<Option<f64>, E>,
) -> Result<Option<f64>, E> {
    let hour = ours[at].hour;
    let Some(state) = theirs.get(&hour).and_then(|their| their.state) else { return Ok(None) };
    let Some(count) = count(hour)? else { return Ok(None) };
    let used = |at: usize| ours.get(at).and_then(|hour| hour.used).unwrap_or_default();
    let behind = count - state;
    // It may also be ahead, where its clock is behind.
    Ok((behind >= -used(at + 1) - SAME && behind <= used(at) + SAME).then_some(behind))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
