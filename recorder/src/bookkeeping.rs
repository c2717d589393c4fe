//! The one thread that owns the ledger: takes what has come, records it in one
//! commit, and only then lets it be acknowledged.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use daemon_runtime::{Alive, LogPace, OwnerThread};
use flume::{Receiver, RecvTimeoutError, Sender};
use meter_ledger::{Batch, Ledger, LedgerError};
use meter_messages::{Mark, Meter, Minute, OutboxId, SiteId};
use rumqttc::Publish;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::counts::{Counts, Outcome};
use crate::known_meters::{Changed, KnownMeters};
use crate::marks::{MarkOf, Marks};
use crate::minute_filters::Wanted;
use crate::pictures::{self, News};
use crate::plausible_time::PlausibleTime;
use crate::sharing::{Shares, Sharing};
use crate::states::{self, States};
use crate::strangers::Strangers;
use crate::tally::Tally;

/// A commit takes at most so many messages.
const LARGEST_BATCH: usize = 5000;

/// A commit waits for company at most so long, and no longer than the pause
/// after which nothing more is on its way.
const LONGEST_WAIT: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(2);

/// How long a refused commit (a full disk) waits for its next try.
const RETRY: Duration = Duration::from_secs(1);

/// Without messages, minutes whose time has come are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What the subscription hands over.
#[derive(Debug)]
pub enum Input {
    /// A message that waits for its PUBACK.
    Message(Delivered),
    /// One that is of no interest here, and waits for its PUBACK, in its turn.
    Passed(Delivered),
    /// There is a new connection: the marks are to be said again.
    Connected,
}

/// A message and the connection it came over; only there can it be acknowledged.
#[derive(Debug)]
pub struct Delivered {
    /// Counts connections.
    pub connection: u64,
    /// The message.
    pub message: Publish,
}

/// What the subscription is to say next, in this order.
#[derive(Debug, Default)]
pub struct Output {
    /// Messages whose content is on disk, or is not wanted.
    pub acknowledge: Vec<Delivered>,
    /// Marks to publish.
    pub marks: Vec<(Meter, Mark)>,
    /// Meters whose `info` to ask for, and the outbox to ask by a mark: they send minutes, but the ledger does not
    /// know what they are (it was lost, or is an older copy).
    pub strangers: Vec<(Meter, Option<OutboxId>)>,
    /// Sites that another recorder had until now: what their meters say of themselves is to be asked for.
    pub taken_over: Vec<SiteId>,
}

/// The thread's state.
pub struct Bookkeeping {
    ledger: Ledger,
    meters: KnownMeters,
    limits: Limits,
    time: PlausibleTime,
    /// Counts connections.
    connection: u64,
    counts: watch::Sender<Counts>,
    strangers: Strangers,
    marks: Marks,
    /// What its marks say who it is.
    id: u32,
    /// Where several recorders share the ledger: which sites are this one's.
    sharing: Option<Sharing>,
    pictures: Sender<News>,
}

/// How much is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Meters of all sites.
    pub max_meters: usize,
}

impl Bookkeeping {
    /// Goes on where the ledger ends. Of one that several share nothing is its own before it takes part
    /// ([`Bookkeeping::share`]).
    pub fn new(
        ledger: Ledger,
        pictures: Sender<News>,
        limits: Limits,
        time: PlausibleTime,
    ) -> Result<Self, LedgerError> {
        // Read first: what is forgotten meanwhile is found by the first batch.
        let forgotten = ledger.forgotten_after(0)?.last().map_or(0, |last| last.id);
        let states = if ledger.is_shared() { HashMap::new() } else { states::of_file(&ledger)? };
        let counts = Counts { meters: states.len() as u64, ..Counts::default() };
        Ok(Self {
            ledger,
            meters: KnownMeters::new(states, limits.max_meters, forgotten),
            limits,
            time,
            connection: 0,
            counts: watch::Sender::new(counts),
            strangers: Strangers::new(limits.max_meters),
            marks: Marks::default(),
            id: u32::from_str_radix(&daemon_runtime::random_id()[..8], 16).unwrap_or_default(),
            sharing: None,
            pictures,
        })
    }

    /// Shares the ledger with other recorders, under a name that no other one has; `connected` says whether the broker is
    /// there.
    #[must_use]
    pub fn share(self, name: String, connected: watch::Receiver<bool>) -> Self {
        Self { sharing: Some(Sharing::new(name, connected, Instant::now())), ..self }
    }

    /// How the sites are shared out with other recorders.
    pub(crate) fn shares(&self) -> watch::Receiver<Shares> {
        let alone = || watch::Sender::new(Shares { wanted: Wanted::All, ..Shares::default() }).subscribe();
        self.sharing.as_ref().map_or_else(alone, Sharing::shares)
    }

    /// Gives the ledger back.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// What has come of the messages since the start, from batch to batch.
    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.subscribe()
    }

    /// Works until the subscription is gone.
    pub fn spawn(mut self, output: UnboundedSender<Output>) -> std::io::Result<(Sender<Input>, OwnerThread)> {
        let (sender, inputs) = flume::bounded(2 * LARGEST_BATCH);
        let thread = OwnerThread::spawn("ledger", move |alive| {
            while self.work(alive, &inputs, &output) {}
            if let Some(sharing) = &mut self.sharing {
                sharing.end(&mut self.ledger);
            }
            Ok(())
        })?;
        Ok((sender, thread))
    }

    /// One batch; false when there will be no more.
    fn work(&mut self, alive: &Alive, inputs: &Receiver<Input>, output: &UnboundedSender<Output>) -> bool {
        if !self.look_or_tell(output) {
            return false;
        }
        // Marks that have moved do not wait for the next minute.
        let now = Instant::now();
        let patience = self.marks.patience(now).unwrap_or(LOOK_EVERY);
        let patience = self.sharing.as_ref().map_or(patience, |sharing| patience.min(sharing.patience(now)));
        let Some(batch) = collect(alive, inputs, patience) else { return false };
        let (mut refused, mut waited) = (false, false);
        loop {
            alive.step();
            let latest = self.time.latest();
            match self.record(&batch, latest, Instant::now()) {
                Ok(mut said) => {
                    if refused {
                        tracing::info!("the ledger can be written again");
                    }
                    let messages = batch.into_iter().filter_map(|input| match input {
                        Input::Message(delivered) | Input::Passed(delivered) => Some(delivered),
                        Input::Connected => None,
                    });
                    said.acknowledge.extend(messages);
                    return output.send(said).is_ok();
                }
                // Many who write at once may take long; once more, and it is something else.
                Err(error) if error.is_of_other_writers() && !std::mem::replace(&mut waited, true) => {
                    tracing::debug!(%error, "others are writing into the ledger; it is tried again");
                }
                Err(error) => {
                    if !std::mem::replace(&mut refused, true) {
                        tracing::error!(%error, "the ledger cannot be written; until it can, nothing is recorded or acknowledged");
                    }
                    thread::sleep(RETRY);
                    if output.is_closed() || !self.look_or_tell(output) {
                        return false;
                    }
                }
            }
        }
    }

    /// Records a batch in which no minute after `latest` can be true; returns what is to be said. An empty one
    /// means that nothing more is on its way. After an error nothing has changed, and it can be tried again.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn record(
        &mut self,
        inputs: &[Input],
        latest: Option<Minute>,
        now: Instant,
    ) -> Result<Output, LedgerError> {
        let time_has_come = latest.map(|latest| self.ledger.has_kept_aside(latest)).transpose()?;
        let is_of_interest = inputs.iter().any(|input| !matches!(input, Input::Passed(_)));
        if !is_of_interest && time_has_come != Some(true) && self.marks.patience(now).is_none() {
            return Ok(Output::default());
        }
        let mut batch = self.ledger.batch()?;
        let lost = self.sharing.as_mut().map_or(Ok(HashSet::new()), |sharing| sharing.lost(&batch))?;
        if !lost.is_empty() {
            let gone = self.meters.end_of(&lost);
            self.sharing.iter_mut().for_each(|sharing| sharing.end_of(&lost));
            let _ = self.pictures.send(News::Ended(gone));
        }
        self.meters.follow(&mut batch)?;
        let mut tally = Tally::new(&self.meters, latest, self.connection, now);
        if let Some(latest) = latest.filter(|_| time_has_come == Some(true)) {
            let due = batch.record_kept_aside(latest, LARGEST_BATCH)?;
            let is_ours =
                |meter: &Meter| self.sharing.as_ref().is_none_or(|sharing| sharing.holds(&meter.site));
            let ours = due.iter().filter(|(meter, _)| is_ours(meter));
            ours.for_each(|(meter, count)| pictures::add(&mut tally.recorded, meter, count));
            tally.outcome.recorded += due.len() as u64;
        }
        for input in inputs {
            match input {
                Input::Message(delivered) => {
                    let message = &delivered.message;
                    if self.sharing.as_mut().is_none_or(|sharing| sharing.takes(message)) {
                        tally.take(&mut batch, message)?;
                    }
                }
                Input::Passed(_) => {}
                Input::Connected => tally.connected(),
            }
        }
        for (meter, mark) in tally.moved() {
            self.marks.moved((meter, mark.outbox.clone()), mark.mark_seq, now);
        }
        let due = self.marks.due(inputs.is_empty(), now);
        let stored = store_marks(&mut batch, &tally, &due).and_then(|()| note_refused(&mut batch, &tally));
        let began = Instant::now();
        if let Err(error) = stored.and_then(|()| batch.commit()) {
            self.marks.not_said(due, now);
            self.counts.send_modify(|counts| counts.failed_commits += 1);
            return Err(error);
        }
        let took = began.elapsed();
        let Tally {
            changed,
            shares,
            outboxes,
            crowded,
            connection,
            needed,
            recorded,
            outcome,
            strangers,
            ..
        } = tally;
        let changed = Changed::new(changed, shares, outboxes);
        self.meters.change(changed);
        self.count(outcome, took);
        if !recorded.is_empty() {
            // Their thread is gone only where this process is about to end.
            let _ = self.pictures.send(News::Recorded(recorded));
        }
        if std::mem::replace(&mut self.connection, connection) != connection {
            self.strangers = Strangers::new(self.limits.max_meters);
        }
        let mut marks: HashMap<_, _> = due.into_iter().map(|mark| (mark, false)).collect();
        marks.extend(needed.into_iter().map(|mark| (mark, true)));
        let marks = self.marks(marks, now);
        self.meters.make_room(&crowded, |mark| self.marks.is_waiting(mark));
        Ok(Output { marks, strangers: self.strangers.introduce(strangers), ..Output::default() })
    }

    /// Looks after the sites that are its own by now, where several share the ledger. Returns what is to be said.
    ///
    /// # Errors
    /// If the ledger cannot be read or written.
    pub fn look(&mut self, now: Instant) -> Result<Output, LedgerError> {
        let Some(sharing) = self.sharing.as_mut().filter(|sharing| sharing.patience(now).is_zero()) else {
            return Ok(Output::default());
        };
        let mine = sharing.look(&mut self.ledger, now)?;
        let (lost, new): (HashSet<SiteId>, HashSet<SiteId>) = (
            sharing.held().difference(&mine).cloned().collect(),
            mine.difference(sharing.held()).cloned().collect(),
        );
        if !lost.is_empty() {
            sharing.end_of(&lost);
            let gone = self.meters.end_of(&lost);
            let _ = self.pictures.send(News::Ended(gone));
        }
        if new.is_empty() { Ok(Output::default()) } else { self.begin(new, now) }
    }

    /// Goes on with sites where the ledger ends.
    fn begin(&mut self, mut sites: HashSet<SiteId>, now: Instant) -> Result<Output, LedgerError> {
        let Some(sharing) = &mut self.sharing else { return Ok(Output::default()) };
        let mut batch = self.ledger.batch()?;
        let held = sharing.held_in(&batch)?;
        sites.retain(|site| held.contains(site));
        self.meters.follow(&mut batch)?;
        let States { of, others } = states::of_sites(&mut batch, &sites)?;
        drop(batch);
        let taken_over = sharing.begin(&sites);
        let is_connected = sharing.is_connected();
        let others = others.into_iter().filter(|meter| !sharing.holds(&meter.site)).collect();
        let begun =
            of.iter().map(|(meter, state)| state.now.clone().unwrap_or_else(|| meter.clone())).collect();
        tracing::info!(sites = sites.len(), meters = of.len(), "looks after these from now on");
        let _ = self.pictures.send(News::Ended(others)).and_then(|()| self.pictures.send(News::Begun(begun)));
        let all = of.iter().map(|(meter, state)| ((meter.clone(), state.current.clone()), true)).collect();
        self.meters.begin(of);
        // Over a new connection all are said anyhow. Said twice, all that is not recorded is sent again.
        let mut marks = if is_connected { self.marks(all, now) } else { Vec::new() };
        marks.extend(marks.clone());
        Ok(Output { marks, taken_over, ..Output::default() })
    }

    /// The same; what goes wrong is in the log. False once the subscription is gone.
    fn look_or_tell(&mut self, output: &UnboundedSender<Output>) -> bool {
        match self.look(Instant::now()) {
            Ok(said) if said.marks.is_empty() && said.taken_over.is_empty() => !output.is_closed(),
            Ok(said) => output.send(said).is_ok(),
            Err(error) => {
                static PACE: LogPace = LogPace::new();
                if let Some(left_out) = PACE.due() {
                    tracing::warn!(%error, left_out, "which sites are this recorder's cannot be looked up");
                }
                true
            }
        }
    }

    /// How many outboxes are in memory, and how many runs of numbers beyond their marks.
    pub fn in_memory(&self) -> (usize, usize) {
        self.meters.in_memory()
    }

    fn count(&self, outcome: Outcome, took: Duration) {
        self.counts.send_modify(|counts| counts.committed(outcome, took, self.meters.states.len()));
        static PACE: LogPace = LogPace::new();
        let (messages, all) = (outcome.not_taken(), self.counts.borrow().outcome.not_taken());
        if messages > 0 && PACE.due().is_some() {
            tracing::warn!(since_start = all, "{messages} messages ignored");
        }
    }

    /// What is said of some marks, and where asked what is missing. The one of a meter's current outbox comes
    /// last: the topic retains it.
    fn marks(&mut self, marks: HashMap<(Meter, OutboxId), bool>, now: Instant) -> Vec<(Meter, Mark)> {
        let (mut others, mut current) = (Vec::new(), Vec::new());
        for ((meter, outbox), names_missing) in marks {
            let Some(state) = self.meters.states.get(&meter) else { continue };
            let Some(progress) = state.outboxes.get(&outbox) else { continue };
            let missing = if names_missing { progress.missing() } else { Vec::new() };
            let (lost, recorder) = (progress.lost().to_vec(), Some(self.id));
            let rival = state.has_rival(&progress.mark);
            let message = Mark { missing, lost, rival, recorder, ..progress.mark.to_message() };
            let said = if state.current == outbox { &mut current } else { &mut others };
            said.push((meter.clone(), message));
            self.marks.said((meter, outbox), progress.mark.mark_seq, now);
        }
        others.append(&mut current);
        others
    }
}

/// Stores the marks that are said now, and those of which the ledger's minutes do not tell all. The others follow from
/// the minutes beyond what is stored, which a start reads.
fn store_marks(batch: &mut Batch<'_>, tally: &Tally<'_>, due: &[MarkOf]) -> Result<(), LedgerError> {
    let stored: HashSet<_> = due.iter().chain(&tally.needed).chain(&tally.untold).collect();
    stored.into_iter().filter_map(|mark| tally.mark(mark)).try_for_each(|mark| batch.keep_mark(mark))
}

/// Notes what was refused, and why.
fn note_refused(batch: &mut Batch<'_>, tally: &Tally<'_>) -> Result<(), LedgerError> {
    let now = daemon_runtime::now();
    let mut refused = tally.refused.iter();
    refused.try_for_each(|((meter, reason), messages)| batch.note_refused(meter, *reason, *messages, now))
}

/// What has come together, or nothing for a while; `None` once the subscription is gone.
fn collect(alive: &Alive, inputs: &Receiver<Input>, patience: Duration) -> Option<Vec<Input>> {
    let first = alive.wait(|| inputs.recv_timeout(patience));
    let mut batch = match first {
        Ok(input) => vec![input],
        Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
        Err(RecvTimeoutError::Disconnected) => return None,
    };
    let began = Instant::now();
    while batch.len() < LARGEST_BATCH && began.elapsed() < LONGEST_WAIT {
        match inputs.recv_timeout(PAUSE) {
            Ok(input) => batch.push(input),
            Err(_) => break,
        }
    }
    Some(batch)
}

#[cfg(test)]
mod tests;
