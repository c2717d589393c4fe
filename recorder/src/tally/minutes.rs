//! Minutes, each for the outbox that counted it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use meter_ledger::{Batch, KeepingAside, LedgerError, Reason, Recording};
use meter_messages::{Meter, Minute, OutboxId, OutboxMinute, PulseCount, PulseTimes};

use super::Tally;
use super::lost::{numbers, record_lost};
use crate::ignored::Ignored;
use crate::marks::MarkOf;
use crate::meter_state::{MeterState, progress_from};
use crate::pictures;
use crate::progress::{MOST_RUNS, Progress};
use crate::warnings::{warn_of_contradiction, warn_of_rivals, warn_of_the_future};

/// A minute, and whose it is.
struct Counted<'a> {
    /// The name under which it came.
    meter: &'a Meter,
    /// What the meter is called now.
    named: &'a Meter,
    /// Whose mark it moves.
    mark_of: &'a MarkOf,
    /// Whether the message names the outbox.
    says_outbox: bool,
    count: &'a PulseCount,
    times: Option<PulseTimes>,
}

/// What became of a minute.
enum Taken {
    /// Its number is recorded, or kept aside.
    Noted,
    /// Its number says nothing of this outbox.
    OfAnother,
}

impl Tally<'_> {
    /// Records a minute for the outbox that it names, or for its meter's current one.
    pub(super) fn minute(
        &mut self,
        batch: &mut Batch<'_>,
        meter: &Meter,
        minute: OutboxMinute,
    ) -> Result<Result<(), Ignored>, LedgerError> {
        if let Err(ignored) = self.begin_unheard(batch, meter, minute.outbox.as_ref())? {
            return Ok(Err(ignored));
        }
        self.with_state(meter, |tally, state| match state {
            Some(state) => tally.minute_of(batch, meter, state, minute),
            None => Ok(Err(Ignored::NoInfoYet)),
        })
    }

    fn minute_of(
        &mut self,
        batch: &mut Batch<'_>,
        meter: &Meter,
        state: &mut MeterState,
        minute: OutboxMinute,
    ) -> Result<Result<(), Ignored>, LedgerError> {
        let minute_before = minute.minute_before();
        let OutboxMinute { count, outbox, times, .. } = minute;
        let (named, says_outbox) = (state.now.clone(), outbox.is_some());
        let mark_of = (meter.clone(), outbox.unwrap_or_else(|| state.current.clone()));
        let Some(progress) = self.progress(batch, &mark_of, &mut state.outboxes)? else {
            return Ok(Err(Ignored::TooManyOutboxes));
        };
        let was_set_back = progress.mark.set_back;
        if progress.is_set_back(&count, minute_before) {
            self.refuse_set_back(&mark_of, progress, &count);
        } else {
            if progress.mark.set_back != was_set_back {
                let seq = count.seq;
                tracing::warn!(%meter, seq, "the outbox was set back to an old copy of itself; asking its publisher to start a new one");
                self.needed.insert(mark_of.clone());
            }
            let named = named.as_ref().unwrap_or(meter);
            let counted = Counted { meter, named, mark_of: &mark_of, says_outbox, count: &count, times };
            match self.count(batch, counted, (progress, &mut state.counted_twice))? {
                Ok(Taken::Noted) => _ = progress.note(&count, minute_before, self.now),
                Ok(Taken::OfAnother) => return Ok(Ok(())),
                Err(ignored) => return Ok(Err(ignored)),
            }
            self.find_lost(batch, &mark_of, progress, count.seq)?;
        }
        let lost = progress.skip_lost_with_copy();
        if record_lost(batch, meter, &progress.mark, &lost)? || progress.mark.set_back != was_set_back {
            self.untold.insert(mark_of.clone());
        }
        if progress.asks(self.now) {
            let (missing, lost) = (numbers(&progress.missing()), numbers(progress.lost()));
            tracing::info!(%meter, missing, lost, "asking the publisher for what it holds of these numbers");
            self.needed.insert(mark_of);
        }
        state.forget_beyond(MOST_RUNS);
        Ok(Ok(()))
    }

    /// How far an outbox is recorded: of one that the batch names first, as the ledger has it; `None` if there is no place
    /// for it.
    fn progress<'state>(
        &mut self,
        batch: &mut Batch<'_>,
        (meter, outbox): &MarkOf,
        outboxes: &'state mut HashMap<OutboxId, Progress>,
    ) -> Result<Option<&'state mut Progress>, LedgerError> {
        match outboxes.entry(outbox.clone()) {
            Entry::Occupied(progress) => Ok(Some(progress.into_mut())),
            Entry::Vacant(place) => {
                let mark = batch.outbox(meter, outbox)?;
                let Some(mark) = mark.filter(|_| self.has_place(meter)) else { return Ok(None) };
                Ok(Some(place.insert(progress_from(batch, mark)?)))
            }
        }
    }

    /// The outbox is an old copy of itself: its publisher has to start a new one.
    fn refuse_set_back(&mut self, mark_of: &MarkOf, progress: &mut Progress, count: &PulseCount) {
        self.outcome.refused += 1;
        if progress.warns(self.now) {
            let (meter, seq, minute) = (&mark_of.0, count.seq, count.minute);
            tracing::warn!(%meter, seq, %minute, "the outbox is an old copy of itself; asking its publisher to start a new one");
            self.needed.insert(mark_of.clone());
        }
    }

    /// Records a minute, or keeps it aside until its time has come.
    fn count(
        &mut self,
        batch: &mut Batch<'_>,
        counted: Counted<'_>,
        (progress, counted_twice): (&Progress, &mut Option<Minute>),
    ) -> Result<Result<Taken, Ignored>, LedgerError> {
        let Counted { meter, named, mark_of, count, .. } = counted;
        if self.latest.is_none_or(|latest| count.minute <= latest) {
            return self.record(batch, counted, (progress, counted_twice)).map(Ok);
        }
        match batch.keep_aside(named, &progress.mark, count)? {
            KeepingAside::Kept => {
                self.outcome.set_aside += 1;
                warn_of_the_future(meter, count);
            }
            KeepingAside::AlreadyKept => self.outcome.repeated += 1,
            // Its publisher keeps it: the mark does not cover it.
            KeepingAside::TooMany => return Ok(Err(Ignored::TooFarAhead)),
        }
        self.untold.insert(mark_of.clone());
        Ok(Ok(Taken::Noted))
    }

    fn record(
        &mut self,
        batch: &mut Batch<'_>,
        Counted { meter, named, mark_of, says_outbox, count, times }: Counted<'_>,
        (progress, counted_twice): (&Progress, &mut Option<Minute>),
    ) -> Result<Taken, LedgerError> {
        let recording = batch.record_timed(&progress.mark, count, times)?;
        match &recording {
            Recording::Recorded | Recording::CountedTwice => self.outcome.recorded += 1,
            Recording::OfAnotherOutbox | Recording::AlreadyRecorded => self.outcome.repeated += 1,
            Recording::Contradiction { .. } => self.outcome.set_aside += 1,
        }
        match recording {
            Recording::Recorded => pictures::add(&mut self.recorded, named, count),
            Recording::CountedTwice => {
                pictures::add(&mut self.recorded, named, count);
                *counted_twice = (*counted_twice).max(Some(count.minute));
                warn_of_rivals(meter, count);
            }
            // Its number may be one of the other outbox.
            Recording::OfAnotherOutbox if !says_outbox => return Ok(Taken::OfAnother),
            Recording::OfAnotherOutbox => _ = self.untold.insert(mark_of.clone()),
            Recording::AlreadyRecorded => {}
            Recording::Contradiction { kept } => {
                // Where too many are kept it is only counted.
                batch.set_aside(named, &progress.mark, count, Reason::Contradiction)?;
                warn_of_contradiction(meter, count, kept);
            }
        }
        Ok(Taken::Noted)
    }

    /// A number that was thought to be lost has come after all: the ledger says what else is.
    fn find_lost(
        &mut self,
        batch: &mut Batch<'_>,
        mark_of: &MarkOf,
        progress: &mut Progress,
        seq: u64,
    ) -> Result<(), LedgerError> {
        if !progress.is_lost(seq) {
            return Ok(());
        }
        batch.find_lost(&progress.mark, seq)?;
        progress.set_lost(batch.lost(&progress.mark)?);
        if !progress.is_held_after_all() {
            // The mark has not moved by it, and its publisher may not know it.
            self.needed.insert(mark_of.clone());
        }
        Ok(())
    }
}
