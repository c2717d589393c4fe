//! Packets at random, whole and broken, in one piece and in many.
//!
//! `PROPTEST_CASES=100000 cargo test -p powerpi-broker fuzz` looks for longer than `make test`.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rumqttc::mqttbytes::{Error, QoS};
use rumqttc::{Connect, LastWill, Packet, PubAck, PubComp, PubRec, PubRel, Publish, Subscribe, Unsubscribe};

use crate::hostile::scene::Scene;

/// How long the broker may take for its answers, and to close.
const PATIENCE: Duration = Duration::from_secs(60);

fn packet_id() -> impl Strategy<Value = u16> {
    prop_oneof![1_u16..5, Just(65_535)]
}

fn text(pattern: &'static str) -> impl Strategy<Value = String> {
    pattern.prop_map(|text: String| text)
}

fn connect() -> impl Strategy<Value = Packet> {
    let will = (text("w/[a-z/é]{0,8}"), vec(any::<u8>(), 0..20), any::<bool>())
        .prop_map(|(topic, payload, retain)| LastWill::new(topic, payload, QoS::AtLeastOnce, retain));
    (text("[a-c/é]{1,3}"), any::<bool>(), 0_u16..100, proptest::option::of(will)).prop_map(
        |(client_id, clean, keep_alive, will)| {
            let mut connect = Connect::new(format!("fuzz {client_id}"));
            (connect.clean_session, connect.keep_alive, connect.last_will) = (clean, keep_alive, will);
            Packet::Connect(connect)
        },
    )
}

/// Any packet that a client may send after its CONNECT, but DISCONNECT. Nobody subscribes to what
/// is published.
fn packet() -> impl Strategy<Value = Packet> {
    let qos = prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)];
    let publish = (text("p/[a-zé/]{0,8}"), qos.clone(), packet_id(), vec(any::<u8>(), 0..300), any::<bool>());
    prop_oneof![
        4 => publish.prop_map(|(topic, qos, id, payload, retain)| {
            let mut publish = Publish::new(topic, qos, payload);
            publish.pkid = if qos == QoS::AtMostOnce { 0 } else { id };
            publish.retain = retain;
            Packet::Publish(publish)
        }),
        2 => (text("s/[a-zé/]{0,8}(/\\+)?(/#)?"), qos, packet_id()).prop_map(|(filter, qos, id)| {
            let mut subscribe = Subscribe::new(filter, qos);
            subscribe.pkid = id;
            Packet::Subscribe(subscribe)
        }),
        1 => (text("s/[a-z]{0,2}"), packet_id()).prop_map(|(filter, id)| {
            let mut unsubscribe = Unsubscribe::new(filter);
            unsubscribe.pkid = id;
            Packet::Unsubscribe(unsubscribe)
        }),
        1 => packet_id().prop_map(|id| Packet::PubAck(PubAck::new(id))),
        1 => packet_id().prop_map(|id| Packet::PubRec(PubRec::new(id))),
        1 => packet_id().prop_map(|id| Packet::PubRel(PubRel::new(id))),
        1 => packet_id().prop_map(|id| Packet::PubComp(PubComp::new(id))),
        1 => Just(Packet::PingReq),
    ]
}

fn bytes_of(packets: &[Packet]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    for packet in packets {
        packet.write(&mut bytes, usize::MAX).unwrap();
    }
    bytes.to_vec()
}

/// Something that spoils bytes.
#[derive(Debug, Clone)]
enum Damage {
    Set(usize, u8),
    Flip(usize, u8),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    Repeat(usize, usize),
    CutOff(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    // Most structure is near the beginning.
    let place = || prop_oneof![0_usize..40, 0_usize..2_000];
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (place(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (place(), 1_usize..10).prop_map(|(at, count)| Damage::Remove(at, count)),
        (place(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (place(), 1_usize..100).prop_map(|(at, count)| Damage::Repeat(at, count)),
        place().prop_map(Damage::CutOff),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let range = |at: usize, count: usize, bytes: &[u8]| {
            let start = at.min(bytes.len());
            start..(start + count).min(bytes.len())
        };
        match self {
            Damage::Set(at, byte) => bytes.iter_mut().skip(*at).take(1).for_each(|old| *old = *byte),
            Damage::Flip(at, bit) => bytes.iter_mut().skip(*at).take(1).for_each(|old| *old ^= 1 << bit),
            Damage::Remove(at, count) => drop(bytes.drain(range(*at, *count, bytes))),
            Damage::Insert(at, new) => drop(bytes.splice(range(*at, 0, bytes), new.iter().copied())),
            Damage::Repeat(at, count) => {
                let again = bytes[range(*at, *count, bytes)].to_vec();
                drop(bytes.splice(range(*at, 0, bytes), again));
            }
            Damage::CutOff(at) => bytes.truncate(*at),
        }
    }
}

/// Sends bytes in pieces and returns all that comes back until the end, which has to come.
fn converse(address: SocketAddr, bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The broker may close before it has got everything.
    let _ = bytes.chunks(piece).try_for_each(|piece| stream.write_all(piece));
    let _ = stream.shutdown(Shutdown::Write);
    let mut answers = Vec::new();
    match stream.read_to_end(&mut answers) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection stays open: {error}"),
    }
    answers
}

/// Takes answers apart; they must be whole packets.
fn packets_of(answers: &[u8]) -> Vec<Packet> {
    let mut rest = BytesMut::from(answers);
    let mut packets = Vec::new();
    loop {
        match Packet::read(&mut rest, usize::MAX) {
            Ok(packet) => packets.push(packet),
            Err(Error::InsufficientBytes(_)) if rest.is_empty() => return packets,
            Err(error) => panic!("the broker sent nonsense: {error} {rest:?}"),
        }
    }
}

/// Answers to a client of another level, which are laid out otherwise: whole frames at least.
fn check_frames(mut answers: &[u8]) {
    while let Some((first, rest)) = answers.split_first() {
        assert!([2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15].contains(&(first >> 4)), "{first:#x}");
        let digits = rest.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let length: usize =
            rest[..digits].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        answers = &rest[digits + length..];
    }
}

/// Whether the answers may be laid out as in MQTT 5, which later levels get as well.
fn is_level_5(bytes: &[u8]) -> bool {
    let is_later = |window: &[u8]| window.starts_with(b"\x00\x04MQTT") && (5..0x80).contains(&window[6]);
    bytes.windows(7).any(is_later)
}

/// What has to be answered in order, with PINGRESPs, which need not be, left out.
fn expected(packets: &[Packet]) -> Vec<Vec<u8>> {
    let two = |kind: u8, id: u16| [&[kind, 2][..], &id.to_be_bytes()].concat();
    let answer = |packet: &Packet| match packet {
        Packet::Publish(publish) if publish.qos == QoS::AtLeastOnce => Some(two(0x40, publish.pkid)),
        Packet::Publish(publish) if publish.qos == QoS::ExactlyOnce => Some(two(0x50, publish.pkid)),
        Packet::PubRel(release) => Some(two(0x70, release.pkid)),
        Packet::Unsubscribe(unsubscribe) => Some(two(0xb0, unsubscribe.pkid)),
        Packet::Subscribe(subscribe) => {
            let id = subscribe.pkid.to_be_bytes();
            Some([&[0x90, 3][..], &id, &[subscribe.filters[0].qos as u8]].concat())
        }
        _ => None,
    };
    packets.iter().filter_map(answer).collect()
}

fn runner() -> TestRunner {
    // Failures are printed; there is no file of them to keep.
    TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() })
}

#[test]
fn fuzz_whole_packets_in_pieces_are_answered_exactly() {
    let scene = Scene::new("");
    let address = scene.home.address;
    let cases = (connect(), vec(packet(), 0..30), 1_usize..200);
    let outcome = runner().run(&cases, |(connect, packets, piece)| {
        let mut bytes = bytes_of(std::slice::from_ref(&connect));
        bytes.extend(bytes_of(&packets));
        let answers = packets_of(&converse(address, &bytes, piece));
        let pings = |packets: &[Packet], ping| packets.iter().filter(|packet| **packet == ping).count();
        prop_assert!(matches!(answers.first(), Some(Packet::ConnAck(_))), "{:?}", answers);
        prop_assert_eq!(pings(&answers, Packet::PingResp), pings(&packets, Packet::PingReq));
        // An acknowledgement of what was never sent is answered out of turn, if at all.
        let in_turn =
            |answer: &&Packet| !matches!(answer, Packet::ConnAck(_) | Packet::PingResp | Packet::PubRel(_));
        let answered: Vec<_> =
            answers.iter().filter(in_turn).map(|answer| bytes_of(std::slice::from_ref(answer))).collect();
        prop_assert_eq!(answered, expected(&packets));
        Ok(())
    });
    outcome.unwrap();
    scene.end();
}

#[test]
fn fuzz_broken_packets_cost_their_own_connection_only() {
    let scene = Scene::new("");
    let address = scene.home.address;
    let cases = (connect(), vec(packet(), 0..20), vec(damage(), 1..6), 1_usize..500);
    let outcome = runner().run(&cases, |(connect, packets, damages, piece)| {
        let mut bytes = bytes_of(std::slice::from_ref(&connect));
        bytes.extend(bytes_of(&packets));
        for damage in &damages {
            damage.apply(&mut bytes);
        }
        let answers = converse(address, &bytes, piece);
        if is_level_5(&bytes) {
            check_frames(&answers);
        } else if let Some(first) = packets_of(&answers).first() {
            prop_assert!(matches!(first, Packet::ConnAck(_)), "{first:?}");
        }
        Ok(())
    });
    outcome.unwrap();
    scene.end();
}
