//! A publisher, a broker and its recorders in virtual time. The publisher's delivery and the recorders'
//! bookkeeping, with their ledgers, are the real ones.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use meter_messages::{Info, Mark, Minute, OutboxId, OutboxMinute, PulseCount};
use pi_publisher::delivery::Delivery;
use recorder::bookkeeping::{Input, Output};
use rumqttc::{Publish, QoS};
use tempfile::TempDir;

use crate::card::Card;
use crate::recorder::{RecordedRow, Recorder, input};

const FIRST_MINUTE: i64 = 29_000_000;
/// What a recorder takes for true lies at most so many minutes ahead of its clock.
const AHEAD: i64 = 24 * 60;
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
    /// The publisher drops what it cannot write.
    FullDropsMinutes,
    /// The publisher makes room by what is not marked.
    UnmarkedPruned,
    /// The publisher's clock is set back, and it counts the same minutes a second time.
    MinutesTwice,
    /// The recorder says the marks of what its disk refused.
    FullSaysMarks,
}

impl Fault {
    pub(super) const ALL: [Self; 8] = [
        Self::MarkBeforeCommit,
        Self::RepeatIgnored,
        Self::CopyGoesOn,
        Self::OutboxNotSaid,
        Self::FullDropsMinutes,
        Self::UnmarkedPruned,
        Self::MinutesTwice,
        Self::FullSaysMarks,
    ];
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
    images: HashMap<usize, Card>,
    delivery: Delivery,
    /// What the broker retains.
    retained_info: Option<Publish>,
    retained_mark: Option<Mark>,
    /// What was counted, by minute and total: pulses, and seconds watched.
    counted: HashMap<(Minute, u64), (u32, u8)>,
    /// What need not be recorded in the end: it was only where it was destroyed.
    destroyed: HashSet<(Minute, u64)>,
    /// What made room in its outbox; it is recorded unless a ledger loses it.
    pruned: HashSet<(Minute, u64)>,
    /// Whether a ledger may have lost something.
    is_restored: bool,
}

fn key(count: &PulseCount) -> (Minute, u64) {
    (count.minute, count.total)
}

impl World {
    pub(super) fn new(recorders: usize, fault: Option<Fault>) -> Self {
        // Each commit is flushed to disk; a file system in memory makes that quick.
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        let recorders_are_two = recorders == 2;
        let recorders = (0..recorders).map(|n| Recorder::new(folder.path(), &format!("ledger{n}"))).collect();
        let mut world = Self {
            _folder: folder,
            fault,
            recorders,
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
            destroyed: HashSet::new(),
            pruned: HashSet::new(),
            is_restored: recorders_are_two,
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

    /// The publisher starts with a clock that is so many minutes ahead, or (`None`) not set.
    pub(super) fn publisher_starts_at(&mut self, ahead: Option<i64>) {
        self.clock = ahead;
        self.publisher_killed();
    }

    /// There is room on the publisher's disk, or none.
    pub(super) fn card_is_full(&mut self, is_full: bool) {
        self.is_full = is_full;
        self.write_to_card();
        self.send();
    }

    /// A recorder's clock is so many minutes ahead, or (`None`) not set. It may have been right all the time.
    pub(super) fn recorder_clock(&mut self, which: usize, ahead: Option<i64>) {
        let minute = |ahead: i64| Minute::nearest(FIRST_MINUTE + self.passed + ahead + AHEAD);
        self.recorders[which].latest = ahead.map(minute);
    }

    pub(super) fn fill_ledgers_disk(&mut self, which: usize, table: usize) {
        self.recorders[which].fill_disk(table);
    }

    pub(super) fn make_ledgers_room(&mut self, which: usize) {
        self.recorders[which].make_room();
    }

    pub(super) fn pass_seconds(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        // Marks that waited.
        for which in 0..self.recorders.len() {
            self.record(which, &[]);
        }
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
        let batch = recorder.take(messages, from);
        let inputs: Vec<_> = batch.iter().cloned().map(input).collect();
        if !inputs.is_empty() && !self.record(which, &inputs) {
            self.recorders[which].put_back(batch);
        }
    }

    pub(super) fn forget(&mut self, which: usize, messages: usize, from: usize) {
        self.recorders[which].take(messages, from);
    }

    pub(super) fn repeat(&mut self, which: usize, messages: usize, from: usize) {
        let again = self.recorders[which].take(messages, from);
        self.recorders[which].queue.extend(again.iter().cloned().chain(again.clone()));
    }

    /// False if the recorder's disk is full: then nothing has changed.
    fn record(&mut self, which: usize, inputs: &[Input]) -> bool {
        let (now, says_all_the_same) = (self.now, self.is(Fault::FullSaysMarks));
        let recorder = &mut self.recorders[which];
        if let Some(output) = recorder.record(inputs, now) {
            self.say(which, output);
            return true;
        }
        if says_all_the_same {
            let output = recorder.forgetting(|recorder| recorder.record(inputs, now));
            self.say(which, output.unwrap_or_default());
            self.recorder_restarts(which);
        }
        false
    }

    fn say(&mut self, which: usize, output: Output) {
        for (_, mark) in output.marks {
            self.retained_mark = Some(mark.clone());
            self.hear(&mark);
        }
        for (_, outbox) in output.strangers {
            let hears_of_it = outbox.map(|outbox| Mark {
                outbox,
                seq: 0,
                minute: None,
                missing: Vec::new(),
                recorder: None,
            });
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
            if self.is_full {
                return;
            }
            let outbox = self.new_outbox();
            let gone = self.card().begin_anew(mark, outbox);
            self.is_gone(&gone);
            return self.publisher_connects();
        }
        let repeats = mark.seq <= std::mem::replace(&mut card.mark, mark.seq);
        if repeats && self.is(Fault::RepeatIgnored) {
            return;
        }
        let known = mark.missing.iter().filter(|[from, _]| *from <= last_seq);
        let missing: Vec<_> = known.map(|&[from, to]| [from, to.min(last_seq)]).collect();
        self.delivery.mark(mark.recorder, mark.seq, &missing);
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
        // Its power is cut meanwhile.
        self.waiting.clear();
        self.card = card;
        if !self.cards.contains_key(&card) {
            let outbox = self.new_outbox();
            // No two have the same count.
            self.cards.insert(card, Card::new(outbox, self.outboxes * 1_000_000));
        }
        self.publisher_connects();
    }

    pub(super) fn image_card(&mut self) {
        self.images.insert(self.card, self.cards[&self.card].clone());
    }

    /// The card in use is set back to its image.
    pub(super) fn set_card_back(&mut self) {
        if let Some(image) = self.images.get(&self.card) {
            self.waiting.clear();
            if let Some(lost) = self.cards.insert(self.card, image.clone()) {
                self.destroyed.extend(lost.minutes().iter().map(key));
            }
            self.publisher_connects();
        }
    }

    pub(super) fn prune_card(&mut self) {
        if self.is_full {
            return;
        }
        let unmarked = self.is(Fault::UnmarkedPruned);
        let card = self.card();
        let to = if unmarked { u64::MAX } else { card.mark };
        let gone = card.prune(to);
        self.is_gone(&gone);
    }

    /// What an outbox no longer holds is in the ledger, unless that is changed for another.
    fn is_gone(&mut self, gone: &[PulseCount]) {
        let place = if self.is_restored { &mut self.destroyed } else { &mut self.pruned };
        place.extend(gone.iter().map(key));
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
                    self.say(which, output.unwrap_or_default());
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
            self.is_restored = true;
            self.destroyed.extend(self.pruned.drain());
            self.recorder_restarts(which);
        }
    }

    /// Whoever was stopped runs again, with room and the right time; days pass, and all that is sent arrives: what
    /// is missing is asked for.
    pub(super) fn come_to_rest(&mut self) {
        let all = 0..self.recorders.len();
        self.passed += 10_000;
        self.clock = Some(0);
        self.card_is_full(false);
        for which in all.clone() {
            self.make_ledgers_room(which);
            if self.recorders[which].latest.is_some() {
                self.recorder_clock(which, Some(0));
            }
        }
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

    /// Panics unless each ledger holds each minute at most once, all that is on the card in use, and all that was
    /// neither destroyed nor is on a card that is not in use.
    pub(super) fn check(&mut self) {
        let others = self.cards.iter().filter(|(card, _)| **card != self.card);
        let elsewhere: HashSet<_> = others.flat_map(|(_, card)| card.minutes().iter().map(key)).collect();
        let excused = |count: &&(Minute, u64)| elsewhere.contains(*count) || self.destroyed.contains(*count);
        let card = &self.cards[&self.card];
        let here: HashSet<_> = card.minutes().iter().map(key).collect();
        let all = self.counted.keys().filter(|count| here.contains(*count) || !excused(count));
        let all: Vec<_> = all.collect();
        for recorder in &mut self.recorders {
            let rows = recorder.recorded();
            let recorded: HashMap<_, _> = rows.iter().copied().collect();
            assert_eq!(recorded.len(), rows.len(), "a minute is recorded twice: {:?}", twice(&rows));
            for (count, is) in &recorded {
                assert_eq!(Some(is), self.counted.get(count), "pulses and seconds of {}", count.0);
            }
            for count in &all {
                let is_there = recorded.contains_key(count);
                assert!(is_there, "minute {} of {} is missing, total {}", count.0, card.outbox, count.1);
            }
        }
        let card = self.card();
        assert_eq!(card.mark, card.last_seq(), "the mark of {}", card.outbox);
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

/// The first minute that is there twice.
fn twice(rows: &[RecordedRow]) -> Option<Minute> {
    let mut seen = HashSet::new();
    rows.iter().find(|(count, _)| !seen.insert(count)).map(|((minute, _), _)| *minute)
}
