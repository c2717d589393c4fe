//! The meters that a recorder looks after, and how many of them each site has.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use daemon_runtime::Shares;
use meter_ledger::{Batch, Forgotten, LedgerError};
use meter_messages::{Meter, SiteId};

use crate::marks::MarkOf;
use crate::meter_state::{MeterState, progress_from};

/// For each meter that there may be, so many outboxes are in memory: those that minutes have come of since the start.
const OUTBOXES_A_METER: usize = 20;

/// Meters by the names under which their minutes come.
#[derive(Debug)]
pub(crate) struct KnownMeters {
    /// How far each of them is recorded.
    pub(crate) states: HashMap<Meter, MeterState>,
    /// How many of them each site has.
    pub(crate) shares: Shares<SiteId>,
    /// How many of their outboxes are in memory, of each site.
    pub(crate) outboxes: Shares<SiteId>,
    max_meters: usize,
    /// The last meter that was forgotten, renamed or merged, by its number.
    followed: i64,
}

impl KnownMeters {
    /// At most so many, all of whose changes are known up to the one of this number.
    pub(crate) fn new(states: HashMap<Meter, MeterState>, max_meters: usize, followed: i64) -> Self {
        let (shares, outboxes) = shares_of(&states, max_meters);
        Self { states, shares, outboxes, max_meters, followed }
    }

    /// Takes in what has become of meters that were forgotten, renamed or merged since the last time: rows of theirs may be
    /// those of others by now.
    pub(crate) fn follow(&mut self, batch: &mut Batch<'_>) -> Result<(), LedgerError> {
        let gone = batch.forgotten_after(self.followed)?;
        let Some(last) = gone.last() else { return Ok(()) };
        self.take_in(batch, &gone)?;
        self.followed = last.id;
        Ok(())
    }

    fn take_in(&mut self, batch: &mut Batch<'_>, gone: &[Forgotten]) -> Result<(), LedgerError> {
        for gone in gone.iter().filter(|gone| gone.moved_to.is_none()) {
            tracing::info!(meter = %gone.meter, "forgotten");
            self.states.remove(&gone.meter);
        }
        let has_moved = gone.iter().any(|gone| gone.moved_to.is_some());
        let former = if has_moved { batch.former_names()? } else { HashMap::new() };
        let moved = gone.iter().filter_map(|gone| Some([&gone.meter, gone.moved_to.as_ref()?]));
        for [meter, now] in moved.clone() {
            tracing::info!(%meter, %now, "renamed, or merged");
        }
        let names: HashSet<&Meter> = moved.flatten().chain(former.keys()).collect();
        for name in names {
            self.take_in_name(batch, name, former.get(name))?;
        }
        Ok(())
    }

    fn take_in_name(
        &mut self,
        batch: &mut Batch<'_>,
        name: &Meter,
        now: Option<&Meter>,
    ) -> Result<(), LedgerError> {
        let Some(state) = self.states.get_mut(name) else { return Ok(()) };
        match batch.current(name).and_then(|mark| mark.map(|mark| progress_from(batch, mark)).transpose()) {
            Ok(Some(progress)) => state.move_to(progress, now.cloned()),
            // Nothing has come under this name.
            Ok(None) => _ = self.states.remove(name),
            Err(error) if error.is_of_rows() => {
                tracing::error!(meter = %name, %error, "what the ledger holds of this meter is damaged; it is not recorded");
                self.states.remove(name);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// More of them, which another recorder had until now, or nobody.
    pub(crate) fn begin(&mut self, states: HashMap<Meter, MeterState>) {
        self.states.extend(states);
        (self.shares, self.outboxes) = shares_of(&self.states, self.max_meters);
    }

    /// The meters of sites that another recorder looks after now are forgotten; returns what they are called.
    pub(crate) fn end_of(&mut self, sites: &HashSet<SiteId>) -> Vec<Meter> {
        tracing::info!(sites = sites.len(), "others look after these from now on");
        let gone = self.states.extract_if(|meter, _| sites.contains(&meter.site));
        let gone = gone.map(|(meter, state)| state.now.unwrap_or(meter)).collect();
        (self.shares, self.outboxes) = shares_of(&self.states, self.max_meters);
        gone
    }

    /// What a batch has changed, once it is committed.
    pub(crate) fn change(&mut self, changed: Changed) {
        self.states.extend(changed.states);
        if let Some(shares) = changed.shares {
            self.shares = shares;
        }
        if let Some(outboxes) = changed.outboxes {
            self.outboxes = outboxes;
        }
    }

    /// Sites that have no place for another outbox forget theirs, as a start does: but the current ones, and those of
    /// which the mark is still to be said. What was refused is sent again, because no mark covers it.
    pub(crate) fn make_room(&mut self, crowded: &HashSet<SiteId>, is_waiting: impl Fn(&MarkOf) -> bool) {
        if crowded.is_empty() {
            return;
        }
        for (meter, state) in self.states.iter_mut().filter(|(meter, _)| crowded.contains(&meter.site)) {
            state.forget_outboxes(|outbox| is_waiting(&(meter.clone(), outbox.clone())));
        }
        (_, self.outboxes) = shares_of(&self.states, self.max_meters);
    }

    /// How many outboxes are in memory, and how many runs of numbers beyond their marks.
    pub(crate) fn in_memory(&self) -> (usize, usize) {
        let outboxes = self.states.values().map(|state| state.outboxes.len()).sum();
        (outboxes, self.states.values().map(MeterState::runs).sum())
    }
}

/// What a batch changes, apart from what it is of.
#[derive(Debug)]
pub(crate) struct Changed {
    states: HashMap<Meter, MeterState>,
    shares: Option<Shares<SiteId>>,
    outboxes: Option<Shares<SiteId>>,
}

impl Changed {
    /// These states; and shares, if they are no longer those that were there.
    pub(crate) fn new(
        states: HashMap<Meter, MeterState>,
        shares: Cow<'_, Shares<SiteId>>,
        outboxes: Cow<'_, Shares<SiteId>>,
    ) -> Self {
        Self { states, shares: changed(shares), outboxes: changed(outboxes) }
    }
}

fn changed(shares: Cow<'_, Shares<SiteId>>) -> Option<Shares<SiteId>> {
    match shares {
        Cow::Borrowed(_) => None,
        Cow::Owned(shares) => Some(shares),
    }
}

/// How many meters and how many outboxes in memory each site has.
fn shares_of(meters: &HashMap<Meter, MeterState>, max_meters: usize) -> (Shares<SiteId>, Shares<SiteId>) {
    let mut shares = Shares::new(max_meters);
    let mut outboxes = Shares::new(OUTBOXES_A_METER.saturating_mul(max_meters));
    for (meter, state) in meters {
        shares.hold(&meter.site);
        state.outboxes.keys().for_each(|_| outboxes.hold(&meter.site));
    }
    (shares, outboxes)
}
