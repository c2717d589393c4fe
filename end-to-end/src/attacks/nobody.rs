//! What anybody can do who reaches the broker's port.

use std::io::{Read, Write};
use std::net::Ipv4Addr;

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Connect, LastWill, Packet};
use rumqttc::{Login, Packet as PacketV4};

use super::target::{Held, Target, connect_as, dial};

/// Connections of many networks that never send a CONNECT.
pub(super) fn half_open(target: &Target, pieces: usize) -> Held {
    let from = |piece: usize| Ipv4Addr::new(127, 1, (piece % 250) as u8, 1);
    let silent: Vec<_> = (0..pieces).filter_map(|piece| dial(from(piece), target.mqtt).ok()).collect();
    Box::new(silent)
}

/// CONNECTs of MQTT 5 whose will would write lines into the log.
pub(super) fn line_feeds(target: &Target, pieces: usize) -> Held {
    let topic = format!("x\n2026-11-28T00:00:00Z ERROR forged\u{1b}[31m{}", "x".repeat(900));
    let connect =
        Connect { keep_alive: 60, client_id: "\u{202e}x\n".into(), clean_start: true, properties: None };
    let will = LastWill::new(topic, "x", QoS::AtLeastOnce, false, None);
    let mut bytes = BytesMut::new();
    Packet::Connect(connect, Some(will), None).write(&mut bytes, None).unwrap();
    for _ in 0..pieces {
        if let Ok(mut stream) = target.broker() {
            // Its answer is the refusal, or nothing.
            let _ = stream.write_all(&bytes).and_then(|()| stream.read(&mut [0; 64]));
        }
    }
    Box::new(())
}

/// All at once: of one address that has many of them, and of forty that have one each.
pub(super) fn wrong_logins(target: &Target, pieces: usize) -> Held {
    let flood: Vec<_> = (0..pieces)
        .filter_map(|piece| {
            let many = piece < pieces * 3 / 4;
            let from = if many { Ipv4Addr::new(127, 2, 0, 2) } else { Ipv4Addr::new(127, 2, piece as u8, 1) };
            let mut stream = dial(from, target.mqtt).ok()?;
            let mut connect = connect_as("admin", "x", true);
            connect.login = Some(Login { username: "admin".into(), password: "wrong".into() });
            let mut bytes = BytesMut::new();
            PacketV4::Connect(connect).write(&mut bytes, usize::MAX).unwrap();
            stream.write_all(&bytes).ok()?;
            Some(stream)
        })
        .collect();
    // Each is answered, or sent away.
    for mut stream in flood {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    Box::new(())
}
