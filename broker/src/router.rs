//! Which filters a topic matches. rumqttd's [`Router`](rumqttd::Router) is the matching core;
//! a tree of all filters answers where asking it would cost too much.
//!
//! rumqttd compares every new filter with every topic it has met and every new topic with every
//! filter it has met, and forgets neither. So it gets to know only what it can at a bounded
//! price: what one round asks of it is counted ([`Work`]), and so is what it remembers, filters,
//! topics and their product. Whatever goes beyond, or is not its turn yet, is found in the tree,
//! with the same result. Nor is it asked again what it has just answered: which filters a topic matches is remembered
//! until somebody subscribes to another filter or unsubscribes (asking wakes its thread, which cost a single message
//! more than all else). Once more of what rumqttd remembers is of no use than is, it is started
//! anew (a [`Generation`]) and gets to know what is subscribed to, a part in each round.

mod generation;

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;

use crate::router::generation::{BATCH, BYTES_BESIDES_TOPIC, Generation, LAST_FENCE, SEGMENT_BYTES};
pub(crate) use crate::router::generation::{FilterId, RouterFailure};
use crate::topic_tree::{Found, Search, TopicTree};
use crate::work::{WORK_OF_A_ROUND, Work};

/// Filters times topics that rumqttd may remember: it compares each with each at least once.
const MAX_PRODUCT: usize = 2_000_000;
/// Filters, and topics, that rumqttd may remember: a round has to be enough to compare them all
/// with a new one.
const MOST: usize = WORK_OF_A_ROUND / 20;
/// Filters that rumqttd may remember.
const MOST_FILTERS: usize = 1_000;
/// Longer filters and topics rumqttd does not get to know.
const LONGEST: usize = 1_024;
/// What rumqttd and we remember of a filter and of a topic, in bytes, besides its text, which is there
/// [`COPIES`] times. rumqttd makes room for a thousand messages of each filter: 8,750 of them took 558 MB after a
/// restart.
const FILTER: usize = 66_000;
const TOPIC: usize = 700;
const COPIES: usize = 4;
/// What rumqttd keeps of a message for each filter that it matches, in bytes. It keeps the last ones in
/// [`SEGMENT_BYTES`] of topics, and knows no other limit.
const LOGGED: usize = 320;
/// So many matches of a topic are remembered; more are looked for each time.
const REMEMBERED: usize = 8;
/// Matches that are asked for at once.
const MATCHES: usize = 100_000;
/// As much as this rumqttd may remember for nothing.
const UNUSED: usize = 100;
/// Ticks, which are seconds, from one look for unused topics to the next.
const LOOK_EVERY: u32 = 120;

/// Message `index` of those routed together matches `filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    pub(crate) index: usize,
    pub(crate) filter: FilterId,
}

/// The filter cannot be added: as many different ones as may be are subscribed to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {0} different filters already, which is the limit")]
pub(crate) struct TooManyFilters(usize);

/// How much rumqttd may remember at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouterLimits {
    /// Different filters (about 6 KB each). Twice as many can be subscribed to.
    pub(crate) max_filters: usize,
    /// Different topics.
    pub(crate) max_topics: usize,
    /// Bytes of memory that it takes: half for both, half for messages that have matched.
    pub(crate) max_bytes: usize,
}

/// A filter that somebody subscribes to.
#[derive(Debug)]
struct Filter {
    id: FilterId,
    /// Whether rumqttd knows it.
    is_known: bool,
}

/// A topic that rumqttd has met.
#[derive(Debug)]
struct Topic {
    /// As rumqttd sees it.
    inside: Bytes,
    /// Whether it has matched something: rumqttd compares others with all filters each time.
    has_matched: bool,
    /// Whether somebody has published under it since the last look.
    is_used: bool,
    /// What it matches, and of which [edition](Router::edition) of the filters.
    matches: Option<(u64, Box<[FilterId]>)>,
}

/// Subscribed filters, and what of them and of topics rumqttd knows. Its calls may block; it
/// belongs to the exchange's thread.
pub(crate) struct Router {
    limits: RouterLimits,
    max_subscribed: usize,
    generation: Generation,
    filters: TopicTree<Filter>,
    last_filter: FilterId,
    /// Counts how often the filters have changed.
    edition: u64,
    /// How many of them rumqttd knows.
    known: usize,
    /// Those that rumqttd is about to get to know.
    waiting: BTreeMap<FilterId, String>,
    /// Every filter that this generation has met.
    met_filters: HashSet<String>,
    /// Every topic that it has met.
    topics: HashMap<String, Topic>,
    /// Bytes that all of it takes.
    remembered: usize,
    /// Messages times filters that they have matched, of this generation.
    logged: usize,
    ticks: u32,
}

impl Router {
    /// Starts rumqttd's thread.
    pub(crate) fn start(limits: RouterLimits) -> Result<Router, RouterFailure> {
        let max_subscribed = limits.max_filters.saturating_mul(2);
        let limits = RouterLimits {
            max_filters: limits.max_filters.min(MOST_FILTERS),
            max_topics: limits.max_topics.min(MOST),
            max_bytes: limits.max_bytes,
        };
        Ok(Router {
            limits,
            max_subscribed,
            generation: Generation::start()?,
            filters: TopicTree::default(),
            last_filter: LAST_FENCE,
            edition: 0,
            known: 0,
            waiting: BTreeMap::new(),
            met_filters: HashSet::new(),
            topics: HashMap::new(),
            remembered: 0,
            logged: 0,
            ticks: 0,
        })
    }

    /// The number of `filter`, if somebody subscribes to it.
    pub(crate) fn known_filter(&self, filter: &str) -> Option<FilterId> {
        self.filters.get(filter).map(|known| known.id)
    }

    /// The number of `filter`, which takes part in matching from now on.
    pub(crate) fn subscribe(&mut self, filter: &str) -> Result<FilterId, TooManyFilters> {
        if let Some(known) = self.filters.get(filter) {
            return Ok(known.id);
        }
        let count = self.filters.len();
        if count >= self.max_subscribed {
            return Err(TooManyFilters(count));
        }
        self.edition += 1;
        self.last_filter.0 += 1;
        let id = self.last_filter;
        self.filters.insert(filter, Filter { id, is_known: false });
        self.waiting.insert(id, filter.to_owned());
        Ok(id)
    }

    /// Takes `filter` out of matching.
    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        let Some(Filter { id, is_known }) = self.filters.remove(filter) else {
            return;
        };
        self.edition += 1;
        self.waiting.remove(&id);
        if is_known {
            self.known -= 1;
            self.generation.unsubscribe(inside(filter), id);
        }
    }

    /// All matches of `topics`, ordered by index and then filter.
    ///
    /// Topics must be valid topic names.
    pub(crate) fn route(&mut self, topics: &[&str], work: &mut Work) -> Result<Vec<Match>, RouterFailure> {
        if self.met_filters.len() - self.known > UNUSED + self.known {
            self.renew()?;
        }
        self.introduce_filters(work);
        let mut matches = Vec::with_capacity(topics.len());
        let mut start = 0;
        while start < topics.len() {
            if self.logged.saturating_mul(LOGGED) > self.limits.max_bytes / 2 {
                self.renew()?;
            }
            let end = start + batch_length(&topics[start..], self.most_at_once());
            self.route_batch(start, &topics[start..end], work, &mut matches)?;
            start = end;
        }
        matches.sort_unstable();
        matches.dedup();
        Ok(matches)
    }

    /// How many topics are routed at once, so that what comes out is bounded even if all filters match.
    pub(crate) fn most_at_once(&self) -> usize {
        let matches = MATCHES.min(self.limits.max_bytes / 2 / LOGGED);
        (matches / self.filters.len().max(1)).clamp(1, BATCH)
    }

    /// A second has passed.
    pub(crate) fn tick(&mut self) -> Result<(), RouterFailure> {
        self.ticks += 1;
        if self.ticks < LOOK_EVERY {
            return Ok(());
        }
        self.ticks = 0;
        let used = self.topics.values().filter(|topic| topic.is_used).count();
        if self.topics.len() - used > UNUSED + used {
            return self.renew();
        }
        self.topics.values_mut().for_each(|topic| topic.is_used = false);
        Ok(())
    }

    /// Starts rumqttd anew, which then remembers nothing.
    fn renew(&mut self) -> Result<(), RouterFailure> {
        self.generation = Generation::start()?;
        self.topics = HashMap::new();
        self.met_filters = HashSet::new();
        (self.known, self.remembered, self.logged) = (0, 0, 0);
        self.waiting.clear();
        for (path, filter) in self.filters.iter_mut() {
            filter.is_known = false;
            self.waiting.insert(filter.id, path);
        }
        Ok(())
    }

    /// Has rumqttd get to know the filters that wait for it, as far as `work` goes.
    fn introduce_filters(&mut self, work: &mut Work) {
        while let Some(entry) = self.waiting.first_entry() {
            let path = entry.get();
            if !self.met_filters.contains(path) {
                let filters = self.met_filters.len() + 1;
                if filters > self.limits.max_filters
                    || filters.saturating_mul(self.topics.len()) > MAX_PRODUCT
                    || path.len() > LONGEST
                    || self.remembered + FILTER + COPIES * path.len() > self.limits.max_bytes / 2
                {
                    // It has its chance with the next generation.
                    entry.remove();
                    continue;
                }
                if !work.matches(self.topics.len().max(1)) {
                    return;
                }
            }
            let (id, path) = entry.remove_entry();
            if let Some(filter) = self.filters.get_mut(&path) {
                filter.is_known = true;
                self.known += 1;
                self.generation.subscribe(inside(&path), id);
                let cost = FILTER + COPIES * path.len();
                self.remembered += if self.met_filters.insert(path) { cost } else { 0 };
            }
        }
    }

    /// Routes topics that fit into one segment; `start` is the index of the first one.
    fn route_batch(
        &mut self,
        start: usize,
        topics: &[&str],
        work: &mut Work,
        matches: &mut Vec<Match>,
    ) -> Result<(), RouterFailure> {
        let mut asked = Vec::new();
        for (index, topic) in topics.iter().enumerate() {
            if let Some(filters) = self.remembered(topic) {
                matches.extend(filters.iter().map(|filter| Match { index: start + index, filter: *filter }));
                continue;
            }
            match self.topic_to_ask(topic, work) {
                Some(inside) => {
                    self.generation.publish(inside);
                    asked.push(index);
                }
                None => self.search(topic, start + index, false, work, matches),
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let mut last = None;
        // Without what is remembered, or found in the tree instead.
        let found = &mut Vec::new();
        self.generation.run(|number, filter| {
            let index = asked[number];
            found.push(Match { index: start + index, filter });
            if last.replace(index) != Some(index)
                && let Some(topic) = self.topics.get_mut(topics[index])
            {
                topic.has_matched = true;
            }
        })?;
        self.logged += found.len();
        if self.known < self.filters.len() {
            for index in &asked {
                self.search(topics[*index], start + index, true, work, found);
            }
        }
        found.sort_unstable();
        for index in asked {
            self.remember(topics[index], start + index, found);
        }
        matches.append(found);
        Ok(())
    }

    /// What a topic matches, if that is remembered.
    fn remembered(&mut self, topic: &str) -> Option<&[FilterId]> {
        let met = self.topics.get_mut(topic)?;
        let (_, filters) = met.matches.as_ref().filter(|(edition, _)| *edition == self.edition)?;
        met.is_used = true;
        Some(filters)
    }

    /// Remembers what a topic matches, unless that is much. `found` is sorted.
    fn remember(&mut self, topic: &str, index: usize, found: &[Match]) {
        let from = found.partition_point(|found| found.index < index);
        let filters: Vec<_> =
            found[from..].iter().take_while(|found| found.index == index).map(|found| found.filter).collect();
        if filters.len() <= REMEMBERED
            && let Some(met) = self.topics.get_mut(topic)
        {
            met.matches = Some((self.edition, filters.into()));
        }
    }

    /// The topic as rumqttd sees it, if it is to be asked.
    fn topic_to_ask(&mut self, topic: &str, work: &mut Work) -> Option<Bytes> {
        if self.known == 0 {
            return None;
        }
        let filters = self.met_filters.len();
        if let Some(met) = self.topics.get_mut(topic) {
            met.is_used = true;
            return (met.has_matched || work.matches(filters)).then(|| met.inside.clone());
        }
        let topics = self.topics.len() + 1;
        let cost = TOPIC + COPIES * topic.len();
        let fits = topics <= self.limits.max_topics
            && self.remembered + cost <= self.limits.max_bytes / 2
            && topics.saturating_mul(filters) <= MAX_PRODUCT
            && topic.len() <= LONGEST;
        if !fits || !work.matches(filters) {
            return None;
        }
        let inside = Bytes::from(inside(topic));
        let met = Topic { inside: inside.clone(), has_matched: false, is_used: true, matches: None };
        self.remembered += cost;
        self.topics.insert(topic.to_owned(), met);
        Some(inside)
    }

    /// Looks for filters in the tree: for all, or for those only that rumqttd does not know.
    fn search(
        &self,
        topic: &str,
        index: usize,
        only_unknown: bool,
        work: &mut Work,
        matches: &mut Vec<Match>,
    ) {
        let mut search = Search::filters(topic);
        // A message is not interrupted.
        let mut whole = Work::of(usize::MAX);
        while let Found::One(filter) = search.next(&self.filters, &mut whole) {
            if !(only_unknown && filter.is_known) {
                matches.push(Match { index, filter: filter.id });
            }
        }
        work.levels(whole.done());
    }
}

/// Whether `topic` matches `filter`, as rumqttd sees it; both must be valid.
#[cfg(test)]
pub(crate) fn matches(topic: &str, filter: &str) -> bool {
    generation::matches(&inside(topic), &inside(filter))
}

/// A topic or filter as rumqttd sees it.
fn inside(name: &str) -> String {
    let level = if name.starts_with('$') { "s/" } else { "t/" };
    [level, name].concat()
}

/// How many of `topics` go through together: one at least, and no more than a segment holds.
fn batch_length(topics: &[&str], most: usize) -> usize {
    let mut bytes = 0;
    let fitting = topics
        .iter()
        .take(most)
        .take_while(|topic| {
            bytes += inside_length(topic) + BYTES_BESIDES_TOPIC;
            bytes <= SEGMENT_BYTES
        })
        .count();
    fitting.max(1)
}

fn inside_length(name: &str) -> usize {
    "t/".len() + name.len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
