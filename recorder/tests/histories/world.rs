//! A publisher, a broker and a recorder in virtual time. The publisher's delivery and the recorder's
//! bookkeeping, with its ledger, are the real ones.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use meter_ledger::Ledger;
use meter_messages::{Info, Mark, Minute, OutboxId, OutboxMinute, PulseCount};
use pi_publisher::delivery::Delivery;
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits, Output};
use recorder::plausible_time::PlausibleTime;
use rumqttc::{Publish, QoS};
use tempfile::TempDir;

const FIRST_MINUTE: i64 = 29_000_000;
const LIMITS: Limits = Limits { max_meters: 100 };

/// An SD card's outbox.
struct Card {
    outbox: OutboxId,
    minutes: Vec<PulseCount>,
    /// The mark that it knows of.
    mark: u64,
}

pub(super) struct World {
    folder: TempDir,
    says_outbox: bool,
    bookkeeping: Option<Bookkeeping>,
    backup: Option<PathBuf>,
    now: Instant,
    minutes: u64,
    sent: u64,
    cards: HashMap<usize, Card>,
    card: usize,
    delivery: Delivery,
    /// What is on its way to the recorder.
    queue: VecDeque<Publish>,
    /// What the broker retains.
    retained_info: Option<Publish>,
    retained_mark: Option<Mark>,
    /// What the meter counted, by minute.
    counted: HashMap<Minute, u32>,
}

impl World {
    pub(super) fn new(says_outbox: bool) -> Self {
        // Each commit is flushed to disk; a file system in memory makes that quick.
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let mut world = Self {
            folder: folder.unwrap(),
            says_outbox,
            bookkeeping: None,
            backup: None,
            now: Instant::now(),
            minutes: 0,
            sent: 0,
            cards: HashMap::new(),
            card: 0,
            delivery: Delivery::from_mark(0),
            queue: VecDeque::new(),
            retained_info: None,
            retained_mark: None,
            counted: HashMap::new(),
        };
        world.recorder_restarts();
        world.insert_card(0);
        world
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.sqlite")
    }

    fn card(&mut self) -> &mut Card {
        let number = self.card;
        self.cards.entry(number).or_insert_with(|| Card {
            outbox: format!("card{number}").parse().unwrap(),
            minutes: Vec::new(),
            mark: 0,
        })
    }

    /// A minute passes and is counted.
    pub(super) fn minute(&mut self) {
        self.pass_seconds(60);
        self.minute_without_time();
    }

    /// A minute of a backlog.
    pub(super) fn minute_without_time(&mut self) {
        let minute = Minute::from_epoch_minutes(FIRST_MINUTE + self.minutes as i64).unwrap();
        let pulses = (self.minutes * 7 % 10) as u32;
        self.minutes += 1;
        self.counted.insert(minute, pulses);
        let minutes = &mut self.card().minutes;
        let (seq, total) = minutes.last().map_or((1, 0), |last| (last.seq + 1, last.total));
        let total = total + u64::from(pulses);
        minutes.push(PulseCount { minute, watched_s: 60, seq, pulses, total });
        self.send();
    }

    pub(super) fn pass_seconds(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        // Marks that waited.
        self.record(&[]);
    }

    fn send(&mut self) {
        let (topic, says_outbox) = ("powerpi/hq/main/minute", self.says_outbox);
        let last_seq = self.card().minutes.len() as u64;
        while let Some((after, count)) = self.delivery.wanted(last_seq) {
            for seq in after + 1..=after + count {
                let card = self.card();
                let outbox = says_outbox.then(|| card.outbox.clone());
                let minute = OutboxMinute { count: card.minutes[seq as usize - 1], outbox };
                self.queue.push_back(Publish::new(topic, QoS::AtLeastOnce, minute.to_json()));
                self.sent += 1;
                self.delivery.sent(seq);
            }
        }
    }

    /// Takes some of what is on its way out of the broker's queue.
    fn take(&mut self, messages: usize, from: usize) -> Vec<Publish> {
        let from = if self.queue.is_empty() { 0 } else { from % self.queue.len() };
        let end = self.queue.len().min(from + messages);
        self.queue.drain(from..end).collect()
    }

    pub(super) fn deliver(&mut self, messages: usize, from: usize) {
        let inputs: Vec<_> = self.take(messages, from).into_iter().map(input).collect();
        if !inputs.is_empty() {
            self.record(&inputs);
        }
    }

    pub(super) fn forget(&mut self, messages: usize, from: usize) {
        self.take(messages, from);
    }

    pub(super) fn repeat(&mut self, messages: usize, from: usize) {
        let again = self.take(messages, from);
        self.queue.extend(again.iter().cloned());
        self.queue.extend(again);
    }

    fn record(&mut self, inputs: &[Input]) {
        let Some(bookkeeping) = &mut self.bookkeeping else { return };
        let Output { marks, strangers, .. } = bookkeeping.record(inputs, None, self.now).unwrap();
        for (_, mark) in marks {
            self.retained_mark = Some(mark.clone());
            self.hear(&mark);
        }
        for (_, outbox) in strangers {
            let hears_of_it = outbox.map(|outbox| Mark { outbox, seq: 0, minute: None, missing: Vec::new() });
            hears_of_it.iter().for_each(|mark| self.hear(mark));
            let info = self.retained_info.clone().map(|info| input(Publish { retain: true, ..info }));
            info.into_iter().for_each(|info| self.record(&[info]));
        }
    }

    /// The publisher gets a mark.
    fn hear(&mut self, mark: &Mark) {
        let card = self.card();
        let last_seq = card.minutes.len() as u64;
        if card.outbox != mark.outbox || mark.seq > last_seq {
            return;
        }
        card.mark = mark.seq;
        let known = mark.missing.iter().filter(|[from, _]| *from <= last_seq);
        let missing: Vec<_> = known.map(|&[from, to]| [from, to.min(last_seq)]).collect();
        self.delivery.mark(mark.seq, &missing);
        if mark.seq == 0 {
            self.say_info();
        }
        self.send();
    }

    fn say_info(&mut self) {
        let outbox = self.card().outbox.clone();
        let json = format!(
            r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":1}}"#
        );
        assert!(Info::from_json(json.as_bytes()).is_ok());
        let info = Publish::new("powerpi/hq/main/info", QoS::AtLeastOnce, json);
        self.retained_info = Some(info.clone());
        self.queue.push_back(info);
    }

    pub(super) fn publisher_connects(&mut self) {
        self.delivery = Delivery::from_mark(self.card().mark);
        self.say_info();
        if let Some(mark) = self.retained_mark.clone() {
            self.hear(&mark);
        }
        self.send();
    }

    /// Another card, with what it holds; the one that was in use is kept.
    pub(super) fn insert_card(&mut self, card: usize) {
        self.card = card;
        self.publisher_connects();
    }

    pub(super) fn recorder_connects(&mut self) {
        self.record(&[Input::Connected]);
        if let Some(info) = self.retained_info.clone() {
            self.record(&[input(Publish { retain: true, ..info })]);
        }
    }

    pub(super) fn recorder_restarts(&mut self) {
        self.bookkeeping = None;
        let ledger = Ledger::open(&self.ledger()).unwrap();
        self.bookkeeping =
            Some(Bookkeeping::new(ledger, flume::unbounded().0, LIMITS, PlausibleTime::new(true)).unwrap());
        self.recorder_connects();
    }

    pub(super) fn back_up_ledger(&mut self) {
        let backup = self.folder.path().join("backup.sqlite");
        let _ = std::fs::remove_file(&backup);
        let ledger = rusqlite::Connection::open(self.ledger()).unwrap();
        ledger.execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
        self.backup = Some(backup);
    }

    pub(super) fn restore_ledger(&mut self) {
        let Some(backup) = self.backup.clone() else { return };
        self.bookkeeping = None;
        for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
        std::fs::copy(backup, self.ledger()).unwrap();
        self.recorder_restarts();
    }

    /// Minutes pass, and all that is sent arrives: what is missing is asked for.
    pub(super) fn come_to_rest(&mut self) {
        for _ in 0..40 {
            self.minute();
            while !self.queue.is_empty() {
                self.deliver(1000, 0);
            }
        }
        self.pass_seconds(2);
    }

    /// Panics unless each minute is there at most once, and all of the card in use.
    pub(super) fn check(&mut self) {
        let ledger = rusqlite::Connection::open(self.ledger()).unwrap();
        let mut rows =
            ledger.prepare("SELECT minute, sum(pulses), count(*) FROM minute GROUP BY minute").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?)));
        let mut recorded: HashMap<Minute, u32> = HashMap::new();
        for row in rows.unwrap() {
            let (minute, pulses, times) = row.unwrap();
            let minute = Minute::from_epoch_minutes(minute).unwrap();
            assert_eq!((times, pulses), (1, self.counted[&minute]), "{minute}");
            recorded.insert(minute, pulses);
        }
        let card = self.card();
        for count in &card.minutes {
            assert!(recorded.contains_key(&count.minute), "{} of {} is missing", count.seq, card.outbox);
        }
        assert_eq!(card.mark, card.minutes.len() as u64, "the mark of {}", card.outbox);
    }

    pub(super) fn recorded(&self) -> u64 {
        let ledger = rusqlite::Connection::open(self.ledger()).unwrap();
        ledger.query_row("SELECT count(*) FROM minute", [], |row| row.get(0)).unwrap()
    }

    pub(super) fn mark(&mut self) -> u64 {
        self.card().mark
    }

    pub(super) fn minutes(&self) -> u64 {
        self.minutes
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }
}

fn input(message: Publish) -> Input {
    Input::Message(Delivered { connection: 1, message })
}
