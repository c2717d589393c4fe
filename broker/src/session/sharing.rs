//! What a session has got in the name of a share, and what of it another member can have instead.

use std::collections::BTreeSet;

use rumqttc::mqttbytes::QoS;

use crate::owed::Owed;
use crate::session::Session;
use crate::topics::SharePath;

impl Session {
    /// Shares in whose names something is owed.
    pub(crate) fn shares_owed(&self) -> BTreeSet<SharePath> {
        let flying = self.in_flight.iter().filter_map(|flying| flying.owed.as_ref()?.share.as_ref());
        self.owed.shares().chain(flying).cloned().collect()
    }

    /// Whether something is owed in the name of a share.
    pub(crate) fn owes_of_any_share(&self) -> bool {
        let flying = self.in_flight.iter().filter_map(|flying| flying.owed.as_ref()?.share.as_ref());
        self.owed.shares().chain(flying).next().is_some()
    }

    /// The oldest message of a share that another member may have instead, with its position.
    ///
    /// Of those that are under way only if the client is gone, and none of QoS 2 that it may have seen: their
    /// delivery ends with this client or not at all [MQTT-4.8.2-4, 4.8.2-5].
    pub(crate) fn first_to_hand_on(&self, share: &str) -> Option<(u64, &Owed)> {
        let is_gone = self.connection.is_none();
        let flying = self.in_flight.iter().filter(|_| is_gone);
        let flying = flying.filter_map(|flying| Some((flying.position, flying.owed.as_ref()?)));
        let mut flying = flying.filter(|(_, owed)| is_of(Some(owed), share) && owed.qos == QoS::AtLeastOnce);
        let may_have_been_seen =
            |position, owed: &Owed| owed.qos == QoS::ExactlyOnce && position <= self.sent_before;
        flying.next().or_else(|| {
            self.owed.of_share(share).find(|(position, owed)| !may_have_been_seen(*position, owed))
        })
    }

    /// Takes what [`first_to_hand_on`](Session::first_to_hand_on) has found.
    pub(crate) fn hand_on(&mut self, position: u64) -> Option<Owed> {
        let flying = self.in_flight.iter().position(|flying| flying.position == position);
        let owed = match flying {
            Some(index) => self.in_flight.remove(index)?.owed?,
            None => self.owed.take(position)?,
        };
        self.cost -= owed.cost();
        Some(owed)
    }
}

fn is_of(owed: Option<&Owed>, share: &str) -> bool {
    owed.and_then(|owed| owed.share.as_deref()) == Some(share)
}
