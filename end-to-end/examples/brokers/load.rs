//! Clients that cost as little as possible, so that brokers are measured and not they.
//!
//! They know only the packets that they send and expect; a broker that sends another one ends the
//! measurement.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, Packet, Publish, Subscribe};

const TOPIC: &str = "powerpi/home/main/minute";
const PAYLOAD_BYTES: usize = 100;
const PUBACK: u8 = 0x40;

/// A connected client.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, client_id: &str, clean_session: bool) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Client { stream };
        let mut connect = Connect::new(client_id);
        connect.clean_session = clean_session;
        client.stream.write_all(&written(&Packet::Connect(connect))).unwrap();
        let mut connack = [0; 4];
        client.stream.read_exact(&mut connack).unwrap();
        assert_eq!((connack[0], connack[3]), (0x20, 0), "not accepted");
        client
    }

    /// Publishes one message and waits for its PUBACK.
    pub(crate) fn publish_one(&mut self) {
        self.stream.write_all(&publications(1)).unwrap();
        self.stream.read_exact(&mut [0; 4]).unwrap();
    }
}

pub(crate) fn written(packet: &Packet) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, usize::MAX).unwrap();
    bytes.to_vec()
}

/// Messages with packet ids from 1 on.
fn publications(count: usize) -> Vec<u8> {
    let publication = |id| {
        let mut publish = Publish::new(TOPIC, QoS::AtLeastOnce, [b'x'; PAYLOAD_BYTES]);
        publish.pkid = id as u16;
        written(&Packet::Publish(publish))
    };
    (1..=count).flat_map(publication).collect()
}

/// Publishes messages, as many in flight as may be, until all are acknowledged.
pub(crate) fn publish(client: Client, messages: usize, in_flight: usize) {
    let Client { mut stream } = client;
    // With each id once: what is free at a time lies together, but for the end of the circle.
    let circle = publications(in_flight);
    let length = circle.len() / in_flight;
    let (mut sent, mut acknowledged_bytes) = (0, 0);
    let mut chunk = [0; 4_096];
    while acknowledged_bytes < 4 * messages {
        let until = messages.min(acknowledged_bytes / 4 + in_flight);
        while sent < until {
            let from = sent % in_flight;
            let count = (until - sent).min(in_flight - from);
            stream.write_all(&circle[from * length..(from + count) * length]).unwrap();
            sent += count;
        }
        // Nothing but PUBACKs, four bytes each.
        let count = stream.read(&mut chunk).unwrap();
        assert_ne!(count, 0, "the broker closed the connection");
        acknowledged_bytes += count;
    }
}

/// A client with a lasting session that takes everything published here.
pub(crate) struct Subscriber {
    client: Client,
    /// What has come and is not a whole packet.
    read: Vec<u8>,
}

impl Subscriber {
    pub(crate) fn subscribe(address: SocketAddr, client_id: &str) -> Subscriber {
        let mut client = Client::connect(address, client_id, false);
        let mut subscribe = Subscribe::new("powerpi/+/+/minute", QoS::AtLeastOnce);
        subscribe.pkid = 1;
        client.stream.write_all(&written(&Packet::Subscribe(subscribe))).unwrap();
        client.stream.read_exact(&mut [0; 5]).unwrap();
        Subscriber { client, read: Vec::new() }
    }

    /// Takes and acknowledges so many messages.
    pub(crate) fn take(&mut self, messages: usize) {
        let length = publications(1).len();
        let id_at = length - PAYLOAD_BYTES - 2;
        let (mut taken, mut acks, mut chunk) = (0, Vec::new(), vec![0; 65_536]);
        while taken < messages {
            let count = self.client.stream.read(&mut chunk).unwrap();
            assert_ne!(count, 0, "the broker closed the connection");
            self.read.extend_from_slice(&chunk[..count]);
            acks.clear();
            let whole = self.read.chunks_exact(length);
            let rest = whole.remainder().len();
            for message in whole {
                assert_eq!(message[0], 0x32, "not a PUBLISH of QoS 1, sent once");
                acks.extend_from_slice(&[PUBACK, 2, message[id_at], message[id_at + 1]]);
                taken += 1;
            }
            self.read.drain(..self.read.len() - rest);
            self.client.stream.write_all(&acks).unwrap();
        }
    }

    /// Ends the session.
    pub(crate) fn forget(self, address: SocketAddr, client_id: &str) {
        drop(self);
        drop(Client::connect(address, client_id, true));
    }
}
