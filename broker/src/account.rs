//! The account of what is kept for clients: who takes how much of it, and how much more each may
//! take. Pure.
//!
//! Of everything that clients can make the broker keep there is so much and no more. Half of it is
//! divided into equal *parts*: one for each user, and one for all clients without a user together.
//! The rest is shared: whoever needs more than its part gets up to three quarters of what the
//! others leave of it. So one that takes all it can leaves something for each that comes later,
//! and never touches another one's part.
//!
//! Who is over its share is refused, or loses what is oldest of its own; nobody else loses
//! anything.

mod owner;
mod pool;

pub(crate) use crate::account::owner::Owner;
use crate::account::pool::Pool;
use crate::settings::MqttSettings;

/// What there is only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sessions that outlive their connection.
    Sessions,
}

const KINDS: [Kind; 1] = [Kind::Sessions];

/// Who has how much of what is kept.
#[derive(Debug)]
pub(crate) struct Account {
    pools: [Pool; KINDS.len()],
}

impl Account {
    /// Nothing is kept yet. `users` is how many there are in the users file.
    pub(crate) fn new(settings: &MqttSettings, users: usize) -> Account {
        Account { pools: KINDS.map(|kind| Pool::new(total(kind, settings), users)) }
    }

    /// From now on there is so much, for so many users. What is kept stays.
    pub(crate) fn adopt(&mut self, settings: &MqttSettings, users: usize) {
        for (kind, pool) in KINDS.into_iter().zip(&mut self.pools) {
            pool.divide(total(kind, settings), users);
        }
    }

    /// Whether `owner` may have so much more.
    pub(crate) fn fits(&self, owner: &Owner, kind: Kind, amount: usize) -> bool {
        self.pools[kind as usize].fits(owner, amount)
    }

    /// `owner` has so much more.
    pub(crate) fn charge(&mut self, owner: &Owner, kind: Kind, amount: usize) {
        self.pools[kind as usize].charge(owner, amount);
    }

    /// `owner` has so much less.
    pub(crate) fn credit(&mut self, owner: &Owner, kind: Kind, amount: usize) {
        self.pools[kind as usize].credit(owner, amount);
    }
}

/// How much there is of it in all.
fn total(kind: Kind, settings: &MqttSettings) -> usize {
    match kind {
        Kind::Sessions => settings.max_sessions,
    }
}
