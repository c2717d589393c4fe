//! The one thread that owns the ledger: takes what has come, records it in one
//! commit, and only then lets it be acknowledged.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use flume::Receiver;
use meter_ledger::{Batch, Custody, Ledger, LedgerError, Recording};
use meter_messages::{Info, Mark, Meter, PayloadError, PulseCount, Topic, TopicError};
use rumqttc::Publish;
use tokio::sync::mpsc::UnboundedSender;

use crate::pictures::Recorded;
use crate::recording::{Place, advance, give_up_below};

/// A commit takes at most so many messages.
const LARGEST_BATCH: usize = 5000;

/// A commit waits for company at most so long, and no longer than the pause
/// after which nothing more is on its way.
const LONGEST_WAIT: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(2);

/// How long a refused commit (a full disk) waits for its next try.
const RETRY: Duration = Duration::from_secs(1);

/// A meter with a gap is asked for the missing minutes at most this often.
const ASK_EVERY: Duration = Duration::from_secs(5);

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
}

/// Why a message is passed over.
#[derive(Debug, thiserror::Error)]
enum Nonsense {
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("a minute of a meter that has not said its info yet")]
    Unknown,
}

/// One meter's account while it is worked on.
#[derive(Debug, Clone)]
struct Account {
    custody: Custody,
    /// When its publisher was last asked to go back.
    asked: Option<Instant>,
}

/// The thread's state.
pub struct Bookkeeping {
    ledger: Ledger,
    accounts: HashMap<Meter, Account>,
    nonsense: u64,
    pictures: Sender<Vec<Recorded>>,
}

/// What a batch comes to, before it is committed.
#[derive(Default)]
struct Tally {
    accounts: HashMap<Meter, Account>,
    marks: Vec<Meter>,
    recorded: Vec<Recorded>,
    nonsense: u64,
}

impl Bookkeeping {
    /// Goes on where the ledger ends.
    pub fn new(ledger: Ledger, pictures: Sender<Vec<Recorded>>) -> Result<Self, LedgerError> {
        let account = |(meter, custody)| (meter, Account { custody, asked: None });
        let accounts = ledger.custodies()?.into_iter().map(account).collect();
        Ok(Self { ledger, accounts, nonsense: 0, pictures })
    }

    /// Works until the subscription is gone.
    pub fn spawn(
        mut self,
        output: UnboundedSender<Output>,
    ) -> std::io::Result<(flume::Sender<Input>, thread::JoinHandle<()>)> {
        let (sender, inputs) = flume::bounded(2 * LARGEST_BATCH);
        let run = move || while self.work(&inputs, &output) {};
        Ok((sender, thread::Builder::new().name("ledger".into()).spawn(run)?))
    }

    /// One batch; false when there will be no more.
    fn work(&mut self, inputs: &Receiver<Input>, output: &UnboundedSender<Output>) -> bool {
        let Some(batch) = collect(inputs) else { return false };
        let mut refused = false;
        loop {
            match self.record(&batch) {
                Ok(said) => {
                    if refused {
                        tracing::info!("the ledger can be written again");
                    }
                    let acknowledge = batch.into_iter().filter_map(|input| match input {
                        Input::Message(delivered) => Some(delivered),
                        Input::Connected => None,
                    });
                    let output_gone =
                        output.send(Output { acknowledge: acknowledge.collect(), marks: said }).is_err();
                    return !output_gone;
                }
                Err(error) => {
                    if !std::mem::replace(&mut refused, true) {
                        tracing::error!(%error, "nothing is recorded nor acknowledged until the ledger can be written");
                    }
                    thread::sleep(RETRY);
                    if output.is_closed() {
                        return false;
                    }
                }
            }
        }
    }

    /// Records a batch; returns the marks to publish. After an error nothing
    /// has changed, and it can be tried again.
    fn record(&mut self, inputs: &[Input]) -> Result<Vec<(Meter, Mark)>, LedgerError> {
        let mut batch = self.ledger.batch()?;
        let mut tally = Tally { accounts: self.accounts.clone(), ..Tally::default() };
        for input in inputs {
            match input {
                Input::Message(delivered) => tally.take(&mut batch, &delivered.message)?,
                Input::Connected => tally.marks.extend(tally.accounts.keys().cloned()),
            }
        }
        let mut moved = Vec::new();
        for (meter, account) in &tally.accounts {
            if self.accounts.get(meter).is_none_or(|before| before.custody != account.custody) {
                batch.keep_mark(&account.custody)?;
                moved.push(meter.clone());
            }
        }
        batch.commit()?;
        if tally.nonsense > 0 {
            self.nonsense += tally.nonsense;
            tracing::warn!(since_start = self.nonsense, "{} messages passed over", tally.nonsense);
        }
        self.accounts = tally.accounts;
        if !tally.recorded.is_empty() && self.pictures.send(tally.recorded).is_err() {
            tracing::error!("the pictures' thread is gone; the ledger goes on without RRD");
        }
        Ok(self.marks(moved, tally.marks))
    }

    /// The marks of some meters, each once.
    fn marks(&mut self, moved: Vec<Meter>, asked: Vec<Meter>) -> Vec<(Meter, Mark)> {
        let mut marks: HashMap<Meter, Mark> = HashMap::new();
        for meter in moved.into_iter().chain(asked) {
            if let Some(account) = self.accounts.get(&meter) {
                marks.insert(meter, account.custody.mark());
            }
        }
        marks.into_iter().collect()
    }
}

impl Tally {
    /// One message; what is wrong with it is its own affair.
    fn take(&mut self, batch: &mut Batch<'_>, message: &Publish) -> Result<(), LedgerError> {
        let nonsense = match message.topic.parse() {
            Ok(Topic::Minute(meter)) => match PulseCount::from_json(&message.payload) {
                Ok(count) => match self.minute(batch, meter, &count)? {
                    true => return Ok(()),
                    false => Nonsense::Unknown,
                },
                Err(error) => error.into(),
            },
            Ok(Topic::Info(meter)) => match Info::from_json(&message.payload) {
                Ok(info) => return self.info(batch, meter, &info),
                Err(error) => error.into(),
            },
            Ok(_) => return Ok(()),
            Err(error) => Nonsense::from(error),
        };
        self.nonsense += 1;
        let topic: String = message.topic.chars().take(100).collect();
        tracing::debug!(topic, %nonsense, "message passed over");
        Ok(())
    }

    fn info(&mut self, batch: &mut Batch<'_>, meter: Meter, info: &Info) -> Result<(), LedgerError> {
        let mut custody = batch.register(&meter, info)?;
        let before = self.accounts.get(&meter).map(|account| &account.custody);
        match before {
            // What this batch has moved is not in the ledger yet.
            Some(before) if before.outbox == custody.outbox => custody = before.clone(),
            Some(before) => {
                tracing::info!(%meter, old = %before.outbox, new = %custody.outbox, "a new outbox");
                self.marks.push(meter.clone());
            }
            None => {
                tracing::info!(%meter, name = info.name, "a new meter");
                self.marks.push(meter.clone());
            }
        }
        let given_up = give_up_below(&mut custody, info.oldest_seq);
        if given_up > 0 {
            tracing::warn!(%meter, given_up, "minutes that the outbox no longer holds are not waited for");
        }
        self.accounts.insert(meter, Account { custody, asked: None });
        Ok(())
    }

    /// Records a minute; false if its meter is unknown.
    fn minute(
        &mut self,
        batch: &mut Batch<'_>,
        meter: Meter,
        count: &PulseCount,
    ) -> Result<bool, LedgerError> {
        let Some(account) = self.accounts.get_mut(&meter) else { return Ok(false) };
        match batch.record(&account.custody, count)? {
            Recording::Recorded => {
                self.recorded.push(Recorded {
                    meter: meter.clone(),
                    minute: count.minute,
                    pulses: count.pulses,
                });
            }
            Recording::AlreadyRecorded => {}
            Recording::Contradiction { kept } => {
                tracing::warn!(%meter, minute = %count.minute, kept, refused = count.pulses, "the same minute with another count");
            }
        }
        if advance(&mut account.custody, count) == Place::AfterGap
            && account.asked.is_none_or(|at| at.elapsed() > ASK_EVERY)
        {
            let missing = count.seq - account.custody.mark_seq - 1;
            tracing::info!(%meter, missing, "a gap before {}; asking for it", count.minute);
            account.asked = Some(Instant::now());
            self.marks.push(meter);
        }
        Ok(true)
    }
}

/// What has come together; nothing once the subscription is gone.
fn collect(inputs: &Receiver<Input>) -> Option<Vec<Input>> {
    let mut batch = vec![inputs.recv().ok()?];
    let began = Instant::now();
    while batch.len() < LARGEST_BATCH && began.elapsed() < LONGEST_WAIT {
        match inputs.recv_timeout(PAUSE) {
            Ok(input) => batch.push(input),
            Err(_) => break,
        }
    }
    Some(batch)
}
