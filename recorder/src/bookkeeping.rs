//! The one thread that owns the ledger: takes what has come, records it in one
//! commit, and only then lets it be acknowledged.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use daemon_runtime::{Alive, LogPace, OwnerThread, Shares};
use flume::{Receiver, RecvTimeoutError, Sender};
use meter_ledger::{Batch, Forgotten, Ledger, LedgerError};
use meter_messages::{Mark, Meter, Minute, OutboxId, SiteId};
use rumqttc::Publish;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::counts::{Counts, Outcome};
use crate::marks::{MarkOf, Marks};
use crate::pictures::{self, News};
use crate::plausible_time::PlausibleTime;
use crate::sharing::Sharing;
use crate::states::{self, States};
use crate::tally::{MeterState, Tally, progress_from};

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

/// For each meter that there may be, so many outboxes are in memory: those that minutes have come of since the start.
const OUTBOXES_A_METER: usize = 20;

/// What the subscription hands over.
#[derive(Debug)]
pub enum Input {
    /// A message that waits for its PUBACK.
    Message(Delivered),
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
    meters: HashMap<Meter, MeterState>,
    limits: Limits,
    /// How many meters each site has.
    shares: Shares<SiteId>,
    /// How many outboxes of each site are in memory.
    outboxes: Shares<SiteId>,
    time: PlausibleTime,
    /// Counts connections.
    connection: u64,
    counts: watch::Sender<Counts>,
    strangers: Strangers,
    marks: Marks,
    /// The last meter that was forgotten, renamed or merged, by its number.
    forgotten: i64,
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

/// Meters whose `info` was asked for over this connection. There may be as many as are recorded: minutes of
/// made-up ones cost no more.
#[derive(Debug)]
struct Strangers {
    asked: HashSet<Meter>,
    shares: Shares<SiteId>,
}

impl Strangers {
    fn new(limits: Limits) -> Self {
        Self { asked: HashSet::new(), shares: Shares::new(limits.max_meters) }
    }

    /// Those who were not asked for yet.
    fn introduce(&mut self, strangers: HashMap<Meter, Option<OutboxId>>) -> Vec<(Meter, Option<OutboxId>)> {
        let new = |(meter, _): &(Meter, _)| !self.asked.contains(meter) && self.shares.take(&meter.site);
        let new: Vec<_> = strangers.into_iter().filter(new).collect();
        self.asked.extend(new.iter().map(|(meter, _)| meter.clone()));
        new
    }
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
        let meters = if ledger.is_shared() { HashMap::new() } else { states::of_file(&ledger)? };
        let (shares, outboxes) = shares_of(&meters, limits);
        let (strangers, marks) = (Strangers::new(limits), Marks::default());
        let counts = Counts { meters: meters.len() as u64, ..Counts::default() };
        Ok(Self {
            ledger,
            meters,
            limits,
            shares,
            outboxes,
            time,
            connection: 0,
            counts: watch::Sender::new(counts),
            strangers,
            marks,
            forgotten,
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
        let mut refused = false;
        loop {
            alive.step();
            let latest = self.time.latest();
            match self.record(&batch, latest, Instant::now()) {
                Ok(mut said) => {
                    if refused {
                        tracing::info!("the ledger can be written again");
                    }
                    let messages = batch.into_iter().filter_map(|input| match input {
                        Input::Message(delivered) => Some(delivered),
                        Input::Connected => None,
                    });
                    said.acknowledge.extend(messages);
                    return output.send(said).is_ok();
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
        if inputs.is_empty() && time_has_come != Some(true) && self.marks.patience(now).is_none() {
            return Ok(Output::default());
        }
        let mut batch = self.ledger.batch()?;
        let lost = self.sharing.as_mut().map_or(Ok(HashSet::new()), |sharing| sharing.lost(&batch))?;
        if !lost.is_empty() {
            let gone = end_of(&mut self.meters, &lost);
            (self.shares, self.outboxes) = shares_of(&self.meters, self.limits);
            self.sharing.iter_mut().for_each(|sharing| sharing.end_of(&lost));
            let _ = self.pictures.send(News::Ended(gone));
        }
        // Rows of theirs may be those of others by now.
        let gone = batch.forgotten_after(self.forgotten)?;
        if !gone.is_empty() {
            self.forgotten = follow(&mut self.meters, &mut batch, &gone)?.unwrap_or(self.forgotten);
        }
        let shares = (&self.shares, &self.outboxes);
        let mut tally = Tally::new(&self.meters, shares, latest, self.connection, now);
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
        let (shares, outboxes) = (changed_shares(shares), changed_shares(outboxes));
        if let Some(shares) = shares {
            self.shares = shares;
        }
        if let Some(outboxes) = outboxes {
            self.outboxes = outboxes;
        }
        self.meters.extend(changed);
        self.count(outcome, took);
        if !recorded.is_empty() {
            // Their thread is gone only where this process is about to end.
            let _ = self.pictures.send(News::Recorded(recorded));
        }
        if std::mem::replace(&mut self.connection, connection) != connection {
            self.strangers = Strangers::new(self.limits);
        }
        let mut marks: HashMap<_, _> = due.into_iter().map(|mark| (mark, false)).collect();
        marks.extend(needed.into_iter().map(|mark| (mark, true)));
        let marks = self.marks(marks, now);
        self.make_room(&crowded);
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
            let gone = end_of(&mut self.meters, &lost);
            (self.shares, self.outboxes) = shares_of(&self.meters, self.limits);
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
        let gone = batch.forgotten_after(self.forgotten)?;
        self.forgotten = follow(&mut self.meters, &mut batch, &gone)?.unwrap_or(self.forgotten);
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
        self.meters.extend(of);
        (self.shares, self.outboxes) = shares_of(&self.meters, self.limits);
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

    /// Sites that have no place for another outbox forget theirs, as a start does: but the current ones, and those of
    /// which the mark is still to be said. What was refused is sent again, because no mark covers it.
    fn make_room(&mut self, crowded: &HashSet<SiteId>) {
        if crowded.is_empty() {
            return;
        }
        let mut outboxes = Shares::new(OUTBOXES_A_METER.saturating_mul(self.limits.max_meters));
        for (meter, state) in &mut self.meters {
            if crowded.contains(&meter.site) {
                state.forget_outboxes(|outbox| self.marks.is_waiting(&(meter.clone(), outbox.clone())));
            }
            state.outboxes.keys().for_each(|_| outboxes.hold(&meter.site));
        }
        self.outboxes = outboxes;
    }

    /// How many outboxes are in memory, and how many runs of numbers beyond their marks.
    pub fn in_memory(&self) -> (usize, usize) {
        let outboxes = self.meters.values().map(|state| state.outboxes.len()).sum();
        (outboxes, self.meters.values().map(MeterState::runs).sum())
    }

    fn count(&self, outcome: Outcome, took: Duration) {
        self.counts.send_modify(|counts| counts.committed(outcome, took, self.meters.len()));
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
            let Some(state) = self.meters.get(&meter) else { continue };
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

/// Takes in what has become of meters that were forgotten, renamed or merged; returns the number of the last of them.
fn follow(
    meters: &mut HashMap<Meter, MeterState>,
    batch: &mut Batch<'_>,
    gone: &[Forgotten],
) -> Result<Option<i64>, LedgerError> {
    for gone in gone.iter().filter(|gone| gone.moved_to.is_none()) {
        tracing::info!(meter = %gone.meter, "forgotten");
        meters.remove(&gone.meter);
    }
    let has_moved = gone.iter().any(|gone| gone.moved_to.is_some());
    let former = if has_moved { batch.former_names()? } else { HashMap::new() };
    let moved = gone.iter().filter_map(|gone| Some([&gone.meter, gone.moved_to.as_ref()?]));
    for [meter, now] in moved.clone() {
        tracing::info!(%meter, %now, "renamed, or merged");
    }
    let names: HashSet<&Meter> = moved.flatten().chain(former.keys()).collect();
    for name in names {
        let Some(state) = meters.get_mut(name) else { continue };
        match batch.current(name).and_then(|mark| mark.map(|mark| progress_from(batch, mark)).transpose()) {
            Ok(Some(progress)) => state.move_to(progress, former.get(name).cloned()),
            // Nothing has come under this name.
            Ok(None) => _ = meters.remove(name),
            Err(error) if error.is_of_rows() => {
                tracing::error!(meter = %name, %error, "what the ledger holds of this meter is damaged; it is not recorded");
                meters.remove(name);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(gone.last().map(|gone| gone.id))
}

/// The meters of sites that another recorder looks after now are forgotten; returns what they are called.
fn end_of(meters: &mut HashMap<Meter, MeterState>, sites: &HashSet<SiteId>) -> Vec<Meter> {
    tracing::info!(sites = sites.len(), "others look after these from now on");
    let gone = meters.extract_if(|meter, _| sites.contains(&meter.site));
    gone.map(|(meter, state)| state.now.unwrap_or(meter)).collect()
}

/// How many meters and how many outboxes in memory each site has.
fn shares_of(meters: &HashMap<Meter, MeterState>, limits: Limits) -> (Shares<SiteId>, Shares<SiteId>) {
    let mut shares = Shares::new(limits.max_meters);
    let mut outboxes = Shares::new(OUTBOXES_A_METER.saturating_mul(limits.max_meters));
    for (meter, state) in meters {
        shares.hold(&meter.site);
        state.outboxes.keys().for_each(|_| outboxes.hold(&meter.site));
    }
    (shares, outboxes)
}

fn changed_shares(shares: Cow<'_, Shares<SiteId>>) -> Option<Shares<SiteId>> {
    match shares {
        Cow::Borrowed(_) => None,
        Cow::Owned(shares) => Some(shares),
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
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use rumqttc::QoS;
    use tempfile::TempDir;

    use super::*;

    fn bookkeeping(folder: &Path) -> Bookkeeping {
        let ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
        let limits = Limits { max_meters: 100 };
        Bookkeeping::new(ledger, flume::unbounded().0, limits, PlausibleTime::new(true)).unwrap()
    }

    fn message(what: &str, payload: &str, retain: bool) -> Input {
        let message = Publish::new(format!("powerpi/hq/main/{what}"), QoS::AtLeastOnce, payload);
        Input::Message(Delivered { connection: 1, message: Publish { retain, ..message } })
    }

    fn info(outbox: &str, retain: bool) -> Input {
        let json = format!(
            r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":1}}"#
        );
        message("info", &json, retain)
    }

    fn minute(number: i64, seq: u64, total: u64) -> Input {
        let t = Minute::nearest(29_000_000 + number);
        message("minute", &format!(r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":5,"total":{total}}}"#), false)
    }

    /// A message of the site's prices.
    fn prices(t: &str, per_kwh: &str) -> Input {
        let json = format!(
            r#"{{"t":"{t}","currency":"EUR","spans":[{{"from":"2026-11-26T00:00:00Z","step_min":60,"per_kwh":[{per_kwh}]}}]}}"#
        );
        let message = Publish::new("powerpi/hq/price", QoS::AtLeastOnce, json);
        Input::Message(Delivered { connection: 1, message: Publish { retain: true, ..message } })
    }

    #[test]
    fn prices_of_the_day_are_entered_and_bad_ones_are_passed_over() {
        let folder = TempDir::new().unwrap();
        let mut bookkeeping = bookkeeping(folder.path());
        let known = || {
            let ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
            let day = Minute::nearest(29_927_520)..Minute::nearest(29_927_520 + 120);
            let prices = ledger.day_prices(&"hq".parse().unwrap(), "EUR".parse().unwrap(), day).unwrap();
            prices.into_iter().map(|it| it.price.per_kwh()).collect::<Vec<_>>()
        };
        let (first, then) = ("2026-11-25T13:00:00Z", "2026-11-25T14:00:00Z");
        bookkeeping.record(&[prices(first, "0.1,0.2")], None, Instant::now()).unwrap();
        assert_eq!(known(), [0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2]);
        // A correction, what it corrects once more, and a topic that somebody has cleared.
        let cleared = Publish::new("powerpi/hq/price", QoS::AtLeastOnce, "");
        let cleared = Input::Message(Delivered { connection: 1, message: cleared });
        bookkeeping
            .record(&[prices(then, "null,0.3"), prices(first, "0.1,0.2"), cleared], None, Instant::now())
            .unwrap();
        assert_eq!(
            (known(), bookkeeping.counts.borrow().outcome.not_taken()),
            (vec![0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3], 0)
        );
        // What is no price, and what is said by a clock that is days ahead.
        let latest = Some(Minute::nearest(29_927_520));
        let bad = [prices(then, "\"cheap\""), prices(then, "1e99"), prices("2026-11-27T00:00:00Z", "9")];
        bookkeeping.record(&bad, latest, Instant::now()).unwrap();
        assert_eq!((known().len(), known()[7], bookkeeping.counts.borrow().outcome.not_taken()), (8, 0.3, 3));
    }

    fn reading(kwh: &str, by: &str, retain: bool) -> Input {
        message("reading", &format!(r#"{{"t":"2026-11-25T17:30:00Z","kwh":{kwh},"by":"{by}"}}"#), retain)
    }

    /// What the ledger holds of readings: what was read, and by whom.
    fn readings(folder: &Path) -> Vec<(f64, String)> {
        let ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
        let meter = ledger.meters().unwrap().remove(0);
        let readings = ledger.readings(&meter, 100).unwrap().into_iter();
        readings.map(|entered| (entered.reading.shown, entered.reading.by)).collect()
    }

    /// The outbox that the meter fills now, and the last number that it has.
    fn account(folder: &Path) -> (String, u64) {
        let (_, mark) =
            Ledger::open(&folder.join("ledger.sqlite")).unwrap().outbox_marks().unwrap().remove(0);
        (mark.outbox.to_string(), mark.mark_seq)
    }

    fn pulses(folder: &Path) -> u64 {
        let ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
        let meter = ledger.meters().unwrap().remove(0);
        ledger.sum(&meter, Minute::nearest(0)..Minute::nearest(i64::MAX)).unwrap().pulses
    }

    #[test]
    fn a_batch_over_a_changed_card_that_comes_again_after_a_kill_is_booked_once() {
        let folder = TempDir::new().unwrap();
        let batch = || {
            let before = [info("a", false), minute(1, 1, 5), minute(2, 2, 10)];
            let after = [info("b", false), minute(3, 1, 15), minute(4, 2, 20)];
            before.into_iter().chain(after).collect::<Vec<_>>()
        };
        bookkeeping(folder.path()).record(&batch(), None, Instant::now()).unwrap();
        assert_eq!((account(folder.path()), pulses(folder.path())), (("b".to_owned(), 2), 20));
        // Killed before it acknowledged: all of it again, while the account says b.
        let mut next = bookkeeping(folder.path());
        next.record(&batch(), None, Instant::now()).unwrap();
        assert_eq!((account(folder.path()), pulses(folder.path())), (("b".to_owned(), 2), 20));
        // The old card comes back: what the batch had moved is there.
        next.record(&[info("a", false)], None, Instant::now()).unwrap();
        assert_eq!(account(folder.path()), ("a".to_owned(), 2));
    }

    #[test]
    fn a_reading_is_entered_and_bad_ones_are_passed_over() {
        let folder = TempDir::new().unwrap();
        let mut bookkeeping = bookkeeping(folder.path());
        bookkeeping.record(&[info("a", false), minute(1, 1, 5)], None, Instant::now()).unwrap();
        bookkeeping.record(&[reading("12345.6", "anna", false)], None, Instant::now()).unwrap();
        // Again after a kill, corrected, and what no meter shows.
        let bad =
            [reading("-1", "anna", false), reading("1e10", "anna", false), message("reading", "{", false)];
        let good = [reading("12345.6", "anna", false), reading("12346", "ernst", false)];
        bookkeeping.record(&good.into_iter().chain(bad).collect::<Vec<_>>(), None, Instant::now()).unwrap();
        assert_eq!(bookkeeping.counts.borrow().outcome.not_taken(), 3);
        assert_eq!(readings(folder.path()), [(12346.0, "ernst".to_owned())]);
        // One that a broker has kept may be the one that was corrected.
        bookkeeping.record(&[reading("12345.6", "anna", true)], None, Instant::now()).unwrap();
        assert_eq!(readings(folder.path()), [(12346.0, "ernst".to_owned())]);
        assert_eq!((account(folder.path()), pulses(folder.path())), (("a".to_owned(), 1), 5));
    }

    #[test]
    fn a_reading_that_is_taken_back_is_gone_also_if_both_come_again() {
        let folder = TempDir::new().unwrap();
        let mut bookkeeping = bookkeeping(folder.path());
        let taken_back = |retain: bool| {
            message("reading", r#"{"t":"2026-11-25T17:30:00Z","taken_back":true,"by":"ernst"}"#, retain)
        };
        bookkeeping
            .record(&[info("a", false), minute(1, 1, 5), reading("7", "anna", false)], None, Instant::now())
            .unwrap();
        // One that a broker has kept may be older than what was entered since.
        bookkeeping.record(&[taken_back(true)], None, Instant::now()).unwrap();
        assert_eq!((bookkeeping.counts.borrow().outcome.not_taken(), readings(folder.path()).len()), (1, 1));
        bookkeeping.record(&[taken_back(false)], None, Instant::now()).unwrap();
        assert!(readings(folder.path()).is_empty());
        // Killed before it acknowledged either.
        bookkeeping
            .record(
                &[reading("7", "anna", false), taken_back(false), taken_back(false)],
                None,
                Instant::now(),
            )
            .unwrap();
        assert!(readings(folder.path()).is_empty());
        bookkeeping.record(&[reading("8", "anna", false)], None, Instant::now()).unwrap();
        assert_eq!(readings(folder.path()), [(8.0, "anna".to_owned())], "it can be entered again");
        assert_eq!((account(folder.path()), pulses(folder.path())), (("a".to_owned(), 1), 5));
        assert_eq!(bookkeeping.counts.borrow().outcome.not_taken(), 1);
    }

    #[test]
    fn a_correction_holds_once_and_is_undone_however_often_both_come() {
        let folder = TempDir::new().unwrap();
        let mut bookkeeping = bookkeeping(folder.path());
        let counted = [info("a", false), minute(1, 1, 5), minute(2, 2, 10)];
        bookkeeping.record(&counted, None, Instant::now()).unwrap();
        let ledger = || Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let all = || ledger().meters().unwrap().remove(0);
        let first = ledger().first(&all()).unwrap().unwrap();
        let next = Minute::nearest(first.epoch_minutes() + 1);
        let said = format!(
            r#"{{"said":"2026-11-25T17:30:00Z","from":"{first}","to":"{next}","kind":"void","reason":"x","by":"otto"}}"#
        );
        let undone = format!(
            r#"{{"said":"2026-11-25T17:30:00Z","from":"{first}","undone":"2026-11-25T18:00:00Z","by":"otto"}}"#
        );
        let message = |payload: &str, retain| message("correction", payload, retain);
        bookkeeping.record(&[message(&said, true), message("{}", false)], None, Instant::now()).unwrap();
        assert_eq!(
            (bookkeeping.counts.borrow().outcome.not_taken(), pulses(folder.path())),
            (2, 10),
            "kept by a broker, or none"
        );
        bookkeeping.record(&[message(&said, false), message(&said, false)], None, Instant::now()).unwrap();
        assert_eq!((ledger().corrections(&all()).unwrap().len(), pulses(folder.path())), (1, 5));
        let other = said.replace("\"x\"", "\"y\"");
        bookkeeping.record(&[message(&other, false)], None, Instant::now()).unwrap();
        assert_eq!(
            (bookkeeping.counts.borrow().outcome.not_taken(), pulses(folder.path())),
            (3, 5),
            "of the same minutes"
        );
        bookkeeping.record(&[message(&undone, false)], None, Instant::now()).unwrap();
        // Killed before it acknowledged either.
        let again = [message(&said, false), message(&undone, false)];
        bookkeeping.record(&again, None, Instant::now()).unwrap();
        let corrections = ledger().corrections(&all()).unwrap();
        assert_eq!(
            (corrections.len(), pulses(folder.path()), bookkeeping.counts.borrow().outcome.not_taken()),
            (1, 10, 3)
        );
        assert_eq!(corrections[0].undone.as_ref().unwrap().by, "otto");
    }

    #[test]
    fn a_reading_is_acknowledged_only_once_it_is_in_the_ledger() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let mut bookkeeping = bookkeeping(folder.path());
        bookkeeping.record(&[info("a", false)], None, Instant::now()).unwrap();
        let (output, mut said) = tokio::sync::mpsc::unbounded_channel();
        let (inputs, ledger_thread) = bookkeeping.spawn(output).unwrap();
        // Somebody else writes: the commit has to wait.
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        inputs.send(reading("1", "anna", false)).unwrap();
        thread::sleep(Duration::from_millis(1500));
        assert!(said.try_recv().is_err(), "acknowledged before it is kept");
        other.execute_batch("COMMIT").unwrap();
        let acknowledged = said.blocking_recv().unwrap().acknowledge;
        assert_eq!((acknowledged.len(), readings(folder.path())), (1, vec![(1.0, "anna".to_owned())]));
        drop(inputs);
        ledger_thread.join_blocking().unwrap();
    }

    #[test]
    fn a_retained_info_does_not_take_back_what_was_heard() {
        let folder = TempDir::new().unwrap();
        let mut bookkeeping = bookkeeping(folder.path());
        bookkeeping.record(&[Input::Connected, info("a", true)], None, Instant::now()).unwrap();
        assert_eq!(account(folder.path()).0, "a");
        bookkeeping
            .record(
                &[info("b", false), minute(1, 1, 5), info("a", true), minute(2, 2, 10)],
                None,
                Instant::now(),
            )
            .unwrap();
        assert_eq!(account(folder.path()), ("b".to_owned(), 2));
        // Over another connection it is the newest there is.
        bookkeeping.record(&[Input::Connected, info("a", true)], None, Instant::now()).unwrap();
        assert_eq!(account(folder.path()).0, "a");
    }
}
