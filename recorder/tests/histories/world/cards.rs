//! SD cards: changed for others, set back to images of themselves, and short of room.

use meter_messages::{Mark, PulseCount};

use super::{Fault, World, key};
use crate::card::Card;

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
        self.images.insert(self.card, self.cards[&self.card].clone());
    }

    /// The card in use is set back to its image.
    pub(crate) fn set_card_back(&mut self) {
        if let Some(image) = self.images.get(&self.card) {
            self.waiting.clear();
            if let Some(lost) = self.cards.insert(self.card, image.clone()) {
                self.destroyed.extend(lost.minutes().iter().map(key));
            }
            self.publisher_connects();
        }
    }

    /// The image, on a card of its own, changes places with the card in use.
    pub(crate) fn exchange_for_image(&mut self) {
        let card = self.cards[&self.card].clone();
        self.set_card_back();
        self.images.insert(self.card, card);
    }

    pub(crate) fn prune_card(&mut self) {
        if self.is_full {
            return;
        }
        let unmarked = self.is(Fault::UnmarkedPruned);
        let card = self.card();
        let to = if unmarked { u64::MAX } else { card.mark };
        let gone = card.prune(to);
        self.is_gone(&gone);
    }

    /// The card is an old copy: what a mark does not cover goes on in a new outbox.
    pub(super) fn begin_anew(&mut self, mark: &Mark) {
        let outbox = self.new_outbox();
        let gone = self.card().begin_anew(mark, outbox);
        self.is_gone(&gone);
        self.publisher_connects();
    }

    /// What an outbox no longer holds is in the ledger, unless that is changed for another.
    fn is_gone(&mut self, gone: &[PulseCount]) {
        let place = if self.is_restored { &mut self.destroyed } else { &mut self.pruned };
        place.extend(gone.iter().map(key));
    }
}
