//! Keeping messages for those who subscribe later, at the expense of those who publish them.

use std::sync::Arc;

use crate::account::{Account, Kind, Owner, retained_charges};
use crate::exchange::Exchange;
use crate::exchange::figures::NotRetained;
use crate::message::Message;
use crate::publication::Publication;
use crate::retained::RetainedMessage;
use crate::store::Change;

impl Exchange {
    /// Keeps a message in the place of the topic's last one, if its owner has room for it. An empty
    /// one only deletes.
    pub(super) fn retain(&mut self, publication: &Publication, owner: Option<&Owner>) {
        let Publication { message, qos, .. } = publication;
        let earlier = self.retained.get(&message.topic);
        let is_empty = message.payload.is_empty();
        if let Some(owner) = owner.filter(|_| !is_empty)
            && let Err(reason) = has_room(&self.account, owner, message, earlier)
        {
            let count = self.figures.not_retained.take().map_or(1, |(count, _)| count + 1);
            self.figures.not_retained = Some((count, reason));
            return;
        }
        if let Some(RetainedMessage { message, owner: Some(owner), .. }) = earlier {
            credit(&mut self.account, owner, message);
        }
        if is_empty {
            self.retained.remove(&message.topic);
        } else {
            if let Some(owner) = owner {
                for (kind, amount) in retained_charges(message) {
                    self.account.charge(owner, kind, amount);
                }
            }
            self.retained.insert(Arc::clone(message), *qos, owner.cloned());
        }
        let Some(owner) = owner.filter(|_| !message.topic.starts_with("$SYS/")) else {
            // The broker's own figures are made anew.
            return;
        };
        self.journal.record(if is_empty {
            Change::Unretained { topic: message.topic.clone(), qos: *qos }
        } else {
            Change::Retained { message: Arc::clone(message), qos: *qos, owner: owner.clone() }
        });
    }

    pub(super) fn expire_retained(&mut self) {
        for RetainedMessage { message, qos, owner, .. } in self.retained.expire(self.now) {
            if let Some(owner) = owner {
                credit(&mut self.account, &owner, &message);
            }
            self.journal.record(Change::Unretained { topic: message.topic.clone(), qos });
        }
    }
}

fn credit(account: &mut Account, owner: &Owner, message: &Message) {
    for (kind, amount) in retained_charges(message) {
        account.credit(owner, kind, amount);
    }
}

/// Whether `owner` may retain a message in the place of an earlier one. What takes no more room than
/// the owner's earlier one does is always taken.
fn has_room(
    account: &Account,
    owner: &Owner,
    message: &Message,
    earlier: Option<&RetainedMessage>,
) -> Result<(), NotRetained> {
    let own = earlier.filter(|earlier| earlier.owner.as_ref() == Some(owner));
    let had = own.map_or([0; 3], |own| retained_charges(&own.message).map(|(_, amount)| amount));
    for ((kind, amount), had) in retained_charges(message).into_iter().zip(had) {
        if amount > had && !account.fits(owner, kind, amount - had) {
            return Err(match kind {
                Kind::Retained => NotRetained::Messages(owner.clone()),
                Kind::RetainedBytes => NotRetained::Bytes(owner.clone()),
                _ => NotRetained::Memory(owner.clone()),
            });
        }
    }
    Ok(())
}
