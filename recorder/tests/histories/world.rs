//! A publisher, a broker and its recorders in virtual time. The publisher's delivery and the recorders'
//! bookkeeping, with their ledgers, are the real ones.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use meter_messages::{Info, Mark, Minute, OutboxId, OutboxMinute};
use pi_publisher::delivery::Delivery;
use recorder::bookkeeping::{Input, Output};
use rumqttc::{Publish, QoS};
use tempfile::TempDir;

use crate::card::Card;
use crate::recorder::{Recorder, input};

const FIRST_MINUTE: i64 = 29_000_000;
const MINUTE_TOPIC: &str = "powerpi/hq/main/minute";

/// What may be built wrongly on purpose: a history must show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The recorder says a mark before it is committed.
    MarkBeforeCommit,
    /// The publisher takes a repeated mark for nothing new.
    RepeatIgnored,
    /// The publisher gives an old copy's numbers to new minutes and goes on.
    CopyGoesOn,
    /// Minutes do not say their outbox, as in the contract's first edition.
    OutboxNotSaid,
}

/// When a recorder is killed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Killed {
    BeforeCommit,
    /// Nobody hears what it was about to say.
    AfterCommit,
}

pub(super) struct World {
    _folder: TempDir,
    fault: Option<Fault>,
    recorders: Vec<Recorder>,
    now: Instant,
    minutes: u64,
    sent: u64,
    cards: HashMap<usize, Card>,
    card: usize,
    /// How many outboxes there were.
    outboxes: u64,
    /// Images of cards.
    images: HashMap<usize, Card>,
    delivery: Delivery,
    /// What the broker retains.
    retained_info: Option<Publish>,
    retained_mark: Option<Mark>,
    /// What the meter counted, by minute.
    counted: HashMap<Minute, u32>,
}

impl World {
    pub(super) fn new(recorders: usize, fault: Option<Fault>) -> Self {
        // Each commit is flushed to disk; a file system in memory makes that quick.
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        let recorders = (0..recorders).map(|n| Recorder::new(folder.path(), &format!("ledger{n}"))).collect();
        let mut world = Self {
            _folder: folder,
            fault,
            recorders,
            now: Instant::now(),
            minutes: 0,
            sent: 0,
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

    /// A minute of a backlog.
    pub(super) fn minute_without_time(&mut self) {
        let minute = Minute::from_epoch_minutes(FIRST_MINUTE + self.minutes as i64).unwrap();
        let pulses = (self.minutes * 7 % 10) as u32;
        self.minutes += 1;
        self.counted.insert(minute, pulses);
        self.card().count(minute, pulses);
        self.send();
    }

    pub(super) fn pass_seconds(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        // Marks that waited.
        (0..self.recorders.len()).for_each(|which| self.record(which, &[]));
    }

    /// The broker keeps a message for each of its recorders.
    fn publish(&mut self, message: &Publish) {
        self.recorders.iter_mut().for_each(|recorder| recorder.queue.push_back(message.clone()));
    }

    fn send(&mut self) {
        let last_seq = self.card().last_seq();
        while let Some((after, count)) = self.delivery.wanted(last_seq) {
            let outbox = (!self.is(Fault::OutboxNotSaid)).then(|| self.card().outbox.clone());
            let counts = self.card().between(after, after + count).to_vec();
            if counts.first().is_none_or(|first| first.seq > after + 1) {
                self.say_info();
            }
            for count in counts {
                let minute = OutboxMinute { count, outbox: outbox.clone() };
                self.publish(&Publish::new(MINUTE_TOPIC, QoS::AtLeastOnce, minute.to_json()));
                self.sent += 1;
            }
            self.delivery.sent(after + count);
        }
    }

    pub(super) fn deliver(&mut self, which: usize, messages: usize, from: usize) {
        let recorder = &mut self.recorders[which];
        if !recorder.runs() {
            return;
        }
        let inputs: Vec<_> = recorder.take(messages, from).into_iter().map(input).collect();
        if !inputs.is_empty() {
            self.record(which, &inputs);
        }
    }

    pub(super) fn forget(&mut self, which: usize, messages: usize, from: usize) {
        self.recorders[which].take(messages, from);
    }

    pub(super) fn repeat(&mut self, which: usize, messages: usize, from: usize) {
        let again = self.recorders[which].take(messages, from);
        self.recorders[which].queue.extend(again.iter().cloned().chain(again.clone()));
    }

    fn record(&mut self, which: usize, inputs: &[Input]) {
        let output = self.recorders[which].record(inputs, self.now);
        self.say(which, output);
    }

    fn say(&mut self, which: usize, output: Output) {
        for (_, mark) in output.marks {
            self.retained_mark = Some(mark.clone());
            self.hear(&mark);
        }
        for (_, outbox) in output.strangers {
            let hears_of_it = outbox.map(|outbox| Mark { outbox, seq: 0, minute: None, missing: Vec::new() });
            hears_of_it.iter().for_each(|mark| self.hear(mark));
            self.bring_retained_info(which);
        }
    }

    fn bring_retained_info(&mut self, which: usize) {
        if let Some(info) = self.retained_info.clone() {
            self.record(which, &[input(Publish { retain: true, ..info })]);
        }
    }

    /// The publisher gets a mark.
    fn hear(&mut self, mark: &Mark) {
        let copy_goes_on = self.is(Fault::CopyGoesOn);
        let card = self.card();
        if card.outbox != mark.outbox {
            return;
        }
        let last_seq = card.last_seq();
        if card.is_old_copy(mark) && !copy_goes_on {
            let outbox = self.new_outbox();
            self.card().begin_anew(mark, outbox);
            return self.publisher_connects();
        }
        let repeats = mark.seq <= std::mem::replace(&mut card.mark, mark.seq);
        if repeats && self.is(Fault::RepeatIgnored) {
            return;
        }
        let known = mark.missing.iter().filter(|[from, _]| *from <= last_seq);
        let missing: Vec<_> = known.map(|&[from, to]| [from, to.min(last_seq)]).collect();
        self.delivery.mark(mark.seq, &missing);
        if mark.seq == 0 {
            self.say_info();
        }
        self.send();
    }

    fn say_info(&mut self) {
        let (outbox, oldest_seq) = (self.card().outbox.clone(), self.card().oldest_seq());
        let json = format!(
            r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":{oldest_seq}}}"#
        );
        assert!(Info::from_json(json.as_bytes()).is_ok());
        let info = Publish::new("powerpi/hq/main/info", QoS::AtLeastOnce, json);
        self.retained_info = Some(info.clone());
        self.publish(&info);
    }

    pub(super) fn publisher_connects(&mut self) {
        self.delivery = Delivery::from_mark(self.card().mark);
        self.say_info();
        if let Some(mark) = self.retained_mark.clone() {
            self.hear(&mark);
        }
        self.send();
    }

    pub(super) fn publisher_killed(&mut self) {
        self.card().forget_mark();
        self.publisher_connects();
    }

    /// Another card, with what it holds; the one that was in use is kept.
    pub(super) fn insert_card(&mut self, card: usize) {
        self.card = card;
        if !self.cards.contains_key(&card) {
            let outbox = self.new_outbox();
            self.cards.insert(card, Card::new(outbox));
        }
        self.publisher_connects();
    }

    pub(super) fn image_card(&mut self) {
        self.images.insert(self.card, self.cards[&self.card].clone());
    }

    /// The card in use is set back to its image.
    pub(super) fn set_card_back(&mut self) {
        if let Some(image) = self.images.get(&self.card) {
            self.cards.insert(self.card, image.clone());
            self.publisher_connects();
        }
    }

    pub(super) fn prune_card(&mut self) {
        self.card().prune();
    }

    /// Another broker, which knows nothing of what the last one held.
    pub(super) fn new_broker(&mut self) {
        self.recorders.iter_mut().for_each(|recorder| recorder.queue.clear());
        (self.retained_info, self.retained_mark) = (None, None);
        self.publisher_connects();
        (0..self.recorders.len()).for_each(|which| self.recorder_connects(which));
    }

    pub(super) fn recorder_connects(&mut self, which: usize) {
        self.record(which, &[Input::Connected]);
        self.bring_retained_info(which);
    }

    pub(super) fn recorder_restarts(&mut self, which: usize) {
        self.recorders[which].start();
        self.recorder_connects(which);
    }

    pub(super) fn recorder_stops(&mut self, which: usize) {
        self.recorders[which].stop();
    }

    /// It is killed while it records, and starts again.
    pub(super) fn recorder_killed(&mut self, which: usize, messages: usize, when: Killed) {
        let (now, recorder) = (self.now, &mut self.recorders[which]);
        if recorder.runs() {
            let batch = recorder.take(messages, 0);
            let inputs: Vec<_> = batch.iter().cloned().map(input).collect();
            match (when, self.fault) {
                (Killed::BeforeCommit, Some(Fault::MarkBeforeCommit)) => {
                    let output = recorder.forgetting(|recorder| recorder.record(&inputs, now));
                    recorder.put_back(batch);
                    self.say(which, output);
                }
                (Killed::BeforeCommit, _) => recorder.put_back(batch),
                (Killed::AfterCommit, _) => {
                    recorder.record(&inputs, now);
                    recorder.put_back(batch);
                }
            }
        }
        self.recorder_restarts(which);
    }

    pub(super) fn back_up_ledger(&mut self, which: usize) {
        self.recorders[which].back_up();
    }

    pub(super) fn restore_ledger(&mut self, which: usize) {
        if self.recorders[which].restore() {
            self.recorder_restarts(which);
        }
    }

    /// Whoever was stopped runs again, an hour passes, and all that is sent arrives: what is missing is asked for.
    pub(super) fn come_to_rest(&mut self) {
        let all = 0..self.recorders.len();
        let stopped: Vec<_> = all.clone().filter(|which| !self.recorders[*which].runs()).collect();
        stopped.into_iter().for_each(|which| self.recorder_restarts(which));
        for _ in 0..10 {
            self.pass_seconds(240);
            self.minute();
            while self.recorders.iter().any(|recorder| !recorder.queue.is_empty()) {
                all.clone().for_each(|which| self.deliver(which, 1000, 0));
            }
        }
        self.pass_seconds(2);
    }

    /// Panics unless each minute is there at most once, and all of the card in use, in each ledger.
    pub(super) fn check(&mut self) {
        for recorder in &self.recorders {
            let recorded = recorder.recorded();
            for (minute, is) in &recorded {
                assert_eq!(*is, (self.counted[minute], 1), "pulses and rows of {minute}");
            }
            let card = &self.cards[&self.card];
            for count in card.minutes() {
                assert!(
                    recorded.contains_key(&count.minute),
                    "minute {} of {} is missing",
                    count.seq,
                    card.outbox
                );
            }
        }
        let card = self.card();
        assert_eq!(card.mark, card.last_seq(), "the mark of {}", card.outbox);
    }

    pub(super) fn recorded(&self) -> u64 {
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
