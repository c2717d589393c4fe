//! A client of MQTT 5 that sends and expects single packets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqtt_proto::v5::{
    Connack, Connect, ConnectReasonCode, Disconnect, DisconnectReasonCode, LastWill, Packet, Puback, Publish,
    RetainHandling, Suback, Subscribe, SubscribeReasonCode, SubscriptionOptions,
};
use mqtt_proto::{Pid, QoS, QosPid};

const PATIENCE: Duration = Duration::from_secs(60);
const SILENCE: Duration = Duration::from_millis(300);

pub(crate) struct V5 {
    pub(crate) stream: TcpStream,
    read: BytesMut,
}

/// A CONNECT with a clean start and nothing else.
pub(crate) fn connect(client_id: &str) -> Connect {
    Connect::new(client_id.into(), 60)
}

/// A CONNECT to a session that stays for so many seconds.
pub(crate) fn lasting(client_id: &str, expiry_s: u32) -> Connect {
    let mut connect = connect(client_id);
    connect.clean_start = false;
    connect.properties.session_expiry_interval = Some(expiry_s);
    connect
}

pub(crate) fn with_will(mut connect: Connect, topic: &str, payload: &'static str) -> Connect {
    let topic = topic.try_into().unwrap();
    connect.last_will = Some(LastWill::new(QoS::Level1, topic, Bytes::from_static(payload.as_bytes())));
    connect
}

pub(crate) fn pid(packet_id: u16) -> Pid {
    packet_id.try_into().unwrap()
}

/// A PUBLISH with packet id 7, if it has one.
pub(crate) fn message(qos: QoS, topic: &str, payload: &str) -> Publish {
    let qos_pid = match qos {
        QoS::Level0 => QosPid::Level0,
        QoS::Level1 => QosPid::Level1(pid(7)),
        QoS::Level2 => QosPid::Level2(pid(7)),
    };
    Publish::new(qos_pid, topic.try_into().unwrap(), Bytes::copy_from_slice(payload.as_bytes()))
}

pub(crate) fn text(publish: &Publish) -> &str {
    std::str::from_utf8(&publish.payload).unwrap()
}

/// What a 3.1.1 client would get.
pub(crate) fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions {
        max_qos: qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::SendAtSubscribe,
    }
}

/// Takes a number of variable length.
fn number(bytes: &mut &[u8]) -> usize {
    let (all, mut number) = (*bytes, 0);
    for (index, byte) in all.iter().enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            *bytes = &all[index + 1..];
            return number;
        }
    }
    panic!("no number in {all:?}")
}

impl V5 {
    pub(crate) fn raw(address: SocketAddr) -> V5 {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        V5 { stream, read: BytesMut::new() }
    }

    /// Connects; panics unless the broker accepts.
    pub(crate) fn connect(address: SocketAddr, connect: Connect) -> (V5, Connack) {
        let mut client = V5::raw(address);
        client.send(connect);
        let connack = client.expect_connack();
        assert_eq!(connack.reason_code, ConnectReasonCode::Success);
        (client, connack)
    }

    pub(crate) fn expect_connack(&mut self) -> Connack {
        self.connack().expect("no CONNACK, but the connection is closed")
    }

    /// The answer to a CONNECT; `None` if there was no room even to read it.
    pub(crate) fn connack(&mut self) -> Option<Connack> {
        match self.next()? {
            Packet::Connack(connack) => Some(connack),
            other => panic!("expected a CONNACK, got {other:?}"),
        }
    }

    pub(crate) fn send(&mut self, packet: impl Into<Packet>) {
        self.send_bytes(packet.into().encode().unwrap().as_ref());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Packet {
        self.next().expect("no packet, but the connection is closed")
    }

    /// The next packet; `None` once the connection is closed.
    fn next(&mut self) -> Option<Packet> {
        let frame = self.next_frame()?;
        Some(Packet::decode(&frame).unwrap().expect("a whole packet"))
    }

    fn next_frame(&mut self) -> Option<BytesMut> {
        loop {
            // The fixed header is that of MQTT 3.1.1.
            if let Ok(header) = rumqttc::mqttbytes::check(self.read.iter(), usize::MAX) {
                return Some(self.read.split_to(header.frame_length()));
            }
            let mut chunk = [0; 65_536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                // The machine stood still for a while.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("no packet in time: {error}"),
            }
        }
    }

    /// The payload of the next packet, which must be a PUBLISH of which no more is said than the identifiers of the
    /// subscriptions that have brought it; these too, the lowest first. Acknowledges it if it is of QoS 1. mqtt-proto
    /// reads no more than one of them, and rumqttc takes them for a part of the payload.
    pub(crate) fn receive_identified(&mut self) -> (String, Vec<usize>) {
        let frame = self.next_frame().expect("no packet, but the connection is closed");
        let (first, mut rest) = (frame[0], &frame[1..]);
        assert_eq!(first >> 4, 3, "expected a message, got {frame:?}");
        assert_eq!(number(&mut rest), rest.len());
        let topic_bytes = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        rest = &rest[2 + topic_bytes..];
        if first & 0b0110 != 0 {
            let packet_id = u16::from_be_bytes([rest[0], rest[1]]);
            rest = &rest[2..];
            if first & 0b0110 == 0b0010 {
                self.send(Puback::new_success(pid(packet_id)));
            }
        }
        let said_bytes = number(&mut rest);
        let (mut said, payload) = rest.split_at(said_bytes);
        let mut identifiers = Vec::new();
        while let Some((0x0b, mut more)) = said.split_first().map(|(property, more)| (*property, more)) {
            identifiers.push(number(&mut more));
            said = more;
        }
        assert!(said.is_empty(), "more is said: {said:?}");
        identifiers.sort_unstable();
        (String::from_utf8(payload.to_vec()).unwrap(), identifiers)
    }

    /// Panics if anything comes, or the connection is closed.
    pub(crate) fn expect_silence(&mut self) {
        self.stream.set_read_timeout(Some(SILENCE)).unwrap();
        let mut chunk = [0; 64];
        match self.stream.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("expected silence, got {other:?} {chunk:?}"),
        }
        assert!(self.read.is_empty());
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    pub(crate) fn expect_end(&mut self) {
        let packet = self.next();
        assert!(packet.is_none(), "expected the end, got {packet:?}");
    }

    /// A DISCONNECT with this reason, and the end.
    #[track_caller]
    pub(crate) fn expect_disconnect(&mut self, reason: DisconnectReasonCode) {
        match self.receive() {
            Packet::Disconnect(Disconnect { reason_code, .. }) => assert_eq!(reason_code, reason),
            other => panic!("expected a DISCONNECT, got {other:?}"),
        }
        self.expect_end();
    }

    /// Leaves as one should.
    pub(crate) fn leave(mut self) {
        self.send(Disconnect::new_normal());
        self.expect_end();
    }

    pub(crate) fn subscribe(&mut self, filter: &str, options: SubscriptionOptions) {
        let granted = [
            SubscribeReasonCode::GrantedQoS0,
            SubscribeReasonCode::GrantedQoS1,
            SubscribeReasonCode::GrantedQoS2,
        ];
        assert_eq!(self.try_subscribe(filter, options), granted[options.max_qos as usize]);
    }

    pub(crate) fn try_subscribe(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
    ) -> SubscribeReasonCode {
        self.send(Subscribe::new(pid(77), vec![(filter.try_into().unwrap(), options)]));
        match self.receive() {
            Packet::Suback(Suback { topics, .. }) => topics[0],
            other => panic!("expected a SUBACK, got {other:?}"),
        }
    }

    /// Publishes with QoS 1 and returns the PUBACK.
    pub(crate) fn publish(&mut self, publish: Publish) -> Puback {
        self.send(publish);
        match self.receive() {
            Packet::Puback(puback) => puback,
            other => panic!("expected a PUBACK, got {other:?}"),
        }
    }

    pub(crate) fn publish_text(&mut self, topic: &str, payload: &str) {
        self.publish(message(QoS::Level1, topic, payload));
    }

    /// The next packet, which must be a PUBLISH.
    pub(crate) fn receive_message(&mut self) -> Publish {
        match self.receive() {
            Packet::Publish(publish) => publish,
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The next message, with this payload; acknowledges it if it is of QoS 1.
    #[track_caller]
    pub(crate) fn expect_message(&mut self, payload: &str) -> Publish {
        let publish = self.receive_message();
        assert_eq!(text(&publish), payload);
        if let QosPid::Level1(pid) = publish.qos_pid {
            self.send(Puback::new_success(pid));
        }
        publish
    }

    /// A ping's round trip.
    pub(crate) fn ping(&mut self) {
        self.send(Packet::Pingreq);
        assert_eq!(self.receive(), Packet::Pingresp);
    }
}
