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

mod costs;
mod memory;
mod owner;
mod pool;
mod transit;

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;

pub(crate) use crate::account::costs::{
    RECEIVED, SMALL_WILL, filter_cost, owed_cost, retained_charges, retained_cost, session_cost,
};
pub(crate) use crate::account::owner::Owner;
use crate::account::pool::{Pool, most_of};
pub(crate) use crate::account::transit::{Lease, Transit};
use crate::settings::MqttSettings;

/// What one owner has.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Holding {
    /// A user's name, or an address behind a slash.
    owner: String,
    sessions: usize,
    filters: usize,
    retained: usize,
    /// Messages owed to its sessions.
    owed: usize,
    retained_bytes: usize,
    /// Of memory, for everything kept.
    bytes: usize,
    /// As many as it may have, while the others have what they have.
    max_bytes: usize,
    /// Bytes on their way to or from its clients, beyond what every connection has.
    in_transit: usize,
}

/// What there is only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sessions that outlive their connection.
    Sessions,
    /// Different filters of one owner.
    Filters,
    /// Retained messages.
    Retained,
    /// Bytes of their topics and payloads.
    RetainedBytes,
    /// Bytes of memory, for everything.
    Bytes,
}

/// The parts of the budget for what is not kept for long.
const BESIDES: usize = 8;

const KINDS: [Kind; 5] = [Kind::Sessions, Kind::Filters, Kind::Retained, Kind::RetainedBytes, Kind::Bytes];

/// Who has how much of what is kept.
#[derive(Debug)]
pub(crate) struct Account {
    pools: [Pool; KINDS.len()],
    transit: Transit,
    budget: usize,
}

impl Account {
    /// Nothing is kept yet. `users` is how many there are in the users file.
    pub(crate) fn new(settings: &MqttSettings, users: usize) -> Account {
        let budget = budget(settings);
        Account {
            pools: KINDS.map(|kind| Pool::new(total(kind, settings, budget), users)),
            transit: Transit::new(budget / BESIDES, users),
            budget,
        }
    }

    /// From now on there is so much, for so many users. What is kept stays.
    pub(crate) fn adopt(&mut self, settings: &MqttSettings, users: usize) {
        self.budget = budget(settings);
        for (kind, pool) in KINDS.into_iter().zip(&mut self.pools) {
            pool.divide(total(kind, settings, self.budget), users);
        }
        self.transit.divide(self.budget / BESIDES, users);
    }

    /// The part of it that the connections use.
    pub(crate) fn transit(&self) -> Transit {
        self.transit.clone()
    }

    /// Whether `owner` may have so much more.
    pub(crate) fn fits(&self, owner: &Owner, kind: Kind, amount: usize) -> bool {
        self.pools[kind as usize].fits(owner, amount)
    }

    /// How much more `owner` may take back after a restart: whatever it had has room, in whichever
    /// order the others took theirs, if there is as much in all as before.
    pub(crate) fn room_at_start(&self, owner: &Owner, kind: Kind) -> usize {
        let pool = &self.pools[kind as usize];
        pool.limit(owner).saturating_sub(pool.used(owner))
    }

    /// `owner` has so much more.
    pub(crate) fn charge(&mut self, owner: &Owner, kind: Kind, amount: usize) {
        self.pools[kind as usize].charge(owner, amount);
    }

    /// `owner` has so much less.
    pub(crate) fn credit(&mut self, owner: &Owner, kind: Kind, amount: usize) {
        self.pools[kind as usize].credit(owner, amount);
    }

    /// What `owner` keeps cost so many bytes before, and costs so many now.
    pub(crate) fn adjust(&mut self, owner: &Owner, before: usize, now: usize) {
        if now > before {
            self.charge(owner, Kind::Bytes, now - before);
        } else if now < before {
            self.credit(owner, Kind::Bytes, before - now);
        }
    }

    /// Who has the most, those with most memory first; `count` at most. `owed` tells how many messages are
    /// owed to whose sessions.
    pub(crate) fn largest(&self, count: usize, owed: &HashMap<Owner, usize>) -> Vec<Holding> {
        let bytes = &self.pools[Kind::Bytes as usize];
        let mut owners: Vec<_> = bytes.owners().collect();
        owners.sort_by_key(|(owner, used)| (Reverse(*used), *owner));
        owners.truncate(count);
        let holding = |(owner, used): (&Owner, usize)| {
            let used_of = |kind: Kind| self.pools[kind as usize].used(owner);
            Holding {
                owner: owner.to_string(),
                sessions: used_of(Kind::Sessions),
                filters: used_of(Kind::Filters),
                retained: used_of(Kind::Retained),
                owed: owed.get(owner).copied().unwrap_or(0),
                retained_bytes: used_of(Kind::RetainedBytes),
                bytes: used,
                max_bytes: bytes.share(owner),
                in_transit: self.transit.used_by(owner),
            }
        };
        owners.into_iter().map(holding).collect()
    }

    /// Bytes of memory that everything kept and on its way takes, and that all may take.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let kept: usize = self.pools[Kind::Bytes as usize].owners().map(|(_, used)| used).sum();
        (kept + self.transit.used(), self.budget)
    }

    /// Bytes that rumqttd may remember of topics and filters.
    pub(crate) fn remembered_bytes(&self) -> usize {
        self.budget / BESIDES
    }

    /// What all that is owed to a session of `owner` may cost, of which it now has `cost`: three
    /// quarters of what the owner's other things leave. So one session that nobody comes back to
    /// leaves room for the others, however long it is forgotten.
    pub(crate) fn session_share(&self, owner: &Owner, cost: usize) -> usize {
        let pool = &self.pools[Kind::Bytes as usize];
        let others = pool.used(owner).saturating_sub(cost);
        most_of(pool.share(owner).saturating_sub(others))
    }
}

/// How much there is of it in all.
fn total(kind: Kind, settings: &MqttSettings, budget: usize) -> usize {
    match kind {
        Kind::Sessions => settings.max_sessions,
        // As many as the router takes, whoever subscribes to them.
        Kind::Filters => settings.max_filters.saturating_mul(2),
        Kind::Retained => settings.max_retained,
        Kind::RetainedBytes => settings.max_retained_bytes,
        Kind::Bytes => budget - 2 * (budget / BESIDES),
    }
}

/// Bytes of memory for all that clients can make the broker keep: an eighth for what is on its way, an eighth for
/// what rumqttd remembers, and the rest for what is kept.
fn budget(settings: &MqttSettings) -> usize {
    match settings.max_kept_bytes {
        0 => memory::bytes_to_keep(),
        bytes => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_have_most_are_named_first() {
        // Of which 1,000 are for what is kept.
        let settings = MqttSettings { max_kept_bytes: 1_332, ..MqttSettings::default() };
        let mut account = Account::new(&settings, 4);
        let [one, other] = ["one", "other"].map(|name| Owner::User(name.into()));
        account.charge(&one, Kind::Bytes, 50);
        account.charge(&other, Kind::Bytes, 150);
        account.charge(&other, Kind::Sessions, 2);
        let largest = account.largest(1, &HashMap::new());
        assert_eq!(largest.len(), 1);
        assert_eq!((&*largest[0].owner, largest[0].sessions, largest[0].bytes), ("other", 2, 150));
        assert_eq!(largest[0].max_bytes, 475);
        assert_eq!(account.bytes(), (200, 1_332));
        account.adjust(&other, 150, 0);
        assert_eq!(account.largest(9, &HashMap::new()).len(), 1);
    }

    /// One session that is forgotten leaves room for the next, and that one for another.
    #[test]
    fn no_session_takes_all_that_its_owner_may_have() {
        // Of which 1,000 are for what is kept.
        let settings = MqttSettings { max_kept_bytes: 1_332, ..MqttSettings::default() };
        let mut account = Account::new(&settings, 0);
        let owner = Owner::new(None, [127, 0, 0, 1].into());
        let taken: Vec<_> = (0..3)
            .map(|_| {
                let share = account.session_share(&owner, 0);
                account.charge(&owner, Kind::Bytes, share);
                share
            })
            .collect();
        assert_eq!(taken, [563, 141, 35]);
    }
}
