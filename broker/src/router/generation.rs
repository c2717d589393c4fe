//! One of rumqttd's routers, from its start to its end: the only file that knows rumqttd.
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
use std::panic::resume_unwind;
use std::thread::ThreadId;

use bytes::Bytes;
use rumqttd::local::{LinkBuilder, LinkRx, LinkTx};
use rumqttd::protocol::{
    self, Packet, Publish, QoS, RetainForwardRule, Subscribe, SubscribeProperties, Unsubscribe,
};
use rumqttd::{Forward, Notification, RouterConfig};

/// Bytes of topics and numbers that one segment of a filter's log holds. rumqttd keeps the last
/// [`SEGMENTS`] of them, for each filter.
pub(super) const SEGMENT_BYTES: usize = 32 * 1024;
const SEGMENTS: usize = 3;
/// Messages that go through the router together.
pub(super) const BATCH: usize = 1_000;
/// rumqttd counts four bytes and the payload (our number) besides the topic.
pub(super) const BYTES_BESIDES_TOPIC: usize = 4 + 8;

const FENCES: [&str; 2] = ["f/0", "f/1"];
/// The first ids are the fences'.
pub(super) const LAST_FENCE: FilterId = FilterId(FENCES.len());
/// A topic that matches no filter.
const END: &str = "e";

/// The number of a subscribed filter. None is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FilterId(pub(super) usize);

/// rumqttd has ended or lost a message. Nothing can be acknowledged any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouterFailure {
    #[error("rumqttd's router has stopped: {0}")]
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

/// The only link into a router. Its calls block until the router answers or has ended.
pub(super) struct Generation {
    tx: LinkTx,
    rx: LinkRx,
    /// Offset that a filter's next message has in its log, once known.
    next_offset: HashMap<FilterId, u64>,
    /// The number of the batch's first message, and of the next one.
    first: u64,
    next: u64,
    fence: usize,
}

impl Generation {
    /// Starts rumqttd's thread and links to it.
    pub(super) fn start() -> Result<Generation, RouterFailure> {
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
        let next_offset = HashMap::new();
        let mut generation = Generation { tx, rx, next_offset, first: 0, next: 0, fence: 0 };
        for (n, fence) in FENCES.iter().enumerate() {
            generation.subscribe((*fence).to_owned(), FilterId(n + 1));
        }
        // Subscribing queued both fences' requests; this brings the first turn's out.
        generation.run(|_, _| {})?;
        Ok(generation)
    }

    /// Has a filter take part in matching from the next batch on.
    pub(super) fn subscribe(&mut self, inside: String, id: FilterId) {
        let filter = protocol::Filter {
            path: inside,
            // Without packet ids and acknowledgements between the router and us.
            qos: QoS::AtMostOnce,
            nolocal: false,
            preserve_retain: false,
            retain_forward_rule: RetainForwardRule::Never,
        };
        let properties = SubscribeProperties { id: Some(id.0), user_properties: Vec::new() };
        let subscribe = Subscribe { pkid: 1, filters: vec![filter] };
        self.queue(Packet::Subscribe(subscribe, Some(properties)));
    }

    /// Takes a filter out of matching. rumqttd remembers it.
    pub(super) fn unsubscribe(&mut self, inside: String, id: FilterId) {
        self.next_offset.remove(&id);
        self.queue(Packet::Unsubscribe(Unsubscribe { pkid: 1, filters: vec![inside] }, None));
    }

    /// Adds a topic to the batch, in which topics count from 0.
    pub(super) fn publish(&mut self, inside: Bytes) {
        let number = Bytes::copy_from_slice(&self.next.to_be_bytes());
        self.next += 1;
        self.queue(Packet::Publish(Publish::new(inside, number, false), None));
    }

    fn queue(&mut self, packet: Packet) {
        self.tx.buffer().push_back(packet);
    }

    /// Sends the batch through the router, and tells which of its topics matches which filter.
    pub(super) fn run(&mut self, mut matched: impl FnMut(usize, FilterId)) -> Result<(), RouterFailure> {
        self.fence = 1 - self.fence;
        let (fence, number_of_fence) = (FilterId(self.fence + 1), self.next);
        self.next += 1;
        // `publish` queues the fence and tells the router to look at all that is queued.
        self.tx.publish(FENCES[self.fence], number_of_fence.to_be_bytes().to_vec())?;
        loop {
            let Some((filter, number)) = self.next_forward()? else {
                continue;
            };
            if number == number_of_fence && filter == fence {
                self.first = self.next;
                return Ok(());
            }
            if !(self.first..number_of_fence).contains(&number) {
                return Err(RouterFailure::Unexpected("a message of another batch"));
            }
            matched((number - self.first) as usize, filter);
        }
    }

    /// The filter and number of the next message that comes out, if one does. A router that is
    /// slow is waited for, one that has ended is not.
    fn next_forward(&mut self) -> Result<Option<(FilterId, u64)>, RouterFailure> {
        match self.rx.recv()? {
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

    /// Ends rumqttd's thread, which knows no other end than a panic, since it holds a sender into
    /// its own channel. With the thread goes all that it remembers.
    fn end(&mut self) {
        let payload = Bytes::from_owner(EndOfThread { sender: std::thread::current().id() });
        // One that has ended before takes nothing any more, and need not.
        let _ = self.tx.publish(END, payload);
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.end();
    }
}

/// A payload that ends the thread in which it is dropped, without a word on stderr. rumqttd
/// drops a message that matches no filter as soon as it has looked at it.
struct EndOfThread {
    /// Not this one, which drops it if it could not be sent.
    sender: ThreadId,
}

impl AsRef<[u8]> for EndOfThread {
    fn as_ref(&self) -> &[u8] {
        b"end"
    }
}

impl Drop for EndOfThread {
    fn drop(&mut self) {
        if std::thread::current().id() != self.sender && !std::thread::panicking() {
            resume_unwind(Box::new("rumqttd's router is not needed any more"));
        }
    }
}

/// Whether a topic matches a filter; both must be valid, and as the router sees them.
#[cfg(test)]
pub(super) fn matches(topic: &str, filter: &str) -> bool {
    protocol::matches(topic, filter)
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
mod tests {
    use super::*;

    /// A topic without our ASCII level kills rumqttd's thread; that is noticed.
    #[test]
    fn the_routers_end_is_noticed() {
        let mut generation = Generation::start().unwrap();
        generation.subscribe("t/#".to_owned(), FilterId(3));
        generation.publish(Bytes::from_static("é".as_bytes()));
        assert!(matches!(generation.run(|_, _| {}), Err(RouterFailure::Gone(_))));
    }

    #[test]
    fn a_hole_is_noticed() {
        let mut generation = Generation::start().unwrap();
        generation.subscribe("t/#".to_owned(), FilterId(3));
        generation.publish(Bytes::from_static(b"t/a"));
        generation.run(|_, _| {}).unwrap();
        *generation.next_offset.get_mut(&FilterId(3)).unwrap() -= 1;
        generation.publish(Bytes::from_static(b"t/a"));
        assert!(matches!(generation.run(|_, _| {}), Err(RouterFailure::Hole { .. })));
    }

    /// Not only the link: the thread has let go of its end of it.
    #[test]
    fn rumqttds_thread_ends_with_its_generation() {
        let mut generation = Generation::start().unwrap();
        generation.subscribe("t/#".to_owned(), FilterId(3));
        generation.publish(Bytes::from_static(b"t/a"));
        generation.run(|_, _| {}).unwrap();
        generation.end();
        while generation.rx.recv().is_ok() {}
    }
}
