//! Decides what of a counter's totals was used, and over which time it is booked. Pure; what the clock says is an
//! argument.
//!
//! - A total that is higher is use, if the meter can have used that much since the total was last another one.
//!   Whatever else comes is doubtful and waits: if the next total goes on from it, it holds, and if that goes on from
//!   the one before, it was a fault.
//! - What holds although it does not go on is looked at again. More than the meter can ever have used was not used: the
//!   total was set, or is another counter's. Less than half of what it was, and not more than can have been used, is a
//!   counter that has begun at 0 again; else it was set back, and counts on from there.
//! - A quantity is booked evenly over the time since the total before: that is all that is known, and no minute gets
//!   more than it must. A counter goes on counting while nobody listens, so that time counts as watched; where it began
//!   anew, half of it does, because nobody knows when that was and what is lost.
//! - A total that stays waits a while before its minutes are booked as empty: counters that show every 10 Wh or every
//!   5 minutes would otherwise jump between nothing and far too much.
//! - A retained total was said nobody knows when. It counts as use, and is booked with the next one.
//! - A total that is a little lower, and rounded, has not gone down: meters show whole kWh after a power failure and parts of
//!   one again later, and some waver between two steps. What was counted is not counted again.
//! - A counter that says it is another one than before is one, whatever its total is: counting goes on from that.

use std::ops::Range;

use meter_messages::CounterBreak;

use crate::totals::counter_state::{Broken, CounterState, Former};

const SECOND: i64 = 1_000_000_000;

/// How long minutes without a change wait for the rest of a step of the counter.
pub const PATIENCE_NS: i64 = 300 * SECOND;
/// What was used in a longer time than this is doubtful as soon as it is more than can be used in this.
const SURE_NS: i64 = 3600 * SECOND;
/// How late a total may be, compared with its counter's display, before more than it should be is doubtful.
const LATE_NS: i64 = 10 * SECOND;
/// The same before it is taken for another counter's.
const VERY_LATE_NS: i64 = 900 * SECOND;
/// How long a counter that seems to have begun anew may come back.
const COMES_BACK_NS: i64 = 86_400 * SECOND;
/// A total that is lower by no more than this, a Wh or litre, is rounded, and not set back.
const ROUNDING: i64 = 1_000_000;
/// The coarsest step in which counters show what they have, a kWh or m³. The others are tenths of each other.
const COARSEST: i64 = 1_000 * ROUNDING;
/// Nobody was away for longer, as far as minutes are concerned: a year.
const LONGEST_NS: i64 = 366 * 86_400 * SECOND;

/// What a meter's totals can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The highest power in W, or flow in l/h.
    pub max_rate: u32,
    /// The total at which it goes on from 0, in millionths of a Wh or litre.
    pub rolls_over_at: Option<i64>,
}

/// A total, when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// When it came, in nanoseconds of UTC since 1970.
    pub at_ns: i64,
    /// In millionths of a Wh or litre; not negative.
    pub total: i64,
    /// Whether the broker had kept it, for nobody knows how long.
    pub retained: bool,
}

/// How much of a time counts as watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// All of it.
    Whole,
    /// Half: the counter began anew at some time in it.
    Half,
    /// Nothing is known of it.
    Nothing,
}

impl Watched {
    /// Of how many seconds one counts, if any does.
    pub fn part(self) -> Option<i64> {
        match self {
            Self::Whole => Some(1),
            Self::Half => Some(2),
            Self::Nothing => None,
        }
    }
}

/// Pulses of a time, to be booked evenly over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The time, in nanoseconds of UTC since 1970.
    pub span: Range<i64>,
    /// How many there are.
    pub pulses: u64,
    /// How much of the time was watched.
    pub watched: Watched,
}

/// What was made of a total, for whoever reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on from the one before.
    GoesOn,
    /// It does not, and waits for the next one.
    Doubtful,
    /// It is the first one.
    Begins,
    /// The counter has begun at 0 again.
    BeganAnew,
    /// It is another counter's, or was set: counting goes on from it.
    Another,
    /// The counter is back that seemed to have begun anew.
    IsBack,
    /// It says that it is another counter than before: counting goes on from it.
    Exchanged,
}

impl Verdict {
    /// Whether it is to be known that the counter did not go on from where it was, and how.
    fn broken(self) -> Option<CounterBreak> {
        match self {
            Self::BeganAnew => Some(CounterBreak::BeganAnew),
            Self::Another => Some(CounterBreak::Set),
            Self::Exchanged => Some(CounterBreak::Exchanged),
            Self::GoesOn | Self::Doubtful | Self::Begins | Self::IsBack => None,
        }
    }
}

/// One counter.
#[derive(Debug, Clone)]
pub struct TotalCounter {
    source: String,
    constant: u64,
    limits: Limits,
    state: Option<CounterState>,
    /// What the counter calls itself, if it does.
    name: Option<String>,
    /// One that does not go on from what is known, and what its counter calls itself.
    doubtful: Option<(Reading, Option<String>)>,
}

impl TotalCounter {
    /// Goes on from what is stored; from totals of other settings only what is due is taken over.
    pub fn new(source: String, constant: u64, limits: Limits, stored: Option<CounterState>) -> Self {
        let mut state = stored;
        if let Some(state) = &mut state {
            state.convert(constant);
        }
        Self { source, constant, limits, state, name: None, doubtful: None }
    }

    /// The totals that follow are those of a counter that calls itself so.
    pub fn call(&mut self, name: String) {
        self.name = Some(name);
    }

    /// Whether the counter does not say that it is another one than before.
    fn is_same(&self) -> bool {
        let known = self.state.as_ref().and_then(|state| state.name.as_ref());
        self.name.as_ref().zip(known).is_none_or(|(name, known)| name == known)
    }

    /// Where it stands; nothing before the first total.
    pub fn state(&self) -> Option<&CounterState> {
        self.state.as_ref()
    }

    /// Takes a total; returns what it is, and what is to be booked, in this order.
    pub fn take(&mut self, reading: Reading) -> (Verdict, Vec<Booking>) {
        let mut bookings = Vec::new();
        // A clock that is set back stands still until it is where it was.
        let heard = self.state.as_ref().map_or(i64::MIN, |state| state.heard_ns);
        let reading = Reading { at_ns: reading.at_ns.max(heard), ..reading };
        let verdict = match &self.state {
            Some(state) if state.source == self.source => {
                if self.goes_on(reading) {
                    self.doubtful = None;
                    self.go_on(reading, &mut bookings);
                    Verdict::GoesOn
                } else {
                    self.doubt(reading, &mut bookings)
                }
            }
            _ => self.begin(reading, &mut bookings),
        };
        (verdict, bookings)
    }

    /// The first total counts once another one goes on from it; a retained one may be of last year.
    fn begin(&mut self, reading: Reading, bookings: &mut Vec<Booking>) -> Verdict {
        if reading.retained {
            return Verdict::Doubtful;
        }
        let Some(first) = self.confirmed(reading) else {
            // Of two that speak in turn over one line the first one begins.
            let waits = |(first, name): &(Reading, Option<String>)| {
                *name != self.name && reading.at_ns - first.at_ns < PATIENCE_NS
            };
            if !self.doubtful.as_ref().is_some_and(waits) {
                self.doubtful = Some((reading, self.name.clone()));
            }
            return Verdict::Doubtful;
        };
        self.doubtful = None;
        let fresh = CounterState::begin(&self.source, self.constant, first.total, first.at_ns);
        let fresh = CounterState { name: self.name.clone(), ..fresh };
        self.state = Some(match self.state.take() {
            // Of other settings: what is due is booked with what comes.
            Some(before) => CounterState {
                due: before.due,
                rest: before.rest,
                booked_ns: before.booked_ns.max(first.at_ns),
                ..fresh
            },
            None => fresh,
        });
        self.go_on(reading, bookings);
        Verdict::Begins
    }

    /// Whether a total goes on from what is known.
    fn goes_on(&self, reading: Reading) -> bool {
        let Some(state) = &self.state else { return false };
        let passed = (reading.at_ns - state.changed_ns).min(SURE_NS).saturating_add(LATE_NS);
        self.is_same() && fits(state.total..reading.total, state.ahead, self.most_in(passed))
    }

    /// The doubtful total that this one goes on from.
    fn confirmed(&self, second: Reading) -> Option<Reading> {
        let (first, name) = self.doubtful.as_ref()?;
        let passed = (second.at_ns - first.at_ns).clamp(0, SURE_NS) + LATE_NS;
        let goes_on = *name == self.name && fits(first.total..second.total, 0, self.most_in(passed));
        goes_on.then_some(*first)
    }

    /// The most that can be used in some time, in millionths of a Wh or litre.
    fn most_in(&self, nanoseconds: i64) -> i64 {
        // 1 W for an hour (3,600,000 million ns) is a Wh (a million millionths).
        let most = i128::from(self.limits.max_rate) * i128::from(nanoseconds.max(0)) / 3_600_000;
        i64::try_from(most).unwrap_or(i64::MAX)
    }

    fn go_on(&mut self, reading: Reading, bookings: &mut Vec<Booking>) {
        let Some(state) = &mut self.state else { return };
        let used = (reading.total - state.total).max(0);
        state.count(used);
        state.total = state.total.max(reading.total);
        if state.name.is_none() {
            state.name.clone_from(&self.name);
        }
        if reading.retained {
            state.ahead = state.ahead.saturating_add(used);
            return;
        }
        state.heard_ns = reading.at_ns;
        if used > 0 || state.ahead > 0 {
            (state.changed_ns, state.ahead) = (reading.at_ns, 0);
            book(state, reading.at_ns, Watched::Whole, bookings);
        } else {
            book(state, reading.at_ns - PATIENCE_NS, Watched::Whole, bookings);
        }
        state.former = state.former.filter(|former| reading.at_ns - former.changed_ns < COMES_BACK_NS);
    }

    /// Takes a total that does not go on from what is known.
    fn doubt(&mut self, reading: Reading, bookings: &mut Vec<Booking>) -> Verdict {
        // The broker has kept it: that says no more than when it came.
        if self.doubtful.is_some() && reading.retained {
            return Verdict::Doubtful;
        }
        let Some(first) = self.confirmed(reading) else {
            self.doubtful = Some((reading, self.name.clone()));
            return Verdict::Doubtful;
        };
        self.doubtful = None;
        let verdict = self.change(first, bookings);
        self.go_on(reading, bookings);
        verdict
    }

    /// Goes on from a total that does not go on from what is known, and holds.
    fn change(&mut self, reading: Reading, bookings: &mut Vec<Booking>) -> Verdict {
        let possible = |since_ns: i64| self.most_in((reading.at_ns - since_ns).saturating_add(VERY_LATE_NS));
        let Some(state) = &self.state else { return Verdict::Doubtful };
        let limit = possible(state.changed_ns);
        let comes_back =
            state.former.filter(|former| fits(former.total..reading.total, 0, possible(former.changed_ns)));
        let grown = reading.total - state.total;
        let rolled_over = self.limits.rolls_over_at.map(|end| grown.saturating_add(end));
        let within = |used: &i64| (0..=limit).contains(&used.saturating_add(state.ahead));
        let (verdict, used, watched) = if !self.is_same() {
            (Verdict::Exchanged, 0, Watched::Nothing)
        } else if let Some(former) = comes_back {
            let missing = (reading.total - former.total - former.counted).max(0);
            (Verdict::IsBack, missing, Watched::Whole)
        } else if grown > 0 && within(&grown) {
            (Verdict::GoesOn, grown, Watched::Whole)
        } else if let Some(used) = rolled_over.filter(|_| grown < 0).filter(within) {
            (Verdict::GoesOn, used, Watched::Whole)
        } else if grown < 0 && reading.total <= state.total / 2 && within(&reading.total) {
            (Verdict::BeganAnew, reading.total, Watched::Half)
        } else {
            (Verdict::Another, 0, Watched::Nothing)
        };
        let Some(state) = &mut self.state else { return Verdict::Doubtful };
        state.former = match verdict {
            Verdict::BeganAnew | Verdict::Another => {
                Some(Former { total: state.total, changed_ns: state.changed_ns, counted: 0 })
            }
            _ => None,
        };
        if watched != Watched::Whole && state.due == 0 {
            // Until then the total before was said again.
            book(state, state.heard_ns, Watched::Whole, bookings);
        }
        state.count(used);
        state.total = reading.total;
        (state.changed_ns, state.ahead, state.heard_ns) = (reading.at_ns, 0, reading.at_ns);
        state.name = self.name.clone().or(state.name.take());
        match verdict.broken() {
            Some(how) => state.broken = Some(Broken { at_s: reading.at_ns / SECOND, how }),
            // What was taken for that was a fault.
            None if verdict == Verdict::IsBack => state.broken = None,
            None => {}
        }
        // What is due although nothing is known of the time was used in it all the same.
        let watched = if watched == Watched::Nothing && state.due > 0 { Watched::Half } else { watched };
        book(state, reading.at_ns, watched, bookings);
        verdict
    }
}

/// Whether a total goes on from the one before: no more than was possible, and not back by more than rounding.
fn fits(Range { start: before, end: now }: Range<i64>, ahead: i64, most: i64) -> bool {
    let grown = now - before;
    (grown >= -ROUNDING || is_rounded(before, now)) && grown.max(0).saturating_add(ahead) <= most
}

/// Whether a lower total is only shown in coarser steps, or one step lower. One that is less than half is none of these: a
/// small counter begins at 0 again.
fn is_rounded(before: i64, now: i64) -> bool {
    let steps =
        std::iter::successors(Some(COARSEST), |step| Some(step / 10).filter(|step| *step >= ROUNDING));
    now > before / 2 && steps.into_iter().any(|step| now % step == 0 && before - now <= step)
}

/// Books what is due, over the time up to `until`.
fn book(state: &mut CounterState, until_ns: i64, watched: Watched, bookings: &mut Vec<Booking>) {
    if until_ns > state.booked_ns {
        let from = state.booked_ns.max(until_ns.saturating_sub(LONGEST_NS));
        bookings.push(Booking { span: from..until_ns, pulses: std::mem::take(&mut state.due), watched });
        state.booked_ns = until_ns;
    }
}

#[cfg(test)]
mod tests;
