//! A publisher, a recorder, and a broker between them that loses messages, all by their payloads.

use std::collections::{BTreeMap, VecDeque};

use meter_messages::{Minute, PulseCount};

const FIRST_MINUTE: i64 = 29_000_000;

/// What may happen.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Minutes(u8),
    Deliver(u8),
    /// The broker loses minutes that are on their way.
    Lose(u8),
    PublisherConnects,
    RecorderRestarts,
    /// Once all has arrived: in the first edition minutes belong to the outbox of the last `info`.
    NewCard,
}

/// How an edition sends minutes, and what it makes of marks.
pub(crate) trait Publisher {
    /// Begins over a new connection, after a mark.
    fn connect(&mut self, mark: u64);
    /// Takes the payload of a mark of its outbox; the number up to which it says that all is recorded.
    fn take(&mut self, mark: &[u8], last_seq: u64) -> u64;
    /// The number after which to send, and how many at most.
    fn wanted(&self, last_seq: u64) -> Option<(u64, u64)>;
    /// All was sent up to a number.
    fn sent(&mut self, seq: u64);
    /// The payload of a minute.
    fn minute(&self, outbox: &str, count: PulseCount) -> Vec<u8>;
}

/// What arrives at a recorder.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Info { payload: Vec<u8>, retain: bool },
    Minute(Vec<u8>),
}

/// How an edition records.
pub(crate) trait Recorder {
    /// Takes what has come within a minute; returns the payloads of its marks.
    fn take(&mut self, messages: &[Message]) -> Vec<Vec<u8>>;
    /// Starts anew with its ledger, and says its marks.
    fn restart(&mut self) -> Vec<Vec<u8>>;
    /// Each minute that it has recorded, as often as it has, and its pulses.
    fn recorded(&mut self) -> Vec<(Minute, u32)>;
}

pub(crate) struct Site<P, R> {
    publisher: P,
    recorder: R,
    cards: usize,
    minutes: Vec<PulseCount>,
    mark: u64,
    counted: BTreeMap<Minute, u32>,
    total: u64,
    queue: VecDeque<Message>,
    retained_mark: Option<Vec<u8>>,
}

impl<P: Publisher, R: Recorder> Site<P, R> {
    pub(crate) fn new(publisher: P, recorder: R) -> Self {
        let mut site = Self {
            publisher,
            recorder,
            cards: 0,
            minutes: Vec::new(),
            mark: 0,
            counted: BTreeMap::new(),
            total: 0,
            queue: VecDeque::new(),
            retained_mark: None,
        };
        site.connect();
        site
    }

    /// The same with another edition of the publisher.
    pub(crate) fn with_publisher<Q: Publisher>(self, publisher: Q) -> Site<Q, R> {
        let Self { recorder, cards, minutes, mark, counted, total, queue, retained_mark, .. } = self;
        let mut site =
            Site { publisher, recorder, cards, minutes, mark, counted, total, queue, retained_mark };
        site.connect();
        site
    }

    pub(crate) fn happen(&mut self, event: &Event) {
        match *event {
            Event::Minutes(minutes) => (0..minutes).for_each(|_| self.minute()),
            Event::Deliver(messages) => self.deliver(messages.into()),
            Event::Lose(messages) => {
                let mut left = messages;
                self.queue.retain(|message| {
                    let is_lost = left > 0 && matches!(message, Message::Minute(_));
                    left -= u8::from(is_lost);
                    !is_lost
                });
            }
            Event::PublisherConnects => self.connect(),
            Event::RecorderRestarts => self.restart_recorder(),
            Event::NewCard => {
                self.deliver_all();
                self.cards += 1;
                self.minutes.clear();
                self.mark = 0;
                self.connect();
                self.deliver_all();
            }
        }
    }

    fn outbox(&self) -> String {
        format!("card{}", self.cards)
    }

    fn info(&self) -> Vec<u8> {
        let outbox = self.outbox();
        format!(
            r#"{{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"0.1.0","outbox":"{outbox}","oldest_seq":1}}"#
        )
        .into_bytes()
    }

    fn connect(&mut self) {
        self.publisher.connect(self.mark);
        self.queue.push_back(Message::Info { payload: self.info(), retain: false });
        self.retained_mark.clone().into_iter().for_each(|mark| self.hear(&mark));
        self.send();
    }

    fn minute(&mut self) {
        let number = self.counted.len() as i64;
        let (minute, pulses) = (Minute::nearest(FIRST_MINUTE + number), (number * 7 % 10) as u32);
        self.counted.insert(minute, pulses);
        self.total += u64::from(pulses);
        let seq = self.minutes.len() as u64 + 1;
        self.minutes.push(PulseCount { minute, watched_s: 60, seq, pulses, total: self.total });
        self.send();
        self.hear_of(&[]);
    }

    fn send(&mut self) {
        while let Some((after, count)) = self.publisher.wanted(self.minutes.len() as u64) {
            let outbox = self.outbox();
            for count in self.minutes.iter().skip(after as usize).take(count as usize) {
                self.queue.push_back(Message::Minute(self.publisher.minute(&outbox, *count)));
            }
            self.publisher.sent(after + count);
        }
    }

    fn deliver(&mut self, messages: usize) {
        let messages: Vec<_> = self.queue.drain(..messages.min(self.queue.len())).collect();
        self.hear_of(&messages);
    }

    fn deliver_all(&mut self) {
        while !self.queue.is_empty() {
            self.deliver(100);
        }
    }

    fn hear_of(&mut self, messages: &[Message]) {
        let marks = self.recorder.take(messages);
        marks.iter().for_each(|mark| self.hear(mark));
    }

    fn restart_recorder(&mut self) {
        let marks = self.recorder.restart();
        marks.iter().for_each(|mark| self.hear(mark));
        let info = Message::Info { payload: self.info(), retain: true };
        self.hear_of(&[info]);
    }

    fn hear(&mut self, mark: &[u8]) {
        self.retained_mark = Some(mark.to_vec());
        if String::from_utf8_lossy(mark).contains(&format!("\"{}\"", self.outbox())) {
            self.mark = self.publisher.take(mark, self.minutes.len() as u64);
            self.send();
        }
    }

    /// Nothing is lost any more, and a while passes.
    pub(crate) fn come_to_rest(&mut self) {
        for _ in 0..20 {
            self.minute();
            self.deliver_all();
        }
        self.hear_of(&[]);
    }

    pub(crate) fn check(&mut self) {
        let recorded = self.recorder.recorded();
        // What a lost card alone had held is gone with it.
        let here: Vec<_> = self.minutes.iter().map(|count| (count.minute, count.pulses)).collect();
        assert!(here.iter().all(|minute| recorded.contains(minute)), "{here:?} and {recorded:?}");
        assert_eq!(recorded.iter().copied().collect::<BTreeMap<_, _>>().len(), recorded.len(), "twice");
        assert!(recorded.iter().all(|(minute, pulses)| self.counted.get(minute) == Some(pulses)));
        assert_eq!(self.mark, self.minutes.len() as u64);
    }
}
