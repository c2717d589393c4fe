//! Packets at random, whole, in one piece and in many.
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

pub(super) fn packet_id() -> impl Strategy<Value = u16> {
    prop_oneof![1_u16..5, Just(65_535)]
}

pub(super) fn text(pattern: &'static str) -> impl Strategy<Value = String> {
    pattern.prop_map(|text: String| text)
}

pub(super) fn connect(client_id: String) -> impl Strategy<Value = Packet> {
    let will = (text("w/[a-z/é]{0,8}"), vec(any::<u8>(), 0..20), any::<bool>())
        .prop_map(|(topic, payload, retain)| LastWill::new(topic, payload, QoS::AtLeastOnce, retain));
    (text("[a-c/é]{1,3}"), any::<bool>(), 0_u16..100, proptest::option::of(will)).prop_map(
        move |(id, clean, keep_alive, will)| {
            let mut connect = Connect::new(format!("{client_id} {id}"));
            (connect.clean_session, connect.keep_alive, connect.last_will) = (clean, keep_alive, will);
            Packet::Connect(connect)
        },
    )
}

/// Any packet that a client may send after its CONNECT, but DISCONNECT. Nobody subscribes to what
/// is published.
pub(super) fn packet() -> impl Strategy<Value = Packet> {
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

pub(super) fn bytes_of(packets: &[Packet]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    for packet in packets {
        packet.write(&mut bytes, usize::MAX).unwrap();
    }
    bytes.to_vec()
}

/// Sends bytes in pieces and returns all that comes back until the end, which has to come.
pub(super) fn converse(address: SocketAddr, bytes: &[u8], piece: usize) -> Vec<u8> {
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
pub(super) fn packets_of(answers: &[u8]) -> Vec<Packet> {
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

pub(super) fn runner() -> TestRunner {
    // Failures are printed; there is no file of them to keep.
    TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() })
}

#[test]
fn fuzz_whole_packets_in_pieces_are_answered_exactly() {
    let scene = Scene::new("");
    let address = scene.home.address;
    let cases = (connect("fuzz".into()), vec(packet(), 0..30), 1_usize..200);
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
