//! An MQTT client that costs as little as possible.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::BytesMut;
use rumqttc::{Connect, Packet, Publish, QoS, Subscribe};

/// So many messages are under way at a time.
const AT_ONCE: usize = 500;

pub(crate) fn written(packet: &Packet) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, usize::MAX).unwrap();
    bytes.to_vec()
}

/// One that blocks, without threads of its own.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    read: BytesMut,
}

impl Client {
    pub(crate) fn connect(port: u16, client_id: &str) -> Self {
        // mosquitto does not say when it is ready.
        end_to_end::wait_until("the broker listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self { stream, read: BytesMut::new() };
        let mut connect = Connect::new(client_id);
        connect.clean_session = true;
        // It may say nothing for long.
        connect.keep_alive = 0;
        client.stream.write_all(&written(&Packet::Connect(connect))).unwrap();
        assert!(matches!(client.read(), Packet::ConnAck(_)));
        client
    }

    pub(crate) fn subscribe(&mut self) {
        let mut subscribe = Subscribe::new("powerpi/+/+/minute", QoS::AtLeastOnce);
        subscribe.pkid = 1;
        self.stream.write_all(&written(&Packet::Subscribe(subscribe))).unwrap();
        assert!(matches!(self.read(), Packet::SubAck(_)));
    }

    /// With QoS 0.
    pub(crate) fn publish(&mut self, topic: &str, payload: &str) {
        let publish = Publish::new(topic, QoS::AtMostOnce, payload);
        self.stream.write_all(&written(&Packet::Publish(publish))).unwrap();
    }

    /// With QoS 1, so many at once; returns when all are acknowledged.
    pub(crate) fn publish_all(&mut self, messages: &[(String, Vec<u8>)], is_retained: bool) {
        for some in messages.chunks(AT_ONCE) {
            let mut bytes = BytesMut::new();
            for ((topic, payload), number) in some.iter().zip(1..) {
                let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload.clone());
                (publish.pkid, publish.retain) = (number, is_retained);
                Packet::Publish(publish).write(&mut bytes, usize::MAX).unwrap();
            }
            self.stream.write_all(&bytes).unwrap();
            some.iter().for_each(|_| assert!(matches!(self.read(), Packet::PubAck(_))));
        }
    }

    pub(crate) fn read(&mut self) -> Packet {
        loop {
            if let Ok(packet) = Packet::read(&mut self.read, usize::MAX) {
                return packet;
            }
            let mut chunk = [0; 4096];
            let count = self.stream.read(&mut chunk).unwrap();
            assert_ne!(count, 0, "the broker closed the connection");
            self.read.extend_from_slice(&chunk[..count]);
        }
    }
}
