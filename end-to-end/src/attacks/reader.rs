//! What a user can do that may only read.

use std::time::Duration;

use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck, Publish, Subscribe, SubscribeFilter};

use super::target::{Held, Target};
use crate::torture::client::{Came, Client};

pub(super) const READER: &str = "reader";

fn subscribe(filter: String, id: u16) -> Packet {
    let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
    subscribe.pkid = id;
    Packet::Subscribe(subscribe)
}

/// Sends packets in groups, and takes what comes; whether the broker went on with it to the end.
fn pour(client: &mut Client, packets: impl Iterator<Item = Packet>, group: usize) -> bool {
    let mut packets = packets.peekable();
    while packets.peek().is_some() {
        let some: Vec<_> = packets.by_ref().take(group).collect();
        if !client.send(&some) {
            return false;
        }
        while let Came::Packet(_) = client.next(Duration::from_millis(1)) {}
    }
    true
}

/// Sessions that stay, each with a subscription to everything.
pub(super) fn sessions(target: &Target, pieces: usize) -> Held {
    for piece in 0..pieces {
        if let Some((mut client, _)) = target.session(READER, &format!("session {piece}"), false) {
            client.subscribe("powerpi/#");
            client.disconnect();
        }
    }
    Box::new(())
}

/// The same subscription again and again, whose messages it never acknowledges; now and then it acknowledges what
/// was never sent.
pub(super) fn resubscribes(target: &Target, pieces: usize) -> Held {
    let Some(mut client) = target.client(READER, "again") else { return Box::new(()) };
    for first in (0..pieces).step_by(500) {
        let mut some: Vec<_> = (first..pieces.min(first + 500))
            .map(|id| subscribe("powerpi/#".into(), (id % 60_000 + 1) as u16))
            .collect();
        some.push(Packet::PubAck(PubAck::new(60_001)));
        if !client.send(&some) {
            break;
        }
    }
    Box::new(client)
}

/// Subscriptions that it may not have.
pub(super) fn refused(target: &Target, pieces: usize) -> Held {
    let mut client = target.client(READER, "refused");
    let refused = |piece| subscribe(format!("secret\u{7f}{piece}/{}", "x".repeat(500)), 1);
    if let Some(client) = &mut client {
        pour(client, (0..pieces).map(refused), 100);
    }
    Box::new(client)
}

/// As many different filters as it gets, a thousand in each session.
pub(super) fn filters(target: &Target, pieces: usize) -> Held {
    let session = |first: usize| {
        let mut client = target.session(READER, &format!("filters {first}"), false)?.0;
        let ids = first..pieces.min(first + 1_000);
        let filters = ids.map(|id| SubscribeFilter::new(format!("powerpi/+/{id}/state"), QoS::AtMostOnce));
        let mut packets = Vec::new();
        for some in filters.collect::<Vec<_>>().chunks(100) {
            let mut subscribe = Subscribe::new_many(some.to_vec());
            subscribe.pkid = 1;
            packets.push(Packet::Subscribe(subscribe));
        }
        pour(&mut client, packets.into_iter(), 1);
        Some(client)
    };
    Box::new((0..pieces).step_by(1_000).filter_map(session).collect::<Vec<_>>())
}

/// Filters as long as there are.
pub(super) fn long_filters(target: &Target, pieces: usize) -> Held {
    let mut client = target.session(READER, "long", false);
    let long = |piece| subscribe(format!("powerpi/{piece}/{}", "x".repeat(65_000)), 1);
    if let Some((client, _)) = &mut client {
        pour(client, (0..pieces).map(long), 4);
    }
    Box::new(client)
}

/// Packets as large as there are, of which the last byte is missing, each over a connection of its own.
pub(super) fn halves(target: &Target, pieces: usize) -> Held {
    let mut packet = Publish::new("powerpi/reader/main/minute", QoS::AtLeastOnce, vec![b'x'; 250_000]);
    packet.pkid = 1;
    let mut bytes = BytesMut::new();
    Packet::Publish(packet).write(&mut bytes, usize::MAX).unwrap();
    let half = |piece: usize| {
        let mut client = target.client(READER, &format!("half {piece}"))?;
        client.send_bytes(&bytes[..bytes.len() - 1]);
        Some(client)
    };
    Box::new((0..pieces).filter_map(half).collect::<Vec<_>>())
}
