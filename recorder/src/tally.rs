//! What a batch of messages comes to: decided while it is written, valid once it
//! is committed.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use daemon_runtime::{LogPace, Shares};
use meter_ledger::{Batch, Entering, KeepingAside, LedgerError, OutboxMark, Recording, TakingBack};
use meter_messages::{
    Info, Meter, MeterReading, Minute, PayloadError, PulseCount, ReadingMessage, SiteId, TakenBack, Topic,
    TopicError,
};
use rumqttc::Publish;

use crate::pictures::Recorded;
use crate::recording::{SeqPosition, advance, is_set_back, skip_lost_below};

/// A meter with a gap is asked for the missing minutes at most this often.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Why a message is ignored.
#[derive(Debug, thiserror::Error)]
enum Ignored {
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("a minute of a meter whose info has not arrived yet")]
    NoInfoYet,
    #[error("a retained info that is older than one received since")]
    Outdated,
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
}

/// One meter's recording state, while a batch is processed.
#[derive(Debug, Clone)]
pub(crate) struct MeterState {
    pub(crate) mark: OutboxMark,
    /// When its publisher was last asked to send again.
    pub(crate) asked: Option<Instant>,
    /// Whether its `info` came as it was published, over this connection: a
    /// retained one that comes later is older.
    pub(crate) info_received: bool,
}

impl MeterState {
    pub(crate) fn new(mark: OutboxMark) -> Self {
        Self { mark, asked: None, info_received: false }
    }

    /// Whether its publisher may be asked to send again now.
    fn may_ask(&mut self) -> bool {
        let may = self.asked.is_none_or(|at| at.elapsed() > ASK_EVERY);
        if may {
            self.asked = Some(Instant::now());
        }
        may
    }
}

/// The effect of a batch, before it is committed.
#[derive(Debug)]
pub(crate) struct Tally {
    /// All meters' states, as they will be.
    pub(crate) accounts: HashMap<Meter, MeterState>,
    /// How many meters each site has: invented ones must not fill the disk.
    pub(crate) shares: Shares<SiteId>,
    /// The latest minute that can be true; `None` if nobody knows.
    pub(crate) latest: Option<Minute>,
    /// Meters whose mark is published even if it has not moved.
    pub(crate) marks: Vec<Meter>,
    /// What is new in the ledger.
    pub(crate) recorded: Vec<Recorded>,
    /// How many messages were ignored.
    pub(crate) nonsense: u64,
    /// Unknown meters that sent minutes.
    pub(crate) strangers: HashSet<Meter>,
}

impl Tally {
    /// Nothing has come yet.
    pub(crate) fn new(
        accounts: HashMap<Meter, MeterState>,
        shares: Shares<SiteId>,
        latest: Option<Minute>,
    ) -> Self {
        let (marks, recorded, strangers) = (Vec::new(), Vec::new(), HashSet::new());
        Self { accounts, shares, latest, marks, recorded, nonsense: 0, strangers }
    }

    /// Takes one message; an invalid one is counted and ignored.
    pub(crate) fn take(&mut self, batch: &mut Batch<'_>, message: &Publish) -> Result<(), LedgerError> {
        let nonsense = match message.topic.parse() {
            Ok(Topic::Minute(meter)) => match PulseCount::from_json(&message.payload) {
                Ok(count) if self.accounts.contains_key(&meter) => {
                    match self.minute(batch, meter, &count)? {
                        None => return Ok(()),
                        Some(ignored) => ignored,
                    }
                }
                Ok(_) => {
                    self.strangers.insert(meter);
                    Ignored::NoInfoYet
                }
                Err(error) => error.into(),
            },
            Ok(Topic::Info(meter)) => match Info::from_json(&message.payload) {
                Ok(_) if !self.has_place(&meter) => Ignored::TooManyMeters,
                Ok(info) if message.retain && self.is_outdated(&meter, &info) => Ignored::Outdated,
                Ok(info) => return self.info(batch, meter, &info, !message.retain),
                Err(error) => error.into(),
            },
            Ok(Topic::Reading(meter)) => match reading(batch, &meter, message)? {
                Ok(()) => return Ok(()),
                Err(nonsense) => {
                    // Somebody entered it and is waiting for it.
                    tracing::warn!(%meter, %nonsense, "reading not entered");
                    nonsense
                }
            },
            Ok(_) => return Ok(()),
            Err(error) => Ignored::from(error),
        };
        self.nonsense += 1;
        let topic: String = message.topic.chars().take(100).collect();
        tracing::debug!(topic, %nonsense, "message ignored");
        Ok(())
    }

    /// Whether a meter is known, or gets a place of its site.
    fn has_place(&mut self, meter: &Meter) -> bool {
        if self.accounts.contains_key(meter) || self.shares.take(&meter.site) {
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

    /// Whether a retained `info` is older than one received since.
    fn is_outdated(&self, meter: &Meter, info: &Info) -> bool {
        let account = self.accounts.get(meter);
        account.is_some_and(|account| account.info_received && account.mark.outbox != info.outbox)
    }

    fn info(
        &mut self,
        batch: &mut Batch<'_>,
        meter: Meter,
        info: &Info,
        info_received: bool,
    ) -> Result<(), LedgerError> {
        let mut mark = batch.register(&meter, info)?;
        let before = self.accounts.get(&meter);
        match before.map(|account| &account.mark) {
            // The marks that this batch has moved are not in the ledger yet.
            Some(before) if before.outbox == mark.outbox => mark = before.clone(),
            Some(before) => {
                static PACE: LogPace = LogPace::new();
                if let Some(left_out) = PACE.due() {
                    tracing::info!(%meter, old = %before.outbox, new = %mark.outbox, left_out, "a new outbox");
                }
                // Its card may come back.
                batch.keep_mark(before)?;
                self.marks.push(meter.clone());
            }
            None => {
                tracing::info!(%meter, name = info.name, "a new meter");
                self.marks.push(meter.clone());
            }
        }
        let info_received = info_received || before.is_some_and(|account| account.info_received);
        let given_up = skip_lost_below(&mut mark, info.oldest_seq);
        if given_up > 0 {
            tracing::warn!(%meter, given_up, "the outbox no longer holds these minutes; they are counted as lost");
            batch.record_lost(&mark, given_up)?;
        }
        self.accounts.insert(meter, MeterState { info_received, ..MeterState::new(mark) });
        Ok(())
    }

    /// Records a minute of a known meter, or keeps it aside; returns why neither can be done.
    fn minute(
        &mut self,
        batch: &mut Batch<'_>,
        meter: Meter,
        count: &PulseCount,
    ) -> Result<Option<Ignored>, LedgerError> {
        let Some(account) = self.accounts.get_mut(&meter) else { return Ok(None) };
        if is_set_back(&mut account.mark, count) {
            if account.may_ask() {
                let (seq, minute) = (count.seq, count.minute);
                tracing::warn!(%meter, seq, %minute, "the outbox is an old copy of itself; asking its publisher to start a new one");
                self.marks.push(meter);
            }
            return Ok(None);
        }
        if self.latest.is_some_and(|latest| count.minute > latest) {
            match batch.keep_aside(&meter, &account.mark, count)? {
                KeepingAside::Kept => warn_of_the_future(&meter, count),
                KeepingAside::AlreadyKept => {}
                // Its publisher keeps it: the mark does not cover it.
                KeepingAside::TooMany => return Ok(Some(Ignored::TooFarAhead)),
            }
        } else {
            match batch.record(&account.mark, count)? {
                Recording::Recorded => self.recorded.push(Recorded::of(&meter, count)),
                Recording::AlreadyRecorded => {}
                Recording::OfAnotherOutbox => return Ok(None),
                Recording::Contradiction { kept } => warn_of_contradiction(&meter, count, kept),
            }
        }
        if advance(&mut account.mark, count) == SeqPosition::AfterGap && account.may_ask() {
            let missing = count.seq - account.mark.mark_seq - 1;
            tracing::info!(%meter, missing, "gap before {}; asking the publisher for it", count.minute);
            self.marks.push(meter);
        }
        Ok(None)
    }
}

fn warn_of_the_future(meter: &Meter, count: &PulseCount) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        let minute = count.minute;
        tracing::warn!(%meter, %minute, left_out, "more than a day ahead of this clock; kept aside until its time has come");
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
