//! A light MQTT client: one blocking connection, single packets.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rumqttc::mqttbytes::{Error, QoS};
use rumqttc::{Connect, ConnectReturnCode, Packet, PubAck, Publish, Subscribe};

/// How long an answer may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection; when dropped it ends without DISCONNECT.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    read: BytesMut,
}

/// What came within a time.
#[derive(Debug)]
pub enum Came {
    /// A packet.
    Packet(Packet),
    /// Nothing.
    Nothing,
    /// The end of the connection.
    End,
}

impl Client {
    /// Connects; tells whether the session was there. `None` if the broker is not.
    pub fn connect(port: u16, client_id: &str, clean: bool) -> Option<(Self, bool)> {
        let mut connect = Connect::new(client_id);
        connect.clean_session = clean;
        Self::log_in(TcpStream::connect(("127.0.0.1", port)).ok()?, connect)
    }

    /// The same over this connection, with all that a CONNECT can say.
    pub fn log_in(stream: TcpStream, connect: Connect) -> Option<(Self, bool)> {
        stream.set_nodelay(true).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        let mut client = Self { stream, read: BytesMut::new() };
        client.send(&[Packet::Connect(connect)]);
        match client.next(PATIENCE) {
            Came::Packet(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {
                Some((client, ack.session_present))
            }
            _ => None,
        }
    }

    /// Whether the connection takes it.
    pub fn send(&mut self, packets: &[Packet]) -> bool {
        let mut bytes = BytesMut::new();
        for packet in packets {
            packet.write(&mut bytes, usize::MAX).unwrap();
        }
        self.send_bytes(&bytes)
    }

    /// Whether the connection takes them, whatever they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Publishes with QoS 1; the PUBACK comes as a packet.
    pub fn publish(&mut self, packet_id: u16, topic: &str, payload: &str, retain: bool) -> bool {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        (publish.pkid, publish.retain) = (packet_id, retain);
        self.send(&[Packet::Publish(publish)])
    }

    /// Subscribes with QoS 1 and waits for the SUBACK; messages before it are not expected.
    pub fn subscribe(&mut self, filter: &str) -> bool {
        let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
        subscribe.pkid = 1;
        self.send(&[Packet::Subscribe(subscribe)])
            && matches!(self.next(PATIENCE), Came::Packet(Packet::SubAck(_)))
    }

    /// From now on sending ends as refused after so long.
    pub fn give_up_sending_after(&self, patience: Duration) {
        self.stream.set_write_timeout(Some(patience)).unwrap();
    }

    /// Acknowledges a message of QoS 1.
    pub fn acknowledge(&mut self, message: &Publish) -> bool {
        message.qos == QoS::AtMostOnce || self.send(&[Packet::PubAck(PubAck::new(message.pkid))])
    }

    /// Sends DISCONNECT.
    pub fn disconnect(mut self) {
        self.send(&[Packet::Disconnect]);
    }

    /// The next packet, if one comes in time.
    pub fn next(&mut self, patience: Duration) -> Came {
        let deadline = Instant::now() + patience;
        loop {
            match Packet::read(&mut self.read, usize::MAX) {
                Ok(packet) => return Came::Packet(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("the broker sent nonsense: {error}"),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Came::Nothing;
            }
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut chunk = [0; 65_536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Came::End,
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Came::Nothing;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Came::End,
            }
        }
    }
}
