//! What meters say of themselves, and meters that have not said it yet.

use meter_ledger::{Batch, LedgerError, OutboxMark};
use meter_messages::{Info, Meter, OutboxId};

use super::Tally;
use super::lost::record_lost;
use crate::ignored::Ignored;
use crate::meter_state::{MeterState, progress_from};
use crate::warnings::{tell_of_new_outbox, warn_of_what_is_unclear};

impl Tally<'_> {
    pub(super) fn info(
        &mut self,
        batch: &mut Batch<'_>,
        meter: &Meter,
        info: &Info,
        retained: bool,
    ) -> Result<Result<(), Ignored>, LedgerError> {
        warn_of_what_is_unclear(meter, info);
        self.with_state(meter, |tally, state| {
            if let Err(ignored) = tally.may_take(batch, meter, info, (state.as_ref(), retained))? {
                return Ok(Err(ignored));
            }
            let mark =
                if retained { batch.register_retained(meter, info)? } else { batch.register(meter, info)? };
            let state = match state {
                Some(state) => state,
                None => state.insert(tally.begin(batch, meter, (info, &mark))?),
            };
            if !retained {
                state.info_received = Some(tally.connection);
            }
            if std::mem::replace(&mut state.is_unheard, false) {
                tracing::info!(%meter, name = info.name, "a meter's info has arrived");
            }
            tally.follow(batch, meter, info, (state, mark))?;
            Ok(Ok(()))
        })
    }

    /// Whether an `info` is taken, of a meter that was in this state.
    fn may_take(
        &mut self,
        batch: &mut Batch<'_>,
        meter: &Meter,
        info: &Info,
        (before, retained): (Option<&MeterState>, bool),
    ) -> Result<Result<(), Ignored>, LedgerError> {
        match before {
            None if retained && batch.is_forgotten(meter)? => return Ok(Err(Ignored::Forgotten)),
            None if !self.takes_place(meter) => return Ok(Err(Ignored::TooManyMeters)),
            Some(before) if retained && before.is_newer(info, self.connection) => {
                return Ok(Err(Ignored::Outdated));
            }
            Some(before) if !before.outboxes.contains_key(&info.outbox) => {
                let is_one = batch.outbox(meter, &info.outbox)?.is_some();
                if !is_one || !self.has_place(meter) {
                    return Ok(Err(Ignored::TooManyOutboxes));
                }
            }
            Some(_) => {}
            None => self.outboxes.to_mut().hold(&meter.site),
        }
        Ok(Ok(()))
    }

    /// A meter that says for the first time what it is.
    fn begin(
        &mut self,
        batch: &mut Batch<'_>,
        meter: &Meter,
        (info, mark): (&Info, &OutboxMark),
    ) -> Result<MeterState, LedgerError> {
        self.needed.insert((meter.clone(), info.outbox.clone()));
        let now = batch.name_now(meter)?;
        match &now {
            Some(now) => tracing::info!(%meter, %now, "a former name of a meter"),
            None => tracing::info!(%meter, name = info.name, "a new meter"),
        }
        Ok(MeterState { now, ..MeterState::new(progress_from(batch, mark.clone())?) })
    }

    /// The outbox of an `info` is the current one from now on, and holds what it says that it holds.
    fn follow(
        &mut self,
        batch: &mut Batch<'_>,
        meter: &Meter,
        info: &Info,
        (state, mark): (&mut MeterState, OutboxMark),
    ) -> Result<(), LedgerError> {
        let mark_of = (meter.clone(), info.outbox.clone());
        if state.current != info.outbox {
            tell_of_new_outbox(meter, &state.current, &info.outbox);
            state.current = info.outbox.clone();
            self.needed.insert(mark_of.clone());
        }
        // The marks that this batch has moved are not in the ledger yet.
        let progress = match state.outboxes.get_mut(&info.outbox) {
            Some(progress) => progress,
            None => state.outboxes.entry(info.outbox.clone()).or_insert(progress_from(batch, mark)?),
        };
        let lost = progress.holds_from(info.oldest_seq, self.now);
        if record_lost(batch, meter, &progress.mark, &lost)? {
            self.untold.insert(mark_of.clone());
        }
        if progress.asks(self.now) {
            self.needed.insert(mark_of);
        }
        Ok(())
    }

    /// Has the `info` of a meter asked for whose minutes come without; if they name their outbox they are recorded
    /// all the same.
    pub(super) fn begin_unheard(
        &mut self,
        batch: &mut Batch<'_>,
        meter: &Meter,
        outbox: Option<&OutboxId>,
    ) -> Result<Result<(), Ignored>, LedgerError> {
        let known = self.changed.get(meter).or_else(|| self.known.get(meter));
        let (is_new, is_unheard) = (known.is_none(), known.is_some_and(|state| state.is_unheard));
        if is_new || is_unheard {
            // A mark that asks for it has all minutes sent again: only where hardly any have come.
            let asks_by_mark = outbox.filter(|_| is_new).cloned();
            self.strangers.entry(meter.clone()).or_insert(asks_by_mark);
        }
        let Some(outbox) = outbox.filter(|_| is_new) else { return Ok(Ok(())) };
        if !self.takes_place(meter) {
            return Ok(Err(Ignored::TooManyMeters));
        }
        let mark = batch.begin_unheard(meter, outbox)?;
        tracing::info!(%meter, "a new meter, whose info has not come yet; asking for it");
        self.outboxes.to_mut().hold(&meter.site);
        let now = batch.name_now(meter)?;
        let state = MeterState { is_unheard: true, now, ..MeterState::new(progress_from(batch, mark)?) };
        self.changed.insert(meter.clone(), state);
        Ok(Ok(()))
    }
}
