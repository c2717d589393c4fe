//! What a batch of messages comes to: decided while it is written, valid once it
//! is committed.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use daemon_runtime::{LogPace, Shares};
use meter_ledger::{
    Batch, CorrectingError, Entering, KeepingAside, LedgerError, Lost, OutboxMark, Reason, Recording,
    TakingBack,
};
use meter_messages::{
    CorrectionMessage, Info, Meter, MeterReading, Minute, OutboxId, OutboxMinute, PayloadError, PulseCount,
    ReadingMessage, SiteId, TakenBack, Topic, TopicError,
};
use rumqttc::Publish;

use crate::counts::Outcome;
use crate::day_prices::{self, NotEntered};
use crate::marks::MarkOf;
use crate::pictures::{self, Recorded};
use crate::progress::{MOST_RUNS, Progress};

/// Why a message is ignored.
#[derive(Debug, thiserror::Error)]
enum Ignored {
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("a minute without an outbox, of a meter whose info has not arrived yet")]
    NoInfoYet,
    #[error("what the ledger holds of the meter does not let it be recorded: {0}")]
    Rows(LedgerError),
    #[error("its meter or its site has had as many outboxes as it may have")]
    TooManyOutboxes,
    #[error("a retained info that is older than one received since")]
    Outdated,
    #[error("a retained info of a meter that was forgotten since")]
    Forgotten,
    #[error("its site has as many meters as it may have")]
    TooManyMeters,
    #[error("a minute far in the future of a site of which too many are kept aside")]
    TooFarAhead,
    #[error("a reading of a meter that has never been recorded")]
    UnknownMeter,
    #[error("a reading in the wrong unit: kwh is for electricity, m3 for gas and water")]
    OtherUnit,
    #[error("the meter has as many readings as it may have")]
    TooManyReadings,
    #[error("a retained reading, which may be older than its correction")]
    RetainedReading,
    #[error("a retained correction, which may have been undone since")]
    RetainedCorrection,
    #[error(transparent)]
    Correction(CorrectingError),
    #[error(transparent)]
    Prices(#[from] NotEntered),
}

impl Ignored {
    /// Why the meter's publisher has to keep what it says; `None` where nothing is kept.
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::Rows(_) => Some(Reason::Rows),
            Self::TooManyOutboxes => Some(Reason::TooManyOutboxes),
            Self::TooManyMeters => Some(Reason::TooManyMeters),
            Self::TooFarAhead => Some(Reason::TooFarAhead),
            _ => None,
        }
    }
}

/// One meter's recording state.
#[derive(Debug, Clone)]
pub(crate) struct MeterState {
    /// The outbox of its last `info`: minutes that do not say theirs belong to it.
    pub(crate) current: OutboxId,
    /// Those that minutes have come of since the start, and the current one.
    pub(crate) outboxes: HashMap<OutboxId, Progress>,
    /// The connection over which its `info` came as it was published: a retained one that comes later over
    /// the same is older.
    info_received: Option<u64>,
    /// Whether its `info` has not come yet, over any connection.
    pub(crate) is_unheard: bool,
    /// The newest minute that two outboxes have counted.
    counted_twice: Option<Minute>,
    /// What the meter is called now whose former name this is.
    pub(crate) now: Option<Meter>,
}

/// For so long after a minute that was counted twice marks say so.
const RIVALS_FOR_MINUTES: i64 = 10;

impl MeterState {
    /// With its current outbox.
    pub(crate) fn new(progress: Progress) -> Self {
        let current = progress.mark.outbox.clone();
        let outboxes = HashMap::from([(current.clone(), progress)]);
        Self { outboxes, current, info_received: None, is_unheard: false, counted_twice: None, now: None }
    }

    /// The meter of a name that was renamed, or merged, or is no longer so: its rows are other ones by now.
    pub(crate) fn move_to(&mut self, progress: Progress, now: Option<Meter>) {
        self.current = progress.mark.outbox.clone();
        self.outboxes = HashMap::from([(self.current.clone(), progress)]);
        self.now = now;
    }

    /// Whether another outbox counts what the one of a mark does.
    pub(crate) fn has_rival(&self, mark: &OutboxMark) -> bool {
        let since = |twice: Minute| Some(mark.mark_minute?.epoch_minutes() - twice.epoch_minutes());
        self.counted_twice.and_then(since).is_some_and(|minutes| minutes.abs() <= RIVALS_FOR_MINUTES)
    }

    /// How many runs of numbers beyond the marks of its outboxes are remembered.
    pub(crate) fn runs(&self) -> usize {
        self.outboxes.values().map(Progress::runs).sum()
    }

    /// Forgets its outboxes but the current one and those that `keeps` names: the ledger knows how far they are recorded.
    pub(crate) fn forget_outboxes(&mut self, keeps: impl Fn(&OutboxId) -> bool) {
        let current = &self.current;
        self.outboxes.retain(|outbox, _| outbox == current || keeps(outbox));
        self.outboxes.shrink_to_fit();
    }

    /// However many outboxes there are, together they remember no more than one may: those that remember most
    /// forget what comes last.
    fn forget_beyond(&mut self, most: usize) {
        if self.outboxes.len() == 1 {
            return;
        }
        for _ in most..self.runs() {
            let largest = self.outboxes.values_mut().max_by_key(|progress| progress.runs());
            largest.into_iter().for_each(Progress::forget_last_run);
        }
    }
}

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

/// A meter's state, if it is known; a copy of it that the batch may change.
fn state<'tally>(
    known: &HashMap<Meter, MeterState>,
    changed: &'tally mut HashMap<Meter, MeterState>,
    meter: &Meter,
) -> Option<&'tally mut MeterState> {
    match changed.entry(meter.clone()) {
        Entry::Occupied(state) => Some(state.into_mut()),
        Entry::Vacant(place) => known.get(meter).map(|state| place.insert(state.clone())),
    }
}

impl<'known> Tally<'known> {
    /// A batch that comes to nothing yet.
    pub(crate) fn new(
        known: &'known HashMap<Meter, MeterState>,
        (shares, outboxes): (&'known Shares<SiteId>, &'known Shares<SiteId>),
        latest: Option<Minute>,
        connection: u64,
        now: Instant,
    ) -> Self {
        Self {
            known,
            changed: HashMap::new(),
            shares: Cow::Borrowed(shares),
            outboxes: Cow::Borrowed(outboxes),
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
                Ok(minute) => self.minute(batch, meter, minute),
                Err(error) => Ok(Err(error.into())),
            },
            Ok(Topic::Info(meter)) => match Info::from_json(payload) {
                Ok(info) => self.info(batch, &meter, &info, message.retain),
                Err(error) => Ok(Err(error.into())),
            },
            Ok(Topic::Reading(meter)) => {
                let entered = reading(batch, &meter, message)?;
                if let Err(ignored) = &entered {
                    // Somebody entered it and is waiting for it.
                    static PACE: LogPace = LogPace::new();
                    if let Some(left_out) = PACE.due() {
                        tracing::warn!(%meter, %ignored, left_out, "reading not entered");
                    }
                }
                Ok(entered)
            }
            Ok(Topic::Correction(meter)) => {
                let entered = correction(batch, &meter, message)?;
                if let Err(ignored) = &entered {
                    static PACE: LogPace = LogPace::new();
                    if let Some(left_out) = PACE.due() {
                        tracing::warn!(%meter, %ignored, left_out, "correction not entered");
                    }
                }
                Ok(entered)
            }
            Ok(Topic::Price(site)) => {
                Ok(day_prices::enter(batch, &site, payload, self.latest)?.map_err(Ignored::from))
            }
            Ok(_) => Ok(Ok(())),
            Err(error) => Ok(Err(error.into())),
        }
    }

    fn info(
        &mut self,
        batch: &mut Batch<'_>,
        meter: &Meter,
        info: &Info,
        retained: bool,
    ) -> Result<Result<(), Ignored>, LedgerError> {
        warn_of_what_is_unclear(meter, info);
        let before = state(self.known, &mut self.changed, meter);
        match &before {
            None if retained && batch.is_forgotten(meter)? => return Ok(Err(Ignored::Forgotten)),
            None if !takes_place(&mut self.shares, meter) => return Ok(Err(Ignored::TooManyMeters)),
            Some(before) if retained && before.is_newer(info, self.connection) => {
                return Ok(Err(Ignored::Outdated));
            }
            Some(before) if !before.outboxes.contains_key(&info.outbox) => {
                let is_one = batch.outbox(meter, &info.outbox)?.is_some();
                if !is_one || !has_place(&mut self.outboxes, &mut self.crowded, meter) {
                    return Ok(Err(Ignored::TooManyOutboxes));
                }
            }
            Some(_) => {}
            None => self.outboxes.to_mut().hold(&meter.site),
        }
        let mark =
            if retained { batch.register_retained(meter, info)? } else { batch.register(meter, info)? };
        let mark_of = (meter.clone(), info.outbox.clone());
        let state = match before {
            Some(before) => {
                if before.current != info.outbox {
                    static PACE: LogPace = LogPace::new();
                    if let Some(left_out) = PACE.due() {
                        tracing::info!(%meter, old = %before.current, new = %info.outbox, left_out, "a new outbox");
                    }
                    before.current = info.outbox.clone();
                    self.needed.insert(mark_of.clone());
                }
                before
            }
            None => {
                self.needed.insert(mark_of.clone());
                let now = batch.name_now(meter)?;
                match &now {
                    Some(now) => tracing::info!(%meter, %now, "a former name of a meter"),
                    None => tracing::info!(%meter, name = info.name, "a new meter"),
                }
                let state = MeterState { now, ..MeterState::new(progress_from(batch, mark.clone())?) };
                self.changed.entry(meter.clone()).or_insert(state)
            }
        };
        if !retained {
            state.info_received = Some(self.connection);
        }
        if std::mem::replace(&mut state.is_unheard, false) {
            tracing::info!(%meter, name = info.name, "a meter's info has arrived");
        }
        // The marks that this batch has moved are not in the ledger yet.
        let progress = match state.outboxes.entry(info.outbox.clone()) {
            Entry::Occupied(progress) => progress.into_mut(),
            Entry::Vacant(place) => place.insert(progress_from(batch, mark)?),
        };
        let lost = progress.holds_from(info.oldest_seq, self.now);
        if record_lost(batch, meter, &progress.mark, &lost)? {
            self.untold.insert(mark_of.clone());
        }
        if progress.asks(self.now) {
            self.needed.insert(mark_of);
        }
        Ok(Ok(()))
    }

    /// Has the `info` of a meter asked for whose minutes come without; if they name their outbox they are recorded
    /// all the same.
    fn begin_unheard(
        &mut self,
        batch: &mut Batch<'_>,
        meter: &Meter,
        outbox: Option<&OutboxId>,
    ) -> Result<Result<(), Ignored>, LedgerError> {
        let known = state(self.known, &mut self.changed, meter);
        let (is_new, is_unheard) = (known.is_none(), known.is_some_and(|state| state.is_unheard));
        if is_new || is_unheard {
            // A mark that asks for it has all minutes sent again: only where hardly any have come.
            let asks_by_mark = outbox.filter(|_| is_new).cloned();
            self.strangers.entry(meter.clone()).or_insert(asks_by_mark);
        }
        let Some(outbox) = outbox.filter(|_| is_new) else { return Ok(Ok(())) };
        if !takes_place(&mut self.shares, meter) {
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

    /// Records a minute for the outbox that it names, or for its meter's current one.
    fn minute(
        &mut self,
        batch: &mut Batch<'_>,
        meter: Meter,
        minute: OutboxMinute,
    ) -> Result<Result<(), Ignored>, LedgerError> {
        let minute_before = minute.minute_before();
        let OutboxMinute { count, outbox, times, .. } = minute;
        if let Err(ignored) = self.begin_unheard(batch, &meter, outbox.as_ref())? {
            return Ok(Err(ignored));
        }
        let Some(state) = state(self.known, &mut self.changed, &meter) else {
            return Ok(Err(Ignored::NoInfoYet));
        };
        let named = state.now.clone().unwrap_or_else(|| meter.clone());
        let says_outbox = outbox.is_some();
        let outbox = outbox.unwrap_or_else(|| state.current.clone());
        let progress = match state.outboxes.entry(outbox.clone()) {
            Entry::Occupied(progress) => progress.into_mut(),
            Entry::Vacant(place) => {
                let mark = batch.outbox(&meter, &outbox)?;
                let has_place = |_: &OutboxMark| has_place(&mut self.outboxes, &mut self.crowded, &meter);
                let Some(mark) = mark.filter(has_place) else {
                    return Ok(Err(Ignored::TooManyOutboxes));
                };
                place.insert(progress_from(batch, mark)?)
            }
        };
        let was_set_back = progress.mark.set_back;
        let is_set_back = progress.is_set_back(&count, minute_before);
        if !is_set_back && progress.mark.set_back != was_set_back {
            let seq = count.seq;
            tracing::warn!(%meter, seq, "the outbox was set back to an old copy of itself; asking its publisher to start a new one");
            self.needed.insert((meter.clone(), outbox.clone()));
        }
        if is_set_back {
            self.outcome.refused += 1;
            if progress.warns(self.now) {
                let (seq, minute) = (count.seq, count.minute);
                tracing::warn!(%meter, seq, %minute, "the outbox is an old copy of itself; asking its publisher to start a new one");
                self.needed.insert((meter.clone(), outbox.clone()));
            }
        } else if self.latest.is_some_and(|latest| count.minute > latest) {
            match batch.keep_aside(&named, &progress.mark, &count)? {
                KeepingAside::Kept => {
                    self.outcome.set_aside += 1;
                    warn_of_the_future(&meter, &count);
                }
                KeepingAside::AlreadyKept => self.outcome.repeated += 1,
                // Its publisher keeps it: the mark does not cover it.
                KeepingAside::TooMany => return Ok(Err(Ignored::TooFarAhead)),
            }
            progress.note(&count, minute_before, self.now);
            self.untold.insert((meter.clone(), outbox.clone()));
        } else {
            let recording = batch.record_timed(&progress.mark, &count, times)?;
            match &recording {
                Recording::Recorded | Recording::CountedTwice => self.outcome.recorded += 1,
                Recording::OfAnotherOutbox | Recording::AlreadyRecorded => self.outcome.repeated += 1,
                Recording::Contradiction { .. } => self.outcome.set_aside += 1,
            }
            match recording {
                Recording::Recorded => pictures::add(&mut self.recorded, &named, &count),
                Recording::CountedTwice => {
                    pictures::add(&mut self.recorded, &named, &count);
                    state.counted_twice = state.counted_twice.max(Some(count.minute));
                    warn_of_rivals(&meter, &count);
                }
                // Its number may be one of the other outbox.
                Recording::OfAnotherOutbox if !says_outbox => return Ok(Ok(())),
                Recording::OfAnotherOutbox => _ = self.untold.insert((meter.clone(), outbox.clone())),
                Recording::AlreadyRecorded => {}
                Recording::Contradiction { kept } => {
                    // Where too many are kept it is only counted.
                    batch.set_aside(&named, &progress.mark, &count, Reason::Contradiction)?;
                    warn_of_contradiction(&meter, &count, kept);
                }
            }
            progress.note(&count, minute_before, self.now);
        }
        if !is_set_back && progress.is_lost(count.seq) {
            batch.find_lost(&progress.mark, count.seq)?;
            progress.set_lost(batch.lost(&progress.mark)?);
            if !progress.is_held_after_all() {
                // The mark has not moved by it, and its publisher may not know it.
                self.needed.insert((meter.clone(), outbox.clone()));
            }
        }
        let lost = progress.skip_lost_with_copy();
        if record_lost(batch, &meter, &progress.mark, &lost)? || progress.mark.set_back != was_set_back {
            self.untold.insert((meter.clone(), outbox.clone()));
        }
        if progress.asks(self.now) {
            let (missing, lost) = (numbers(&progress.missing()), numbers(progress.lost()));
            tracing::info!(%meter, missing, lost, "asking the publisher for what it holds of these numbers");
            self.needed.insert((meter, outbox));
        }
        state.forget_beyond(MOST_RUNS);
        Ok(Ok(()))
    }
}

impl MeterState {
    /// Whether a retained `info` is older than one received since, over the same connection.
    fn is_newer(&self, retained: &Info, connection: u64) -> bool {
        self.info_received == Some(connection) && self.current != retained.outbox
    }
}

/// How far an outbox is recorded, in the words of the ledger.
pub(crate) fn progress_from(batch: &mut Batch<'_>, mark: OutboxMark) -> Result<Progress, LedgerError> {
    let (beyond, lost) = (batch.beyond(&mark)?, batch.lost(&mark)?);
    Ok(Progress::new(mark, beyond, lost))
}

/// Notes minutes that an outbox no longer holds; whether there are any.
fn record_lost(
    batch: &mut Batch<'_>,
    meter: &Meter,
    mark: &OutboxMark,
    lost: &[Lost],
) -> Result<bool, LedgerError> {
    if !lost.is_empty() {
        let lost: Vec<_> = lost.iter().map(|lost| lost.numbers).collect();
        let lost = numbers(&lost);
        tracing::warn!(%meter, lost, "the outbox no longer holds these minutes; they are counted as lost");
    }
    lost.iter().try_for_each(|lost| batch.record_lost(mark, lost))?;
    Ok(!lost.is_empty())
}

/// How many numbers there are in spans.
fn numbers(spans: &[[u64; 2]]) -> u64 {
    spans.iter().map(|[from, to]| to - from + 1).sum()
}

/// Whether a new meter gets a place of its site.
fn takes_place(shares: &mut Cow<'_, Shares<SiteId>>, meter: &Meter) -> bool {
    if shares.to_mut().take(&meter.site) {
        return true;
    }
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        let (has, part) = (shares.of(&meter.site), shares.part());
        tracing::warn!(
            %meter, has, part, left_out,
            "not recorded: its site has as many meters as it may have; others still get theirs (max_meters)"
        );
    }
    false
}

/// Whether another outbox of a meter may be in memory.
fn has_place(outboxes: &mut Cow<'_, Shares<SiteId>>, crowded: &mut HashSet<SiteId>, meter: &Meter) -> bool {
    if outboxes.to_mut().take(&meter.site) {
        return true;
    }
    crowded.insert(meter.site.clone());
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        let has = outboxes.of(&meter.site);
        tracing::warn!(%meter, has, left_out, "a new outbox has to wait: its site has too many at once");
    }
    false
}

fn warn_of_rows(message: &Publish, error: &LedgerError) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        // It is one that was understood: nothing foreign is in it.
        let topic = &message.topic;
        tracing::error!(topic, %error, left_out, "not recorded, and not taken from its publisher: what the ledger holds of this meter is damaged; correct it, or put a backup of the ledger back");
    }
}

fn warn_of_the_future(meter: &Meter, count: &PulseCount) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        let minute = count.minute;
        tracing::warn!(%meter, %minute, left_out, "more than a day ahead of this clock; kept aside until its time has come");
    }
}

fn warn_of_rivals(meter: &Meter, count: &PulseCount) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        let minute = count.minute;
        tracing::error!(%meter, %minute, left_out, "two publishers count under the name of this meter; both are recorded and added up: give one of them another site or id");
    }
}

fn warn_of_contradiction(meter: &Meter, count: &PulseCount, kept: u32) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        let (minute, refused) = (count.minute, count.pulses);
        tracing::warn!(%meter, %minute, kept, refused, left_out, "the same minute came with another count; the first one stays");
    }
}

/// Enters or deletes a reading. It does not affect minutes or pulses.
fn reading(
    batch: &mut Batch<'_>,
    meter: &Meter,
    message: &Publish,
) -> Result<Result<(), Ignored>, LedgerError> {
    if message.retain {
        return Ok(Err(Ignored::RetainedReading));
    }
    match ReadingMessage::from_json(&message.payload) {
        Ok(ReadingMessage::Read(reading)) => enter(batch, meter, &reading),
        Ok(ReadingMessage::TakenBack(taken_back)) => {
            take_back(batch, meter, &taken_back)?;
            Ok(Ok(()))
        }
        Err(error) => Ok(Err(error.into())),
    }
}

/// Enters or undoes a correction. No minute changes by it.
fn correction(
    batch: &mut Batch<'_>,
    meter: &Meter,
    message: &Publish,
) -> Result<Result<(), Ignored>, LedgerError> {
    if message.retain {
        return Ok(Err(Ignored::RetainedCorrection));
    }
    let (entered, by) = match CorrectionMessage::from_json(&message.payload) {
        Ok(CorrectionMessage::Said(said)) => (batch.say(meter, &said), said.by),
        Ok(CorrectionMessage::Undone(undone)) => (batch.undo_said(meter, &undone), undone.by),
        Err(error) => return Ok(Err(error.into())),
    };
    match entered {
        Ok(outcome) => {
            tracing::info!(%meter, by, ?outcome, "correction");
            Ok(Ok(()))
        }
        Err(CorrectingError::Ledger(error)) => Err(error),
        Err(refused) => Ok(Err(Ignored::Correction(refused))),
    }
}

/// Deletes a reading. It may be gone already: the message was delivered twice.
fn take_back(batch: &mut Batch<'_>, meter: &Meter, taken_back: &TakenBack) -> Result<(), LedgerError> {
    let TakenBack { at, by } = taken_back;
    match batch.take_back(meter, taken_back)? {
        TakingBack::Gone => tracing::info!(%meter, %at, by, "reading deleted"),
        TakingBack::NotThere => tracing::info!(%meter, %at, by, "no reading to delete"),
    }
    Ok(())
}

fn enter(
    batch: &mut Batch<'_>,
    meter: &Meter,
    reading: &MeterReading,
) -> Result<Result<(), Ignored>, LedgerError> {
    let (at, shown, unit, by) = (reading.at, reading.shown, reading.unit.symbol(), &reading.by);
    Ok(match batch.enter(meter, reading, daemon_runtime::now())? {
        Entering::Entered | Entering::AlreadyEntered => {
            tracing::info!(%meter, %at, shown, unit, by, "reading entered");
            Ok(())
        }
        Entering::Corrected => {
            tracing::info!(%meter, %at, shown, unit, by, "reading corrected");
            Ok(())
        }
        Entering::UnknownMeter => Err(Ignored::UnknownMeter),
        Entering::OtherUnit => Err(Ignored::OtherUnit),
        Entering::TooMany => Err(Ignored::TooManyReadings),
    })
}
/// A relation that cannot be read keeps nothing from being recorded.
fn warn_of_what_is_unclear(meter: &Meter, info: &Info) {
    static PACE: LogPace = LogPace::new();
    if let Some(unclear) = &info.unclear
        && let Some(left_out) = PACE.due()
    {
        tracing::warn!(
            %meter, unclear, left_out,
            "what this meter measures cannot be read from its info and is left out; its minutes are recorded"
        );
    }
}
