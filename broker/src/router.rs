//! The routing core: rumqttd's [`Router`](rumqttd::Router), and nothing else in this crate
//! touches it.
//!
//! What rumqttd does: it holds every filter that some session has subscribed to, matches every
//! published topic against them, and fans each message out to the logs of the filters it
//! matches. What it does not do, because it would do it wrongly or only in memory: sessions,
//! QoS, packet ids, retained messages, wills, keep-alive. Those are ours.
//!
//! So the router does not carry payloads but message *numbers*: a message goes in under its
//! topic with eight bytes of number, and comes out once for every filter that matches, marked
//! with the filter's subscription id. One link, owned by one thread, subscribes to all filters.
//! That keeps every input that is known to kill rumqttd's thread out of reach: no client id, no
//! acknowledgement, no retained flag, no disconnect, no reused link ever gets there, and topics
//! and filters go in behind an ASCII level (`t/` for ordinary ones, `s/` for those that begin
//! with `$`, which wildcards at the front therefore cannot see).
//!
//! # Knowing when all matches are out
//!
//! rumqttd gives no sign that a message has reached everybody. We make one: each batch ends with
//! a *fence*, a message to a topic of our own. The link reads its filters in a queue. A message
//! puts the requests of its filters at the end of that queue, and the fence comes last, so when
//! it is seen, everything before it has been seen, provided that the fence's own request was
//! not left in the queue from the last time. It can have been (rumqttd does so when its buffer
//! for the link is full); therefore two fences take turns: seeing one proves that the request
//! of the other has left the queue.
//!
//! Each batch is smaller than one segment of rumqttd's logs and is read out before the next one
//! goes in, so the logs cannot overrun, where rumqttd would lose messages without a word. Should
//! that ever fail, the offsets of a filter's messages show the hole.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rumqttd::local::{LinkBuilder, LinkRx, LinkTx};
use rumqttd::protocol::{
    self, Packet, Publish, QoS, RetainForwardRule, Subscribe, SubscribeProperties, Unsubscribe,
};
use rumqttd::{Forward, Notification, RouterConfig};

/// Bytes of topics and numbers that one segment of a filter's log holds. rumqttd keeps the last
/// [`SEGMENTS`] of them for ever, for each filter.
const SEGMENT_BYTES: usize = 32 * 1024;
const SEGMENTS: usize = 3;
/// Messages that go through the router together.
const BATCH: usize = 1_000;
/// rumqttd counts four bytes and the payload (our number) besides the topic.
const BYTES_BESIDES_TOPIC: usize = 4 + 8;
/// Longer than any batch takes on a starved machine.
const PATIENCE: Duration = Duration::from_secs(30);

const FENCES: [&str; 2] = ["f/0", "f/1"];

/// The number of a filter: its subscription id at the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FilterId(usize);

/// Message `index` of a batch matches `filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    pub(crate) index: usize,
    pub(crate) filter: FilterId,
}

/// rumqttd has ended, hangs, or lost a message. Nothing can be acknowledged any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouterFailure {
    #[error("rumqttd's router has stopped or does not answer: {0}")]
    Gone(Box<rumqttd::local::LinkError>),
    #[error("rumqttd's router skipped from message {expected} to {found} of filter {filter:?}")]
    Hole { filter: FilterId, expected: u64, found: u64 },
    #[error("rumqttd's router delivered something that was not sent: {0}")]
    Unexpected(&'static str),
}

impl From<rumqttd::local::LinkError> for RouterFailure {
    fn from(error: rumqttd::local::LinkError) -> Self {
        // The error holds what could not be sent, which is large.
        RouterFailure::Gone(Box::new(error))
    }
}

/// The filter cannot be added: rumqttd knows as many different ones as it may, and as many others
/// are subscribed to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many different filters ({0} more than the router remembers)")]
pub(crate) struct TooManyFilters(usize);

/// How much rumqttd may remember: it never forgets a filter or a topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouterLimits {
    /// Different filters, over the life of the process (about 6 KB each).
    pub(crate) max_filters: usize,
    /// Different topics, over the life of the process (about 1 KB each).
    pub(crate) max_topics: usize,
}

/// The only link into rumqttd. Its calls block; it belongs to the exchange's thread.
pub(crate) struct Router {
    tx: LinkTx,
    rx: LinkRx,
    limits: RouterLimits,
    /// Every filter that rumqttd has ever seen.
    filters: HashMap<String, FilterId>,
    /// Filters that it may not see any more, as long as somebody subscribes to them.
    /// With their paths as the router would see them.
    unremembered: HashMap<String, (FilterId, String)>,
    last_filter: FilterId,
    /// The filters that take part in matching now, as the router sees them.
    subscribed: HashMap<FilterId, String>,
    /// Offset that a filter's next message has in its log, once known.
    next_offset: HashMap<FilterId, u64>,
    /// Topics the router has met, as it sees them.
    topics: HashMap<String, Bytes>,
    next_number: u64,
    fence: usize,
}

impl Router {
    /// Starts rumqttd's thread and links to it.
    pub(crate) fn start(limits: RouterLimits) -> Result<Router, RouterFailure> {
        let config = RouterConfig {
            max_connections: 1,
            // More than a batch: each request then reads its log to the end.
            max_outgoing_packet_count: 10 * BATCH as u64,
            max_segment_size: SEGMENT_BYTES,
            max_segment_count: SEGMENTS,
            ..RouterConfig::default()
        };
        let to_router = rumqttd::Router::new(0, config).spawn();
        let (tx, rx, _connack) = LinkBuilder::new("exchange", to_router).build()?;
        let mut router = Router {
            tx,
            rx,
            limits,
            filters: HashMap::new(),
            unremembered: HashMap::new(),
            last_filter: FilterId(FENCES.len()),
            subscribed: HashMap::new(),
            next_offset: HashMap::new(),
            topics: HashMap::new(),
            next_number: 0,
            fence: 0,
        };
        for (n, fence) in FENCES.iter().enumerate() {
            router.queue_subscribe(fence, FilterId(n + 1));
        }
        // Subscribing queued both fences' requests; this brings the first turn's out.
        router.route_batch(0, &[], &mut Vec::new())?;
        Ok(router)
    }

    /// The number of `filter`, which takes part in matching from now on.
    pub(crate) fn subscribe(&mut self, filter: &str) -> Result<FilterId, TooManyFilters> {
        if let Some((id, _)) = self.unremembered.get(filter) {
            return Ok(*id);
        }
        let id = match self.filters.get(filter) {
            Some(id) => *id,
            None if self.filters.len() < self.limits.max_filters => {
                let id = self.next_filter();
                self.filters.insert(filter.to_owned(), id);
                id
            }
            None => return self.subscribe_unremembered(filter),
        };
        if self.subscribed.insert(id, inside(filter)).is_none() {
            self.queue_subscribe(&inside(filter), id);
        }
        Ok(id)
    }

    fn subscribe_unremembered(&mut self, filter: &str) -> Result<FilterId, TooManyFilters> {
        if self.unremembered.len() >= self.limits.max_filters {
            return Err(TooManyFilters(self.unremembered.len()));
        }
        let id = self.next_filter();
        self.unremembered.insert(filter.to_owned(), (id, inside(filter)));
        Ok(id)
    }

    fn next_filter(&mut self) -> FilterId {
        self.last_filter.0 += 1;
        self.last_filter
    }

    /// Takes `filter` out of matching.
    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        if self.unremembered.remove(filter).is_some() {
            return;
        }
        let Some(id) = self.filters.get(filter) else {
            return;
        };
        if let Some(path) = self.subscribed.remove(id) {
            self.next_offset.remove(id);
            let unsubscribe = Unsubscribe { pkid: 1, filters: vec![path] };
            let packet = Packet::Unsubscribe(unsubscribe, None);
            self.tx.buffer().push_back(packet);
        }
    }

    /// Sends one message for each of `topics` through the router and returns all matches,
    /// ordered by index and then filter.
    ///
    /// Topics must be valid topic names.
    pub(crate) fn route(&mut self, topics: &[&str]) -> Result<Vec<Match>, RouterFailure> {
        let mut matches = Vec::with_capacity(topics.len());
        let mut start = 0;
        while start < topics.len() {
            let end = start + batch_length(&topics[start..]);
            self.route_batch(start, &topics[start..end], &mut matches)?;
            start = end;
        }
        self.match_unremembered_filters(topics, &mut matches);
        matches.sort_unstable();
        matches.dedup();
        Ok(matches)
    }

    /// Routes topics that fit into one segment; `start` is the index of the first one.
    fn route_batch(
        &mut self,
        start: usize,
        topics: &[&str],
        matches: &mut Vec<Match>,
    ) -> Result<(), RouterFailure> {
        let first = self.next_number;
        self.next_number += topics.len() as u64 + 1;
        let fence_number = self.next_number - 1;
        for (i, topic) in topics.iter().enumerate() {
            match self.known_topic(topic) {
                Some(known) => self.queue_publish(known, first + i as u64),
                None => self.match_unremembered(topic, start + i, matches),
            }
        }
        self.fence = 1 - self.fence;
        let fence = FilterId(self.fence + 1);
        // `publish` queues the fence and tells the router to look at all that is queued.
        self.tx.publish(FENCES[self.fence], fence_number.to_be_bytes().to_vec())?;
        loop {
            let Some((filter, number)) = self.next_forward()? else {
                continue;
            };
            if number == fence_number && filter == fence {
                return Ok(());
            }
            if !(first..fence_number).contains(&number) {
                return Err(RouterFailure::Unexpected("a message of another batch"));
            }
            let index = start + (number - first) as usize;
            matches.push(Match { index, filter });
        }
    }

    /// The topic as the router sees it; `None` if the router may not meet more topics.
    fn known_topic(&mut self, topic: &str) -> Option<Bytes> {
        if let Some(known) = self.topics.get(topic) {
            return Some(known.clone());
        }
        if self.topics.len() >= self.limits.max_topics {
            return None;
        }
        let known = Bytes::from(inside(topic));
        self.topics.insert(topic.to_owned(), known.clone());
        Some(known)
    }

    /// Matches a topic with rumqttd's own function, past its memory for topics, which is full.
    fn match_unremembered(&self, topic: &str, index: usize, matches: &mut Vec<Match>) {
        let topic = inside(topic);
        for (filter, path) in &self.subscribed {
            if protocol::matches(&topic, path) {
                matches.push(Match { index, filter: *filter });
            }
        }
    }

    /// Matches filters with rumqttd's own function, past its memory for filters, which is full.
    fn match_unremembered_filters(&self, topics: &[&str], matches: &mut Vec<Match>) {
        if self.unremembered.is_empty() {
            return;
        }
        for (index, topic) in topics.iter().enumerate() {
            let topic = inside(topic);
            let found = self.unremembered.values().filter(|(_, path)| protocol::matches(&topic, path));
            matches.extend(found.map(|(filter, _)| Match { index, filter: *filter }));
        }
    }

    fn queue_publish(&mut self, topic: Bytes, number: u64) {
        let number = Bytes::copy_from_slice(&number.to_be_bytes());
        self.tx.buffer().push_back(Packet::Publish(Publish::new(topic, number, false), None));
    }

    fn queue_subscribe(&mut self, inside: &str, id: FilterId) {
        let filter = protocol::Filter {
            path: inside.to_owned(),
            // Without packet ids and acknowledgements between the router and us.
            qos: QoS::AtMostOnce,
            nolocal: false,
            preserve_retain: false,
            retain_forward_rule: RetainForwardRule::Never,
        };
        let properties = SubscribeProperties { id: Some(id.0), user_properties: Vec::new() };
        self.tx
            .buffer()
            .push_back(Packet::Subscribe(Subscribe { pkid: 1, filters: vec![filter] }, Some(properties)));
    }

    /// The filter and number of the next message that comes out, if one does.
    fn next_forward(&mut self) -> Result<Option<(FilterId, u64)>, RouterFailure> {
        match self.rx.recv_deadline(Instant::now() + PATIENCE)? {
            Some(Notification::Forward(forward)) => {
                let (filter, number) = read(&forward)?;
                self.check_offset(filter, forward.cursor)?;
                Ok(Some((filter, number)))
            }
            // rumqttd stopped feeding the link until it is told that we have read all.
            Some(Notification::Unschedule) => {
                self.rx.ready()?;
                Ok(None)
            }
            Some(Notification::Disconnect(..)) => Err(RouterFailure::Unexpected("a disconnection")),
            _ => Ok(None),
        }
    }

    fn check_offset(&mut self, filter: FilterId, cursor: Option<(u64, u64)>) -> Result<(), RouterFailure> {
        let (_segment, found) = cursor.ok_or(RouterFailure::Unexpected("a retained message"))?;
        match self.next_offset.insert(filter, found + 1) {
            Some(expected) if expected != found => Err(RouterFailure::Hole { filter, expected, found }),
            _ => Ok(()),
        }
    }
}

/// Whether `topic` matches `filter`; both must be valid.
pub(crate) fn matches(topic: &str, filter: &str) -> bool {
    protocol::matches(&inside(topic), &inside(filter))
}

/// A topic or filter as the router sees it.
fn inside(name: &str) -> String {
    let level = if name.starts_with('$') { "s/" } else { "t/" };
    [level, name].concat()
}

/// How many of `topics` go through together: one at least, and no more than a segment holds.
fn batch_length(topics: &[&str]) -> usize {
    let mut bytes = 0;
    let fitting = topics
        .iter()
        .take(BATCH)
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

fn read(forward: &Forward) -> Result<(FilterId, u64), RouterFailure> {
    let filter = forward
        .properties
        .as_ref()
        .and_then(|properties| properties.subscription_identifiers.first())
        .ok_or(RouterFailure::Unexpected("a message without filter"))?;
    let number = <[u8; 8]>::try_from(&*forward.publish.payload)
        .map_err(|_| RouterFailure::Unexpected("a message without number"))?;
    Ok((FilterId(*filter), u64::from_be_bytes(number)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
