//! What a batch of messages comes to: decided while it is written, valid once it
//! is committed.

mod infos;
mod lost;
mod minutes;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use daemon_runtime::{LogPace, Shares};
use meter_ledger::{Batch, LedgerError, OutboxMark, Reason};
use meter_messages::{Info, Meter, Minute, OutboxId, OutboxMinute, SiteId, Topic};
use rumqttc::Publish;

use crate::counts::Outcome;
use crate::ignored::Ignored;
use crate::known_meters::KnownMeters;
use crate::marks::MarkOf;
use crate::meter_state::MeterState;
use crate::pictures::Recorded;
use crate::warnings::warn_of_rows;
use crate::{day_prices, entering};

/// The effect of a batch, before it is committed.
#[derive(Debug)]
pub(crate) struct Tally<'known> {
    /// The states before the batch.
    known: &'known HashMap<Meter, MeterState>,
    /// The states of meters that the batch speaks of, as they will be.
    pub(crate) changed: HashMap<Meter, MeterState>,
    /// How many meters each site has: invented ones must not fill the disk. Copied when a new one comes.
    pub(crate) shares: Cow<'known, Shares<SiteId>>,
    /// How many outboxes of each site are in memory.
    pub(crate) outboxes: Cow<'known, Shares<SiteId>>,
    /// Sites for whose outboxes there was no place.
    pub(crate) crowded: HashSet<SiteId>,
    /// The latest minute that can be true; `None` if nobody knows.
    latest: Option<Minute>,
    /// Counts connections.
    pub(crate) connection: u64,
    /// Marks that are said even if they have not moved.
    pub(crate) needed: HashSet<MarkOf>,
    /// Marks of which the ledger's minutes do not tell all: they are stored with the batch.
    pub(crate) untold: HashSet<MarkOf>,
    /// What is new in the ledger.
    pub(crate) recorded: Recorded,
    /// What came of the messages.
    pub(crate) outcome: Outcome,
    /// How many of them of meters whose publishers keep what they say, and why.
    pub(crate) refused: HashMap<(Meter, Reason), u64>,
    /// Meters that sent minutes without any `info`, and the outboxes that these name if the meter is new.
    pub(crate) strangers: HashMap<Meter, Option<OutboxId>>,
    now: Instant,
}

impl<'known> Tally<'known> {
    /// A batch that comes to nothing yet.
    pub(crate) fn new(
        known: &'known KnownMeters,
        latest: Option<Minute>,
        connection: u64,
        now: Instant,
    ) -> Self {
        Self {
            known: &known.states,
            changed: HashMap::new(),
            shares: Cow::Borrowed(&known.shares),
            outboxes: Cow::Borrowed(&known.outboxes),
            crowded: HashSet::new(),
            latest,
            connection,
            needed: HashSet::new(),
            untold: HashSet::new(),
            recorded: Recorded::new(),
            outcome: Outcome::default(),
            refused: HashMap::new(),
            strangers: HashMap::new(),
            now,
        }
    }

    /// There is a new connection: all marks are said again.
    pub(crate) fn connected(&mut self) {
        self.connection += 1;
        let all = self.known.iter().filter(|(meter, _)| !self.changed.contains_key(*meter));
        let all = all.chain(&self.changed).map(|(meter, state)| (meter.clone(), state.current.clone()));
        self.needed.extend(all.collect::<Vec<_>>());
    }

    /// A mark as it will be.
    pub(crate) fn mark(&self, (meter, outbox): &MarkOf) -> Option<&OutboxMark> {
        let state = self.changed.get(meter).or_else(|| self.known.get(meter))?;
        state.outboxes.get(outbox).map(|progress| &progress.mark)
    }

    /// The marks that the batch has moved, with their meters.
    pub(crate) fn moved(&self) -> Vec<(Meter, &OutboxMark)> {
        let mark_before = |meter: &Meter, outbox: &OutboxId| {
            self.known.get(meter).and_then(|state| state.outboxes.get(outbox)).map(|progress| &progress.mark)
        };
        let all = self
            .changed
            .iter()
            .flat_map(|(meter, state)| state.outboxes.values().map(move |progress| (meter, &progress.mark)));
        let moved = all.filter(|(meter, mark)| mark_before(meter, &mark.outbox) != Some(mark));
        moved.map(|(meter, mark)| (meter.clone(), mark)).collect()
    }

    /// Takes one message; an invalid one is counted and ignored.
    pub(crate) fn take(&mut self, batch: &mut Batch<'_>, message: &Publish) -> Result<(), LedgerError> {
        let ignored = match self.enter(batch, message) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(ignored)) => ignored,
            Err(error) if error.is_of_rows() => {
                warn_of_rows(message, &error);
                Ignored::Rows(error)
            }
            Err(error) => return Err(error),
        };
        if let (Some(reason), Ok(Topic::Minute(meter) | Topic::Info(meter))) =
            (ignored.reason(), message.topic.parse())
        {
            self.outcome.refused += 1;
            *self.refused.entry((meter, reason)).or_default() += 1;
        } else {
            self.outcome.ignored += 1;
        }
        let topic: String = message.topic.chars().take(100).collect();
        tracing::debug!(topic, %ignored, "message ignored");
        Ok(())
    }

    fn enter(
        &mut self,
        batch: &mut Batch<'_>,
        message: &Publish,
    ) -> Result<Result<(), Ignored>, LedgerError> {
        let payload = &message.payload;
        match message.topic.parse() {
            Ok(Topic::Minute(meter)) => match OutboxMinute::from_json(payload) {
                Ok(minute) => self.minute(batch, &meter, minute),
                Err(error) => Ok(Err(error.into())),
            },
            Ok(Topic::Info(meter)) => match Info::from_json(payload) {
                Ok(info) => self.info(batch, &meter, &info, message.retain),
                Err(error) => Ok(Err(error.into())),
            },
            Ok(Topic::Reading(meter)) => entering::reading(batch, &meter, message),
            Ok(Topic::Correction(meter)) => entering::correction(batch, &meter, message),
            Ok(Topic::Price(site)) => {
                Ok(day_prices::enter(batch, &site, payload, self.latest)?.map_err(Ignored::from))
            }
            Ok(_) => Ok(Ok(())),
            Err(error) => Ok(Err(error.into())),
        }
    }

    /// Does something to a meter's state, if it is known, and keeps what has become of it, also after an error: messages
    /// that came before in the batch are in it.
    fn with_state<T>(
        &mut self,
        meter: &Meter,
        act: impl FnOnce(&mut Self, &mut Option<MeterState>) -> T,
    ) -> T {
        let mut state = self.changed.remove(meter).or_else(|| self.known.get(meter).cloned());
        let outcome = act(self, &mut state);
        self.changed.extend(state.map(|state| (meter.clone(), state)));
        outcome
    }

    /// Whether a new meter gets a place of its site.
    fn takes_place(&mut self, meter: &Meter) -> bool {
        if self.shares.to_mut().take(&meter.site) {
            return true;
        }
        static PACE: LogPace = LogPace::new();
        if let Some(left_out) = PACE.due() {
            let (has, part) = (self.shares.of(&meter.site), self.shares.part());
            tracing::warn!(
                %meter, has, part, left_out,
                "not recorded: its site has as many meters as it may have; others still get theirs (max_meters)"
            );
        }
        false
    }

    /// Whether another outbox of a meter may be in memory.
    fn has_place(&mut self, meter: &Meter) -> bool {
        if self.outboxes.to_mut().take(&meter.site) {
            return true;
        }
        self.crowded.insert(meter.site.clone());
        static PACE: LogPace = LogPace::new();
        if let Some(left_out) = PACE.due() {
            let has = self.outboxes.of(&meter.site);
            tracing::warn!(%meter, has, left_out, "a new outbox has to wait: its site has too many at once");
        }
        false
    }
}
