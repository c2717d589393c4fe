//! Messages on their way into the broker, and those that wait for their client to go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;

use crate::account::Owner;
use crate::message::Message;

/// What is published for a client that goes without a word.
#[derive(Debug, Clone)]
pub(crate) struct Will {
    /// Its message does not expire before it is published.
    pub(crate) publication: Publication,
    /// How long it is good for from then on.
    pub(crate) lifetime: Option<Duration>,
    /// How long its client may be absent before it is published.
    pub(crate) delay: Duration,
}

impl Will {
    /// The will as it is published at `now`.
    pub(crate) fn into_publication(self, now: Instant) -> Publication {
        let Some(lifetime) = self.lifetime else {
            return self.publication;
        };
        let expires = now.checked_add(lifetime);
        let message = Message { expires, ..Message::clone(&self.publication.message) };
        Publication { message: Arc::new(message), ..self.publication }
    }
}

/// A message on its way to its subscribers.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// The publisher's packet id; 0 with QoS 0.
    pub(crate) packet_id: u16,
}

/// A will of an absent client, that its return makes void.
#[derive(Debug)]
pub(crate) struct DelayedWill {
    pub(crate) due: Instant,
    /// To whom it is charged.
    pub(crate) owner: Owner,
    pub(crate) will: Will,
}
