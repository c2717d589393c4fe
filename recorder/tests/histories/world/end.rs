//! How a history ends, and what has to be true then.

use std::collections::{HashMap, HashSet};

use meter_messages::Minute;

use super::{World, key};
use crate::recorder::{Count, RecordedRow};

/// Rounds of four minutes that are played at the end …
const ROUNDS: usize = 6;

/// … and how many more there may be: a recorder asks again after ten minutes at the latest.
const MORE_ROUNDS: usize = 40;

impl World {
    /// Whoever was stopped runs again, with room and the right time; days pass, and all that is sent arrives: what
    /// is missing is asked for.
    pub(crate) fn come_to_rest(&mut self) {
        let all = 0..self.recorders.len();
        self.passed += 10_000;
        self.clock = Some(0);
        self.card_is_full(false);
        for which in all.clone() {
            self.make_ledgers_room(which);
            self.recorder_clock(which, Some(0));
        }
        let stopped: Vec<_> = all.filter(|which| !self.recorders[*which].runs()).collect();
        stopped.into_iter().for_each(|which| self.recorder_restarts(which));
        (0..ROUNDS).for_each(|_| self.round());
        for _ in 0..MORE_ROUNDS {
            if self.is_wrong().is_none() {
                break;
            }
            self.round();
        }
    }

    fn round(&mut self) {
        self.pass_seconds(240);
        self.minute();
        while self.recorders.iter().any(|recorder| !recorder.queue.is_empty()) {
            (0..self.recorders.len()).for_each(|which| self.deliver(which, 1000, 0));
        }
        self.pass_seconds(2);
    }

    /// # Panics
    /// If something is wrong.
    pub(crate) fn check(&mut self) {
        assert_eq!(self.is_wrong(), None);
    }

    /// What is wrong, if not each ledger holds each minute at most once, all that is on the card in use, and all else
    /// but what it need not have and what is on a card that is not in use.
    pub(crate) fn is_wrong(&mut self) -> Option<String> {
        let (mark, card) = (self.card().mark, &self.cards[&self.card]);
        if mark != card.last_seq() {
            return Some(format!("the mark of {} is {mark}, not {}", card.outbox, card.last_seq()));
        }
        let others = self.cards.iter().filter(|(card, _)| **card != self.card).map(|(_, card)| card);
        let in_use = self.images.values().filter(|image| image.was_in_use);
        let others = others.chain(in_use.map(|image| &image.card));
        let elsewhere: HashSet<_> = others.flat_map(|card| card.minutes().iter().map(key)).collect();
        let here: HashSet<_> = card.minutes().iter().map(key).collect();
        self.recorders.iter_mut().find_map(|recorder| {
            let rows = recorder.recorded();
            let recorded: HashMap<_, _> = rows.iter().copied().collect();
            let is_needed = |count: &&Count| {
                here.contains(*count) || !elsewhere.contains(*count) && !recorder.need_not.contains(*count)
            };
            let mut needed = self.counted.keys().filter(is_needed);
            let mut missing = || needed.find(|count| !recorded.contains_key(*count));
            let invented = || rows.iter().find(|(count, is)| self.counted.get(count) != Some(is));
            if let Some(minute) = twice(&rows) {
                return Some(format!("{minute} is recorded twice"));
            }
            if let Some(((minute, _), is)) = invented() {
                return Some(format!("{minute} was not counted like this: {is:?}"));
            }
            missing().map(|(minute, total)| format!("{minute} of {} is missing, total {total}", card.outbox))
        })
    }
}

/// The first minute that is there twice.
fn twice(rows: &[RecordedRow]) -> Option<Minute> {
    let mut seen = HashSet::new();
    rows.iter().find(|(count, _)| !seen.insert(count)).map(|((minute, _), _)| *minute)
}
