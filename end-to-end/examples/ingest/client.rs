//! Clients that cost as little as possible, so that they are not what is measured.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use end_to_end::wait_until;
use rumqttc::{Connect, Packet, PubAck, Publish, QoS, Subscribe};

/// A broker that says nothing for so long has lost something.
const PATIENCE: Duration = Duration::from_secs(60);

/// Publications with their packet ids, as they are sent.
pub(crate) struct Publications {
    bytes: BytesMut,
    /// Where each of them ends.
    ends: Vec<usize>,
    in_flight: usize,
}

impl Publications {
    /// None yet. Packet ids are used again after so many.
    pub(crate) fn new(in_flight: usize) -> Self {
        Self { bytes: BytesMut::new(), ends: Vec::new(), in_flight }
    }

    pub(crate) fn push(&mut self, topic: String, payload: Vec<u8>, retain: bool) {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.retain = retain;
        publish.pkid = (self.ends.len() % self.in_flight + 1) as u16;
        Packet::Publish(publish).write(&mut self.bytes, usize::MAX).unwrap();
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn between(&self, from: usize, to: usize) -> &[u8] {
        let start = |index: usize| index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start(from)..start(to)]
    }
}

/// A connected client.
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(port: u16, client_id: &str) -> Self {
        // mosquitto does not say when it is ready.
        wait_until("the broker listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self { stream };
        let mut connect = Connect::new(client_id);
        // It says nothing while others are waited for.
        connect.keep_alive = 0;
        client.write(&Packet::Connect(connect));
        let mut connack = [0; 4];
        client.stream.read_exact(&mut connack).unwrap();
        assert_eq!((connack[0], connack[3]), (0x20, 0), "not accepted");
        client
    }

    fn write(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    /// Publishes all, as many in flight as have packet ids, and returns when all are acknowledged.
    pub(crate) fn publish(&mut self, publications: &Publications) {
        self.publish_by(publications, |_| publications.len());
    }

    /// The same, evenly within a time.
    pub(crate) fn publish_within(&mut self, publications: &Publications, time: Duration) {
        let began = Instant::now();
        self.publish_by(publications, |sent| {
            let due =
                (publications.len() as f64 * began.elapsed().as_secs_f64() / time.as_secs_f64()) as usize;
            if due <= sent {
                std::thread::sleep(Duration::from_millis(1));
            }
            due.min(publications.len())
        });
    }

    /// `due` says how many may have been sent by now.
    fn publish_by(&mut self, publications: &Publications, mut due: impl FnMut(usize) -> usize) {
        let (mut sent, mut acknowledged_bytes, mut chunk) = (0, 0, [0; 16_384]);
        while acknowledged_bytes < 4 * publications.len() {
            let until = due(sent).min(acknowledged_bytes / 4 + publications.in_flight);
            if until > sent {
                self.stream.write_all(publications.between(sent, until)).unwrap();
                sent = until;
            }
            let waits = sent == publications.len() || sent == acknowledged_bytes / 4 + publications.in_flight;
            if waits {
                // Nothing but PUBACKs, four bytes each.
                let count = self.stream.read(&mut chunk).unwrap();
                assert_ne!(count, 0, "the broker closed the connection");
                acknowledged_bytes += count;
            }
        }
    }

    /// Takes what is published under a filter, and acknowledges it, until `each` has seen enough.
    pub(crate) fn follow(self, filter: &str, mut each: impl FnMut(&Publish) -> bool) {
        self.follow_together(filter, |publications| {
            publications.iter().fold(true, |goes_on, it| goes_on & each(it))
        });
    }

    /// The same, all that has come at once together.
    pub(crate) fn follow_together(mut self, filter: &str, mut take: impl FnMut(&[Publish]) -> bool) {
        let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
        subscribe.pkid = 1;
        self.write(&Packet::Subscribe(subscribe));
        let (mut read, mut acks, mut chunk) = (BytesMut::new(), BytesMut::new(), vec![0; 65_536]);
        let mut come = Vec::new();
        let mut goes_on = true;
        while goes_on {
            let count = self.stream.read(&mut chunk).unwrap();
            assert_ne!(count, 0, "the broker closed the connection");
            read.extend_from_slice(&chunk[..count]);
            come.clear();
            while let Ok(packet) = Packet::read(&mut read, usize::MAX) {
                let Packet::Publish(publish) = packet else { continue };
                Packet::PubAck(PubAck::new(publish.pkid)).write(&mut acks, usize::MAX).unwrap();
                come.push(publish);
            }
            goes_on = take(&come);
            self.stream.write_all(&acks.split()).unwrap();
        }
    }
}
