//! This edition: the real delivery, and the real bookkeeping with its ledger.

use std::path::Path;
use std::time::{Duration, Instant};

use meter_ledger::Ledger;
use meter_messages::{Mark, Minute, OutboxMinute, PulseCount};
use pi_publisher::delivery::Delivery;
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits};
use recorder::plausible_time::PlausibleTime;
use rumqttc::{Publish, QoS};
use tempfile::TempDir;

use crate::site::{Message, Publisher, Recorder};

#[derive(Debug)]
pub(crate) struct SecondPublisher(Delivery);

impl Default for SecondPublisher {
    fn default() -> Self {
        Self(Delivery::from_mark(0))
    }
}

impl Publisher for SecondPublisher {
    fn connect(&mut self, mark: u64) {
        self.0 = Delivery::from_mark(mark);
    }

    fn take(&mut self, mark: &[u8], last_seq: u64) -> u64 {
        let mark = Mark::from_json(mark).unwrap();
        self.0.take(&mark, (1, last_seq));
        mark.seq
    }

    fn wanted(&self, last_seq: u64) -> Option<(u64, u64)> {
        self.0.wanted(last_seq)
    }

    fn sent(&mut self, seq: u64) {
        self.0.sent(seq);
    }

    fn minute(&self, outbox: &str, count: PulseCount) -> Vec<u8> {
        OutboxMinute { count, outbox: Some(outbox.parse().unwrap()), gap: None, times: None }.to_json()
    }
}

pub(crate) struct SecondRecorder {
    folder: TempDir,
    bookkeeping: Option<Bookkeeping>,
    now: Instant,
}

impl SecondRecorder {
    pub(crate) fn new() -> Self {
        // Each commit is flushed to disk; a file system in memory makes that quick.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        let mut recorder = Self { folder, bookkeeping: None, now: Instant::now() };
        recorder.restart();
        recorder
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(&self.folder.path().join("ledger.sqlite")).unwrap()
    }

    fn record(&mut self, inputs: &[Input]) -> Vec<Vec<u8>> {
        let output = self.bookkeeping.as_mut().unwrap().record(inputs, None, self.now).unwrap();
        output.marks.iter().map(|(_, mark)| mark.to_json()).collect()
    }
}

impl Recorder for SecondRecorder {
    fn take(&mut self, messages: &[Message]) -> Vec<Vec<u8>> {
        self.now += Duration::from_secs(60);
        let inputs: Vec<_> = messages.iter().map(input).collect();
        self.record(&inputs)
    }

    fn restart(&mut self) -> Vec<Vec<u8>> {
        self.bookkeeping = None;
        let (pictures, limits) = (flume::unbounded().0, Limits { max_meters: 10 });
        let bookkeeping = Bookkeeping::new(self.ledger(), pictures, limits, PlausibleTime::new(true));
        self.bookkeeping = Some(bookkeeping.unwrap());
        self.record(&[Input::Connected])
    }

    fn recorded(&mut self) -> Vec<(Minute, u32)> {
        let ledger = self.ledger();
        let Some(meter) = ledger.meter(&"hq/main".parse().unwrap()).unwrap() else { return Vec::new() };
        let (mut recorded, all) = (Vec::new(), Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX));
        ledger
            .for_each_outbox_minute(&meter, all, |row| {
                recorded.push((Minute::nearest(row.minute), row.pulses));
            })
            .unwrap();
        recorded
    }
}

fn input(message: &Message) -> Input {
    let of = |what: &str, payload: &[u8], retain: bool| {
        let message = Publish::new(format!("powerpi/hq/main/{what}"), QoS::AtLeastOnce, payload);
        Input::Message(Delivered { connection: 1, message: Publish { retain, ..message } })
    };
    match message {
        Message::Info { payload, retain } => of("info", payload, *retain),
        Message::Minute(payload) => of("minute", payload, false),
    }
}
