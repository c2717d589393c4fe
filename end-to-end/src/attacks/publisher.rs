//! What a user can do that may publish for its own site.

use std::io::{Read, Write};
use std::time::Duration;

use bytes::BytesMut;
use meter_messages::Minute;
use rumqttc::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5 as mqtt5;
use rumqttc::{Packet, Publish, Subscribe, SubscribeFilter};

use super::browser::pages_of_all_time;
use super::target::{Held, Target, password};
use crate::torture::client::{Came, Client};

/// Its user and site.
pub(super) const SITE: &str = "greedy";

/// Messages of QoS 1 that are under way at a time.
const UNDER_WAY: usize = 100;

fn topic(meter: impl std::fmt::Display, what: &str) -> String {
    format!("powerpi/{SITE}/{meter}/{what}")
}

fn info(outbox: &str) -> String {
    format!(
        r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":1}}"#
    )
}

/// Publishes with QoS 1, and waits until the broker has all of it.
fn publish(client: &mut Client, messages: impl Iterator<Item = (String, Vec<u8>)>, retain: bool) {
    let mut messages = messages.peekable();
    while messages.peek().is_some() {
        let packet = |(id, (topic, payload)): (u16, (String, Vec<u8>))| {
            let mut message = Publish::new(topic, QoS::AtLeastOnce, payload);
            (message.pkid, message.retain) = (id, retain);
            Packet::Publish(message)
        };
        let some: Vec<_> = (1..).zip(messages.by_ref().take(UNDER_WAY)).map(packet).collect();
        let mut open = some.len();
        if !client.send(&some) {
            return;
        }
        while open > 0 {
            match client.next(Duration::from_secs(60)) {
                Came::Packet(Packet::PubAck(_)) => open -= 1,
                Came::Packet(_) => {}
                _ => return,
            }
        }
    }
}

fn publish_all(target: &Target, messages: impl Iterator<Item = (String, Vec<u8>)>, retain: bool) -> Held {
    let mut client = target.client(SITE, "attack");
    if let Some(client) = &mut client {
        publish(client, messages, retain);
    }
    Box::new(client)
}

/// More than some consumers would take.
pub(super) fn large_status(target: &Target, pieces: usize) -> Held {
    let message = (format!("powerpi/{SITE}/status"), vec![b'x'; 20_000]);
    publish_all(target, std::iter::repeat_n(message, pieces), true)
}

/// Topics of which each is as long as a packet lets it be, with QoS 0.
pub(super) fn long_topics(target: &Target, pieces: usize) -> Held {
    let mut client = target.client(SITE, "attack");
    let long = "x".repeat(65_000);
    for piece in 0..pieces {
        let message = Publish::new(topic(format!("{piece}{long}"), "live"), QoS::AtMostOnce, "x");
        if !client.as_mut().is_some_and(|client| client.send(&[Packet::Publish(message)])) {
            break;
        }
    }
    Box::new(client)
}

/// Three sessions of its own that are away and are owed all of it.
pub(super) fn owed(target: &Target, pieces: usize) -> Held {
    for number in 0..3 {
        if let Some((mut client, _)) = target.session(SITE, &format!("absent {number}"), false) {
            client.subscribe(&format!("powerpi/{SITE}/#"));
            client.disconnect();
        }
    }
    publish_all(target, (0..pieces).map(|_| (topic("main", "diag"), vec![b'x'; 60_000])), false)
}

/// Clients of MQTT 5 that leave a large will, to be published in a day: a payload has 65 kB at most, what is said of
/// it is the rest.
pub(super) fn wills(target: &Target, pieces: usize) -> Held {
    let said = (0..3).map(|number| (number.to_string(), "x".repeat(62_000)));
    let delayed = mqtt5::LastWillProperties {
        delay_interval: Some(86_400),
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: said.collect(),
    };
    let (topic, qos) = (format!("powerpi/{SITE}/status"), rumqttc::v5::mqttbytes::QoS::AtLeastOnce);
    let will = mqtt5::LastWill::new(topic, vec![b'x'; 62_000], qos, false, Some(delayed));
    let mut properties = mqtt5::ConnectProperties::new();
    properties.session_expiry_interval = Some(86_400);
    let login = mqtt5::Login::new(SITE, password(SITE));
    for piece in 0..pieces {
        let (client_id, properties) = (format!("will {piece}"), Some(properties.clone()));
        let connect = mqtt5::Connect { keep_alive: 60, client_id, clean_start: false, properties };
        let mut bytes = BytesMut::new();
        let connect = mqtt5::Packet::Connect(connect, Some(will.clone()), Some(login.clone()));
        connect.write(&mut bytes, None).unwrap();
        if let Ok(mut stream) = target.broker() {
            // It is dropped without a DISCONNECT, so that its will waits.
            let _ = stream.write_all(&bytes).and_then(|()| stream.read(&mut [0; 64]));
        }
    }
    Box::new(())
}

/// Meters, each with a retained state.
pub(super) fn meters(target: &Target, pieces: usize) -> Held {
    let now = daemon_runtime::now();
    let state = format!(r#"{{"t":"{now}","power_w":1,"energy_kwh":0.005,"total":5}}"#);
    let of = |piece: usize| {
        [(topic(piece, "info"), info("a").into_bytes()), (topic(piece, "state"), state.clone().into_bytes())]
    };
    publish_all(target, (0..pieces).flat_map(of), true)
}

/// Retained messages that nobody reads.
pub(super) fn retained(target: &Target, pieces: usize) -> Held {
    publish_all(target, (0..pieces).map(|piece| (topic(piece, "diag"), b"x".to_vec())), true)
}

/// A meter that has counted for long, and then says that it has another outbox each time.
pub(super) fn outboxes(target: &Target, pieces: usize) -> Held {
    let first = daemon_runtime::now().as_second() / 60 - 10 * pieces as i64;
    let minute = |seq: usize| {
        let t = Minute::nearest(first + seq as i64);
        format!(r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":5,"total":{}}}"#, 5 * seq).into_bytes()
    };
    let minutes = (1..=pieces).map(|seq| (topic("main", "minute"), minute(seq)));
    let says = |piece: usize| (topic("main", "info"), info(&format!("o{piece}")).into_bytes());
    let mut client = target.client(SITE, "attack");
    if let Some(client) = &mut client {
        publish(client, std::iter::once(says(0)), true);
        publish(client, minutes, false);
        publish(client, (1..=pieces).map(says), true);
    }
    Box::new(client)
}

/// A minute of long ago and one of long ahead, and then pages of all time.
pub(super) fn far_minutes(target: &Target, pieces: usize) -> Held {
    let minute = |seq: u32, year: u32| {
        format!(r#"{{"t":"{year}-01-01T00:00:00Z","s":60,"seq":{seq},"pulses":5,"total":{seq}}}"#)
            .into_bytes()
    };
    let messages = [
        (topic("public", "info"), info("far").into_bytes()),
        (topic("public", "minute"), minute(1, 2000)),
        (topic("public", "minute"), minute(2, 2099)),
    ];
    let held = publish_all(target, messages.into_iter(), false);
    pages_of_all_time(target, &format!("{SITE}/public"), pieces);
    held
}

/// Topics that were published once, then filters that match none of them, then the end.
pub(super) fn topics(target: &Target, pieces: usize) -> Held {
    let Some(mut client) = target.client(SITE, "attack") else { return Box::new(()) };
    publish(&mut client, (0..pieces).map(|piece| (topic(format!("t{piece}"), "live"), b"x".to_vec())), false);
    let filters = (0..pieces / 100)
        .map(|id| SubscribeFilter::new(format!("powerpi/{SITE}/+/{id}/never"), QoS::AtMostOnce));
    let mut subscribe = Subscribe::new_many(filters);
    subscribe.pkid = 1;
    client.send(&[Packet::Subscribe(subscribe)]);
    client.disconnect();
    Box::new(())
}
