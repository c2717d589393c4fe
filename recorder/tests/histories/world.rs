//! A publisher, a broker and its recorders in virtual time. The publisher's delivery and the recorders'
//! bookkeeping, with their ledgers, are the real ones.

mod broker;
mod cards;
mod clocks_and_disks;
mod end;
mod faults;
mod publisher;
mod recorders;

use std::collections::HashMap;
use std::time::{Duration, Instant};

pub(crate) use faults::{Fault, Killed};
use meter_messages::{Mark, Minute, OutboxId, PulseCount};
use pi_publisher::delivery::Delivery;
use rumqttc::Publish;

use crate::card::{Card, Image};
use crate::recorder::Recorder;

const FIRST_MINUTE: i64 = 29_000_000;
/// What a recorder takes for true lies at most so many minutes ahead of its clock.
const AHEAD: i64 = 24 * 60;

pub(super) struct World {
    fault: Option<Fault>,
    recorders: Vec<Recorder>,
    now: Instant,
    /// How many minutes the meter was watched, and how many have passed.
    minutes: u64,
    passed: i64,
    sent: u64,
    /// How many minutes the publisher's clock is ahead; `None` while it was not set since the start.
    clock: Option<i64>,
    /// Whether the publisher's disk is full.
    is_full: bool,
    /// What waits for the clock, or for room: when it was counted, how long it was watched, and its pulses.
    waiting: Vec<(i64, u8, u32)>,
    cards: HashMap<usize, Card>,
    card: usize,
    /// How many outboxes there were.
    outboxes: u64,
    /// Images of cards.
    images: HashMap<usize, Image>,
    delivery: Delivery,
    /// What the broker retains.
    retained_info: Option<Publish>,
    retained_mark: Option<Mark>,
    /// What was counted, by minute and total: pulses, and seconds watched.
    counted: HashMap<(Minute, u64), (u32, u8)>,
}

fn key(count: &PulseCount) -> (Minute, u64) {
    (count.minute, count.total)
}

impl World {
    pub(super) fn new(recorders: usize, fault: Option<Fault>) -> Self {
        let mut world = Self {
            fault,
            recorders: (0..recorders).map(|_| Recorder::new()).collect(),
            now: Instant::now(),
            minutes: 0,
            passed: 0,
            sent: 0,
            clock: Some(0),
            is_full: false,
            waiting: Vec::new(),
            cards: HashMap::new(),
            card: 0,
            outboxes: 0,
            images: HashMap::new(),
            delivery: Delivery::from_mark(0),
            retained_info: None,
            retained_mark: None,
            counted: HashMap::new(),
        };
        (0..world.recorders.len()).for_each(|which| world.recorder_restarts(which));
        world.insert_card(0);
        world
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn card(&mut self) -> &mut Card {
        self.cards.get_mut(&self.card).unwrap()
    }

    fn new_outbox(&mut self) -> OutboxId {
        self.outboxes += 1;
        format!("outbox{}", self.outboxes).parse().unwrap()
    }

    /// A minute passes and is counted.
    pub(super) fn minute(&mut self) {
        self.pass_seconds(60);
        self.minute_without_time();
    }

    /// A minute of a backlog. Some are watched for a while only.
    pub(super) fn minute_without_time(&mut self) {
        let watched_s = if self.minutes % 4 == 3 { 20 + (self.minutes % 30) as u8 } else { 60 };
        self.watch(watched_s);
        self.passed += 1;
    }

    /// Two cards are in use in the same minute.
    pub(super) fn shared_minute(&mut self, card: usize) {
        self.watch(20);
        self.insert_card(card);
        self.watch(25);
        self.passed += 1;
    }

    fn watch(&mut self, watched_s: u8) {
        let pulses = (self.minutes * 7 % 10) as u32;
        self.minutes += 1;
        self.waiting.push((self.passed, watched_s, pulses));
        self.write_to_card();
        self.send();
    }

    fn write_to_card(&mut self) {
        let Some(ahead) = self.clock else { return };
        if self.is_full && !self.is(Fault::FullDropsMinutes) {
            return;
        }
        for (at, watched_s, pulses) in std::mem::take(&mut self.waiting) {
            let minute = Minute::from_epoch_minutes(FIRST_MINUTE + at + ahead).unwrap();
            let (twice, is_full) = (self.is(Fault::MinutesTwice), self.is_full);
            if is_full {
                self.counted.insert((minute, 0), (pulses, watched_s));
            } else if let Some(count) = self.card().count(minute, (watched_s, pulses), twice) {
                self.counted.insert(key(&count), (count.pulses, count.watched_s));
            }
        }
    }

    pub(super) fn pass_seconds(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        // Marks that waited.
        for which in 0..self.recorders.len() {
            self.record(which, &[]);
        }
    }

    pub(super) fn recorded(&mut self) -> u64 {
        self.recorders[0].recorded().len() as u64
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
