//! SD cards: changed for others, set back to images of themselves, and short of room.

use std::collections::HashSet;

use meter_messages::{Mark, PulseCount};

use super::{Fault, World, key};
use crate::card::{Card, Image};

impl World {
    /// Another card, with what it holds; the one that was in use is kept.
    pub(crate) fn insert_card(&mut self, card: usize) {
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

    pub(crate) fn image_card(&mut self) {
        let image = Image { card: self.cards[&self.card].clone(), was_in_use: false };
        let former = self.images.insert(self.card, image);
        if let Some(former) = former.filter(|former| former.was_in_use) {
            self.is_destroyed(former.card.minutes());
        }
    }

    /// The card in use is set back to its image.
    pub(crate) fn set_card_back(&mut self) {
        if let Some(image) = self.images.get_mut(&self.card) {
            self.waiting.clear();
            image.was_in_use = false;
            if let Some(lost) = self.cards.insert(self.card, image.card.clone()) {
                self.is_destroyed(lost.minutes());
            }
            self.publisher_connects();
        }
    }

    /// The image, on a card of its own, changes places with the card in use.
    pub(crate) fn exchange_for_image(&mut self) {
        if let Some(image) = self.images.remove(&self.card) {
            self.waiting.clear();
            let card = self.cards.insert(self.card, image.card);
            self.images.extend(card.map(|card| (self.card, Image { card, was_in_use: true })));
            self.publisher_connects();
        }
    }

    pub(crate) fn prune_card(&mut self) {
        if self.is_full {
            return;
        }
        let unmarked = self.is(Fault::UnmarkedPruned);
        let card = self.card();
        let to = if unmarked { u64::MAX } else { card.mark };
        let gone = card.prune(to);
        self.is_pruned(&gone);
    }

    /// The card is an old copy: what it holds goes on in a new outbox.
    pub(super) fn begin_anew(&mut self, mark: &Mark) {
        if self.is(Fault::MarkedLeftOut) {
            let is_lost = |seq| mark.lost.iter().any(|[from, to]| (*from..=*to).contains(&seq));
            let is_later = |count: &PulseCount| mark.minute.is_none_or(|recorded| count.minute > recorded);
            self.card().keep(|count| is_later(count) || is_lost(count.seq));
        }
        let outbox = self.new_outbox();
        self.card().begin_anew(outbox);
        self.publisher_connects();
    }

    /// A card or an image is gone: what no other one holds, a ledger that has not recorded it yet need not have.
    fn is_destroyed(&mut self, gone: &[PulseCount]) {
        let held: HashSet<_> = self.cards.values().flat_map(|card| card.minutes().iter().map(key)).collect();
        let gone: Vec<_> = gone.iter().map(key).filter(|count| !held.contains(count)).collect();
        self.recorders.iter_mut().for_each(|recorder| recorder.is_last_to_hold(&gone, true));
    }

    /// The publisher has dropped what a mark covered. A ledger that has not recorded it need not only where nobody can
    /// know that it has not: it was put back since the mark was said, or the mark was the other recorder's.
    fn is_pruned(&mut self, gone: &[PulseCount]) {
        let is_other = self.recorders.len() > 1;
        let gone: Vec<_> = gone.iter().map(key).collect();
        for recorder in &mut self.recorders {
            recorder.is_last_to_hold(&gone, is_other || recorder.was_restored);
        }
    }
}
