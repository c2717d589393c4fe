//! The way from the exchange to one connection.

use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rumqttc::mqttbytes::QoS;
use tokio::sync::mpsc;

use crate::access::{self, Rights};
use crate::account::Lease;
use crate::identifiers::Identifiers;
use crate::message::Message;
use crate::session::Delivery;

/// What a message waiting for its client costs besides topic and payload, in bytes.
const OVERHEAD_BYTES: usize = 64;

/// Something for a connection to do.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Send a message, or release one.
    Deliver(Delivery),
    /// Send an answer.
    Answer(Answer),
    /// All packets handed over are dealt with: hand over the next ones.
    Next,
    /// From now on the client may do this.
    Rights(Arc<Rights>),
    /// Send what has come so far and close.
    Close(CloseReason),
}

/// An answer to what the client has sent.
#[derive(Debug)]
pub(crate) enum Answer {
    /// CONNACK.
    Connected { session_present: bool },
    /// CONNACK with an error.
    Refused(ConnectRefused),
    /// PUBACK.
    Received { packet_id: u16, reached: Reached },
    /// PUBREC.
    Recorded { packet_id: u16, reached: Reached },
    /// PUBREL; `known` tells whether the broker knows the packet id.
    Release { packet_id: u16, known: bool },
    /// PUBCOMP.
    Completed { packet_id: u16, known: bool },
    /// SUBACK: the QoS granted to each filter.
    Subscribed { packet_id: u16, grants: Vec<Result<QoS, NotSubscribed>> },
    /// UNSUBACK: which of the filters were subscribed to.
    Unsubscribed { packet_id: u16, existed: Vec<bool> },
}

/// Whom a message has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    Somebody,
    /// Nobody has subscribed to it.
    Nobody,
    /// It was dropped: its client may not publish it. (Or it is too large, which no client of MQTT 5 is told so.)
    Forbidden,
}

/// Why a client may not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectRefused {
    #[error("there are too many sessions")]
    TooManySessions,
    #[error("there is no room left for its will")]
    NoRoomForWill,
    #[error("there are too many clients")]
    TooManyClients,
    #[error("a persistent session needs a client id")]
    NoClientId,
    #[error("the client id is too long")]
    ClientIdTooLong,
    #[error("the will's topic is longer or deeper than [mqtt] max_topic_bytes and max_topic_levels allow")]
    WillTopicTooLong,
    #[error(transparent)]
    Login(#[from] access::LoginRefused),
    #[error("only user name and password are supported for authentication")]
    AuthenticationMethod,
}

/// Why a filter is not subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSubscribed {
    #[error("the filter is invalid")]
    Invalid,
    #[error("the filter is longer or deeper than [mqtt] max_topic_bytes and max_topic_levels allow")]
    TooLong,
    #[error("the user may not read everything that the filter matches")]
    NotPermitted,
    #[error("the session has too many subscriptions")]
    TooMany,
    #[error("its owner has as many filters as it may, or no memory left for more")]
    OverShare,
    #[error("{0}")]
    TooManyFilters(String),
}

/// Why the broker closes a connection on its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CloseReason {
    #[error("the client disconnected")]
    Disconnected,
    #[error("the client connected again")]
    TakenOver,
    #[error("the client reads nothing and its queue is full")]
    Stalled,
    #[error("its user has as many bytes on the way, or ids unreleased, as it is allowed")]
    NoRoom,
    #[error("it has acknowledged a message in a way that does not fit its QoS")]
    WrongAcknowledgement,
    #[error("the user was removed, or what it has to show or may do was changed")]
    Revoked,
    #[error("{0}")]
    Refused(ConnectRefused),
}

/// The exchange's end. Nothing blocks here: a client that does not read is kept in bounds by
/// its in-flight window, by its own packets not being read, and by dropping QoS 0.
#[derive(Debug)]
pub(crate) struct OutgoingSender {
    sender: mpsc::UnboundedSender<Vec<Outgoing>>,
    gathered: Vec<Outgoing>,
    waiting: Arc<Waiting>,
    max_waiting_bytes: usize,
    /// For what is kept here only: messages of QoS 0.
    lease: Lease,
}

/// The connection's end.
#[derive(Debug)]
pub(crate) struct OutgoingReceiver {
    receiver: mpsc::UnboundedReceiver<Vec<Outgoing>>,
    received: Peekable<std::vec::IntoIter<Outgoing>>,
    waiting: Arc<Waiting>,
}

/// Bytes of messages on their way from one end to the other.
#[derive(Debug, Default)]
struct Waiting {
    all: AtomicUsize,
    /// Of QoS 0; the others are owed to their session, and charged as such.
    unowed: AtomicUsize,
    /// Whether the sender has more once all of it is taken.
    end_is_awaited: AtomicBool,
}

/// Both ends, with the number of bytes beyond which QoS 0 messages are dropped, and what they are charged to.
pub(crate) fn channel(max_waiting_bytes: usize, lease: Lease) -> (OutgoingSender, OutgoingReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(Waiting::default());
    let gathered = Vec::new();
    let sender = OutgoingSender { sender, gathered, waiting: Arc::clone(&waiting), max_waiting_bytes, lease };
    (sender, OutgoingReceiver { receiver, received: Vec::new().into_iter().peekable(), waiting })
}

impl OutgoingSender {
    /// Adds to what the next [`flush`](OutgoingSender::flush) sends.
    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        let (all, unowed) = weights(&outgoing);
        self.waiting.all.fetch_add(all, Ordering::Relaxed);
        self.waiting.unowed.fetch_add(unowed, Ordering::Relaxed);
        self.gathered.push(outgoing);
    }

    /// Sends a QoS 0 message unless too much waits already, or its owner has no room for it; whether it is sent.
    pub(crate) fn offer(&mut self, message: &Arc<Message>, retain: bool, identifiers: Identifiers) -> bool {
        let fits = !self.is_congested() && self.may_hold(message_bytes(message, &identifiers));
        if fits {
            self.push_qos0(message, retain, identifiers);
        }
        fits
    }

    /// Whether as much waits for the client as may.
    pub(crate) fn is_congested(&self) -> bool {
        self.waiting.all.load(Ordering::Relaxed) >= self.max_waiting_bytes
    }

    /// Whether so many bytes of QoS 0 messages may be sent besides what waits. If not, the connection says when
    /// its client has read what there is.
    pub(crate) fn has_room(&mut self, bytes: usize) -> bool {
        let waiting = self.waiting.all.load(Ordering::Relaxed);
        let has_room = waiting + bytes < self.max_waiting_bytes && self.may_hold(bytes);
        if !has_room {
            self.waiting.end_is_awaited.store(true, Ordering::Relaxed);
        }
        has_room
    }

    /// Whether its owner may have so many bytes more here.
    pub(crate) fn may_hold(&mut self, bytes: usize) -> bool {
        self.lease.hold(self.waiting.unowed.load(Ordering::Relaxed) + bytes)
    }

    /// Gives back what the client has read meanwhile.
    pub(crate) fn settle(&mut self) {
        self.lease.hold(self.waiting.unowed.load(Ordering::Relaxed));
    }

    /// Sends a QoS 0 message, as a retained one or not, however much waits.
    pub(crate) fn push_qos0(&mut self, message: &Arc<Message>, retain: bool, identifiers: Identifiers) {
        self.push(Outgoing::Deliver(Delivery::Publish {
            message: Arc::clone(message),
            qos: QoS::AtMostOnce,
            packet_id: 0,
            dup: false,
            retain,
            identifiers,
        }));
    }

    /// Sends a QoS 0 message before all that was gathered, whether it fits or not.
    pub(crate) fn send_ahead(&mut self, message: &Arc<Message>, identifiers: Identifiers) {
        let gathered = std::mem::take(&mut self.gathered);
        self.push_qos0(message, false, identifiers);
        self.flush();
        self.gathered = gathered;
    }

    /// Hands over all that was gathered. A connection that has ended already reads nothing of
    /// it; its end is on the way to the exchange.
    pub(crate) fn flush(&mut self) {
        if !self.gathered.is_empty() {
            let _ = self.sender.send(std::mem::take(&mut self.gathered));
        }
    }
}

impl OutgoingReceiver {
    /// Waits until there is something to do; `false` after the exchange has let go of the connection.
    /// Cancelling it loses nothing.
    pub(crate) async fn arrived(&mut self) -> bool {
        while self.received.len() == 0 {
            let Some(more) = self.receiver.recv().await else { return false };
            self.received = more.into_iter().peekable();
        }
        true
    }

    /// The next thing to do, if there is one now.
    pub(crate) fn try_next(&mut self) -> Option<Outgoing> {
        self.next_bytes()?;
        self.take()
    }

    /// What the next thing to do adds to what is to be written, about; `None` if there is none now.
    pub(crate) fn next_bytes(&mut self) -> Option<usize> {
        while self.received.len() == 0 {
            self.received = self.receiver.try_recv().ok()?.into_iter().peekable();
        }
        self.received.peek().map(|outgoing| weights(outgoing).0)
    }

    /// Whether all is taken, and the exchange waits for that.
    pub(crate) fn is_awaited(&mut self) -> bool {
        self.waiting.end_is_awaited.load(Ordering::Relaxed) && self.next_bytes().is_none()
    }

    /// The exchange hears of it.
    pub(crate) fn is_told(&self) {
        self.waiting.end_is_awaited.store(false, Ordering::Relaxed);
    }

    fn take(&mut self) -> Option<Outgoing> {
        let outgoing = self.received.next()?;
        let (all, unowed) = weights(&outgoing);
        self.waiting.all.fetch_sub(all, Ordering::Relaxed);
        self.waiting.unowed.fetch_sub(unowed, Ordering::Relaxed);
        Some(outgoing)
    }
}

/// Bytes of a message, and of a message that is owed to nobody.
fn weights(outgoing: &Outgoing) -> (usize, usize) {
    match outgoing {
        Outgoing::Deliver(Delivery::Publish { message, qos, identifiers, .. }) => {
            let bytes = message_bytes(message, identifiers);
            (bytes, if *qos == QoS::AtMostOnce { bytes } else { 0 })
        }
        _ => (0, 0),
    }
}

/// What a message that waits for its client takes.
pub(crate) fn message_bytes(message: &Message, identifiers: &Identifiers) -> usize {
    message.size() + identifiers.size() + OVERHEAD_BYTES
}
