//! Which minutes a session brings. Pure.
//!
//! A recorder that is alone hears the minutes of all sites. One among several hears those of its own, each by a filter of its
//! own, and is not woken for what others record; the filters of all sites' `info` stay, by which a new site is found.
//! Whoever has more sites than filters hears all of them again.

use std::collections::HashSet;

use meter_messages::{ALL_MINUTES, SiteId, minutes_of};

/// What recorders say only to hear whether it comes back is of this filter, which the one of all minutes covers. No site has such a
/// name.
pub(crate) const ECHOES: &str = "powerpi/ECHO/+/minute";

/// Whose minutes a recorder wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Wanted {
    /// It does not know yet whether there are others.
    #[default]
    Undecided,
    /// It is alone.
    All,
    /// Those of its own sites: there are others for the rest.
    Of(HashSet<SiteId>),
}

/// The filters of a session's minutes.
#[derive(Debug)]
pub(crate) struct MinuteFilters {
    /// With more sites, all are heard.
    most: usize,
    has: Has,
    /// Whether the session has ever had anything but the filter of all, as far as is known.
    was_narrow: bool,
    /// Whether the broker has refused a filter over this connection.
    is_refused: bool,
    /// Sites whose filters were ended over this connection: what comes of them still was on its way.
    ended: HashSet<SiteId>,
}

/// What the session is subscribed to.
#[derive(Debug, PartialEq, Eq)]
enum Has {
    /// It is from before, or what was said last may have been lost.
    Unknown,
    All,
    Of(HashSet<SiteId>),
}

/// What to say to the broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Subscribe(String),
    Unsubscribe(String),
}

impl MinuteFilters {
    pub(crate) fn new(most: usize) -> Self {
        let (is_refused, was_narrow) = (false, true);
        Self { most, has: Has::Unknown, was_narrow, is_refused, ended: HashSet::new() }
    }

    /// A connection begins. A new session is subscribed to all.
    pub(crate) fn connected(&mut self, session_present: bool) {
        (self.is_refused, self.ended) = (false, HashSet::new());
        if !session_present {
            (self.has, self.was_narrow) = (Has::All, false);
        } else if self.was_narrow {
            self.has = Has::Unknown;
        }
    }

    /// Something else was subscribed to: what is wanted is to be said anew.
    pub(crate) fn forget(&mut self) {
        (self.has, self.was_narrow) = (Has::Unknown, true);
    }

    /// Changes to what is wanted, step by step, so that what is wanted comes all the time.
    pub(crate) fn change(&mut self, wanted: &Wanted) -> Vec<Step> {
        match wanted {
            Wanted::Undecided => Vec::new(),
            Wanted::Of(sites) if sites.len() <= self.most && !self.is_refused => self.narrow(sites),
            Wanted::All | Wanted::Of(_) => self.widen(),
        }
    }

    fn narrow(&mut self, sites: &HashSet<SiteId>) -> Vec<Step> {
        self.was_narrow = true;
        let before = std::mem::replace(&mut self.has, Has::Of(sites.clone()));
        let is_first = !matches!(before, Has::Of(_));
        let before = if let Has::Of(before) = before { before } else { HashSet::new() };
        let (new, gone) = (sites.difference(&before), before.difference(sites));
        self.ended.retain(|site| !sites.contains(site));
        self.ended.extend(gone.clone().cloned());
        let at_first = |step: fn(String) -> Step, filter: &str| is_first.then(|| step(filter.to_owned()));
        let mut steps: Vec<Step> = at_first(Step::Subscribe, ECHOES).into_iter().collect();
        steps.extend(new.map(minutes_of).map(Step::Subscribe));
        steps.extend(gone.map(minutes_of).map(Step::Unsubscribe));
        steps.extend(at_first(Step::Unsubscribe, ALL_MINUTES));
        steps
    }

    /// Where the broker takes no more filters, there is room for the one of all after that of echoes.
    fn widen(&mut self) -> Vec<Step> {
        let all = || Step::Subscribe(ALL_MINUTES.to_owned());
        match std::mem::replace(&mut self.has, Has::All) {
            Has::All => Vec::new(),
            Has::Unknown => vec![all()],
            Has::Of(sites) => {
                let first = [Step::Unsubscribe(ECHOES.to_owned()), all()];
                first.into_iter().chain(sites.iter().map(minutes_of).map(Step::Unsubscribe)).collect()
            }
        }
    }

    /// The filter to end where a minute of a site has come that is another one's: the session has it from before.
    pub(crate) fn stray(&self, site: &SiteId) -> Option<String> {
        let Has::Of(sites) = &self.has else { return None };
        (!sites.contains(site) && !self.ended.contains(site)).then(|| minutes_of(site))
    }

    /// That filter was ended.
    pub(crate) fn ended(&mut self, site: SiteId) {
        self.ended.insert(site);
    }

    /// The broker has refused a filter; whether one of these may be meant.
    pub(crate) fn refused(&mut self) -> bool {
        !std::mem::replace(&mut self.is_refused, true) && matches!(self.has, Has::Of(_))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(sites: &[&str]) -> Wanted {
        Wanted::Of(sites.iter().map(|site| site.parse().unwrap()).collect())
    }

    /// What is subscribed to and what is ended, in the order of the alphabet. What is wanted comes all the time.
    fn change(filters: &mut MinuteFilters, wanted: &Wanted) -> [Vec<String>; 2] {
        let (mut subscribed, mut ended) = (Vec::new(), Vec::new());
        for step in filters.change(wanted) {
            match step {
                Step::Subscribe(filter) => {
                    assert!(ended.is_empty() || ended == [ECHOES], "{filter} after {ended:?}");
                    subscribed.push(filter);
                }
                Step::Unsubscribe(filter) => ended.push(filter),
            }
        }
        subscribed.sort();
        ended.sort();
        [subscribed, ended]
    }

    fn named<const N: usize>(filters: [&str; N]) -> Vec<String> {
        filters.map(str::to_owned).into()
    }

    #[test]
    fn one_among_several_hears_its_own_sites_and_one_alone_hears_all() {
        let mut filters = MinuteFilters::new(2);
        filters.connected(false);
        assert_eq!(change(&mut filters, &Wanted::Undecided), [[], []].map(named));
        assert_eq!(change(&mut filters, &Wanted::All), [[], []].map(named));
        let first = [named([ECHOES, "powerpi/a/+/minute", "powerpi/b/+/minute"]), named([ALL_MINUTES])];
        assert_eq!(change(&mut filters, &of(&["a", "b"])), first);
        assert_eq!(change(&mut filters, &of(&["b", "a"])), [[], []].map(named));
        let next = [["powerpi/c/+/minute"], ["powerpi/a/+/minute"]].map(named);
        assert_eq!(change(&mut filters, &of(&["b", "c"])), next);
        let all = [named([ALL_MINUTES]), named([ECHOES, "powerpi/b/+/minute", "powerpi/c/+/minute"])];
        assert_eq!(change(&mut filters, &of(&["a", "b", "c"])), all, "more sites than filters");
        assert_eq!(change(&mut filters, &of(&[])), [[ECHOES], [ALL_MINUTES]].map(named));
        assert_eq!(change(&mut filters, &Wanted::All), [[ALL_MINUTES], [ECHOES]].map(named));
    }

    #[test]
    fn what_a_session_has_from_before_is_not_known_and_ends_with_what_comes_of_it() {
        let mut filters = MinuteFilters::new(2);
        filters.connected(true);
        assert_eq!(change(&mut filters, &of(&["a"]))[1], [ALL_MINUTES]);
        let [b, a]: [SiteId; 2] = ["b", "a"].map(|site| site.parse().unwrap());
        assert_eq!((filters.stray(&a), filters.stray(&b)), (None, Some("powerpi/b/+/minute".to_owned())));
        filters.ended(b.clone());
        assert_eq!(filters.stray(&b), None, "once");
        assert_eq!(
            change(&mut filters, &of(&["b"])),
            [["powerpi/b/+/minute"], ["powerpi/a/+/minute"]].map(named)
        );
        assert_eq!((filters.stray(&a), filters.stray(&b)), (None, None), "on its way");
        // What was said just before the connection ended may not have come through.
        filters.connected(true);
        assert_eq!(
            change(&mut filters, &of(&["b"])),
            [named([ECHOES, "powerpi/b/+/minute"]), named([ALL_MINUTES])]
        );
        filters.connected(true);
        assert_eq!(change(&mut filters, &Wanted::All), [named([ALL_MINUTES]), named([])]);
        assert_eq!(filters.stray(&a), None);
        filters.connected(false);
        filters.connected(true);
        assert_eq!(change(&mut filters, &Wanted::All), [[], []].map(named), "nobody has changed it");
    }

    #[test]
    fn where_the_broker_refuses_a_filter_all_are_heard() {
        let mut filters = MinuteFilters::new(2);
        filters.connected(false);
        assert!(!filters.refused(), "another one is meant");
        filters.connected(false);
        filters.change(&of(&["a"]));
        assert!(filters.refused() && !filters.refused());
        assert_eq!(
            change(&mut filters, &of(&["a"])),
            [named([ALL_MINUTES]), named([ECHOES, "powerpi/a/+/minute"])]
        );
        assert_eq!(change(&mut filters, &of(&["a", "b"])), [[], []].map(named));
    }
}
