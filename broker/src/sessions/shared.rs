//! Shared subscriptions: sessions that divide among them what matches a filter, each message for one. Pure.
//!
//! A share is a name and a filter, written `$share/name/filter`. Those of all users are the same, as the standard
//! has it; whoever may subscribe to a filter may take part.

use std::collections::{BTreeMap, HashMap};

use crate::router::FilterId;
use crate::sessions::subscribers::Subscribers;
use crate::topics::SharePath;

/// All shares, by what they divide.
#[derive(Debug, Default)]
pub(super) struct SharedFilters {
    pub(super) by_filter: HashMap<FilterId, BTreeMap<SharePath, Members>>,
    count: usize,
}

/// The members of a share.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) subscribers: Subscribers,
    /// With whom the search for the next one begins.
    pub(super) turn: usize,
}

impl SharedFilters {
    pub(super) fn divides(&self, filter: FilterId) -> bool {
        self.by_filter.contains_key(&filter)
    }

    pub(super) fn members(&self, filter: FilterId, path: &str) -> Option<&Members> {
        self.by_filter.get(&filter)?.get(path)
    }

    pub(super) fn members_mut(&mut self, filter: FilterId, path: &str) -> &mut Members {
        let shares = self.by_filter.entry(filter).or_default();
        if !shares.contains_key(path) {
            self.count += 1;
        }
        shares.entry(path.into()).or_default()
    }

    /// Forgets a share that has no members any more.
    pub(super) fn remove_if_empty(&mut self, filter: FilterId, path: &str) {
        let Some(shares) = self.by_filter.get_mut(&filter) else { return };
        if shares.get(path).is_some_and(|members| members.subscribers.sessions.is_empty()) {
            shares.remove(path);
            self.count -= 1;
        }
        if shares.is_empty() {
            self.by_filter.remove(&filter);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }
}
