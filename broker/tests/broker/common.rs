//! A real broker on a free port, and a client that sends and expects single packets.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use broker::{Broker, Settings};
use bytes::BytesMut;
use rumqttc::mqttbytes::{Error, QoS};
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, SubAck, Subscribe, SubscribeReasonCode,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio_util::sync::CancellationToken;

/// How long an expected packet may take: it only keeps a test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait for a packet that must not come.
const SILENCE: Duration = Duration::from_millis(300);

pub(crate) struct TestBroker {
    pub(crate) address: SocketAddr,
    pub(crate) health: Option<SocketAddr>,
    shutdown: CancellationToken,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl TestBroker {
    pub(crate) fn start() -> TestBroker {
        TestBroker::with(|_| {})
    }

    pub(crate) fn with(adjust: impl FnOnce(&mut Settings)) -> TestBroker {
        let mut settings = Settings::default();
        settings.mqtt.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.store.in_memory = true;
        adjust(&mut settings);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let broker = runtime.block_on(Broker::bind(&settings)).unwrap();
        let (address, health) = (broker.local_addr().unwrap(), broker.health_addr().unwrap());
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let thread = std::thread::spawn(move || runtime.block_on(broker.run(token)));
        TestBroker { address, health, shutdown, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// A connected client with a clean session.
    pub(crate) fn client(&self, client_id: &str) -> Client {
        let (client, present) = Client::connect(self.address, Connect::new(client_id));
        assert!(!present);
        client
    }

    /// A connected client with a lasting session, and whether there was one.
    pub(crate) fn lasting(&self, client_id: &str) -> (Client, bool) {
        let mut connect = Connect::new(client_id);
        connect.clean_session = false;
        Client::connect(self.address, connect)
    }

    pub(crate) fn raw(&self) -> Client {
        Client::raw(self.address)
    }

    /// Stops the broker and waits for its end.
    pub(crate) fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    read: BytesMut,
}

impl Client {
    pub(crate) fn raw(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, read: BytesMut::new() }
    }

    /// A client over a connection that is there already.
    pub(crate) fn over(stream: TcpStream) -> Client {
        Client { stream, read: BytesMut::new() }
    }

    /// Connects; panics unless the broker accepts. The second value is "session present".
    pub(crate) fn connect(address: SocketAddr, connect: Connect) -> (Client, bool) {
        let mut client = Client::raw(address);
        client.send(&Packet::Connect(connect));
        match client.receive() {
            Packet::ConnAck(ConnAck { session_present, code: ConnectReturnCode::Success }) => {
                (client, session_present)
            }
            other => panic!("not accepted: {other:?}"),
        }
    }

    /// Connects, unless the broker is not there or goes away meanwhile.
    pub(crate) fn try_connect(address: SocketAddr, connect: Connect) -> Option<Client> {
        let stream = TcpStream::connect(address).ok()?;
        let mut client = Client { stream, read: BytesMut::new() };
        client.stream.set_nodelay(true).ok()?;
        let accepted = client.try_send_all(&[Packet::Connect(connect)]) && client.next(PATIENCE).is_some();
        accepted.then_some(client)
    }

    pub(crate) fn send(&mut self, packet: &Packet) {
        self.send_all(std::slice::from_ref(packet));
    }

    pub(crate) fn send_all(&mut self, packets: &[Packet]) {
        assert!(self.try_send_all(packets), "the broker closed the connection");
    }

    /// Whether the connection still takes it.
    pub(crate) fn try_send_all(&mut self, packets: &[Packet]) -> bool {
        let mut bytes = BytesMut::new();
        for packet in packets {
            packet.write(&mut bytes, usize::MAX).unwrap();
        }
        self.stream.write_all(&bytes).is_ok()
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next packet; panics if none comes.
    pub(crate) fn receive(&mut self) -> Packet {
        self.next(PATIENCE).expect("no packet, but the connection is closed")
    }

    /// Everything that comes until the broker closes the connection.
    pub(crate) fn receive_bytes_to_the_end(&mut self) -> Vec<u8> {
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut bytes = self.read.to_vec();
        self.stream.read_to_end(&mut bytes).unwrap();
        bytes
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
    }

    /// Waits for the broker to close the connection; panics on a packet.
    pub(crate) fn expect_end(&mut self) {
        let packet = self.next(PATIENCE);
        assert!(packet.is_none(), "expected the end, got {packet:?}");
    }

    /// The next packet; `None` once the connection is closed, and a panic if it is not in time.
    pub(crate) fn next(&mut self, patience: Duration) -> Option<Packet> {
        self.read_next(patience).expect("no packet in time")
    }

    /// The next packet, if one comes in time.
    pub(crate) fn next_within(&mut self, patience: Duration) -> Option<Packet> {
        self.read_next(patience).unwrap_or(None)
    }

    fn read_next(&mut self, patience: Duration) -> std::io::Result<Option<Packet>> {
        self.stream.set_read_timeout(Some(patience)).unwrap();
        loop {
            match Packet::read(&mut self.read, usize::MAX) {
                Ok(packet) => return Ok(Some(packet)),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("the broker sent nonsense: {error}"),
            }
            let mut chunk = [0; 65_536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                // The machine stood still for a while.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: QoS) {
        assert_eq!(self.try_subscribe(filter, qos), SubscribeReasonCode::Success(qos));
    }

    pub(crate) fn try_subscribe(&mut self, filter: &str, qos: QoS) -> SubscribeReasonCode {
        let mut subscribe = Subscribe::new(filter, qos);
        subscribe.pkid = 77;
        self.send(&Packet::Subscribe(subscribe));
        match self.receive() {
            Packet::SubAck(SubAck { pkid: 77, return_codes }) => return_codes[0],
            other => panic!("expected a SUBACK, got {other:?}"),
        }
    }

    /// Publishes with QoS 1 and waits for the PUBACK.
    pub(crate) fn publish(&mut self, topic: &str, payload: &str) {
        self.publish_retain(topic, payload, false);
    }

    /// Publishes these numbers as payloads, a hundred at a time, each hundred acknowledged.
    pub(crate) fn publish_numbers(&mut self, topic: &str, numbers: std::ops::Range<usize>) {
        let numbers: Vec<_> = numbers.collect();
        for hundred in numbers.chunks(100) {
            let packets: Vec<_> =
                (1..).zip(hundred).map(|(id, number)| qos1(id, topic, &number.to_string(), false)).collect();
            self.send_all(&packets);
            for id in 1..=hundred.len() {
                assert_eq!(self.receive(), Packet::PubAck(PubAck::new(id as u16)));
            }
        }
    }

    pub(crate) fn publish_retain(&mut self, topic: &str, payload: &str, retain: bool) {
        self.send(&qos1(7, topic, payload, retain));
        assert_eq!(self.receive(), Packet::PubAck(PubAck::new(7)));
    }

    /// The next packet, which must be a PUBLISH.
    pub(crate) fn receive_message(&mut self) -> Publish {
        match self.receive() {
            Packet::Publish(publish) => publish,
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// Receives messages of QoS 1 with these payloads, in this order, and acknowledges them.
    pub(crate) fn expect_messages<I: AsRef<str>>(&mut self, payloads: impl IntoIterator<Item = I>) {
        for payload in payloads {
            let message = self.receive_message();
            assert_eq!(text(&message), payload.as_ref());
            self.send(&Packet::PubAck(PubAck::new(message.pkid)));
        }
    }

    /// A ping's round trip: the broker has dealt with everything sent before, or is about to.
    pub(crate) fn ping(&mut self) {
        self.send(&Packet::PingReq);
        assert_eq!(self.receive(), Packet::PingResp);
    }
}

/// A connection from another address of this machine. No program that another test starts inherits it.
pub(crate) fn dial_from(from: impl Into<IpAddr>, to: SocketAddr) -> TcpStream {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    if to.is_ipv6() {
        // From an address that is routed here and belongs to no interface.
        rustix::net::sockopt::set_ipv6_freebind(&socket, true).unwrap();
    }
    rustix::net::bind(&socket, &SocketAddr::from((from.into(), 0))).unwrap();
    rustix::net::connect(&socket, &to).unwrap();
    TcpStream::from(socket)
}

pub(crate) fn bytes_of(packet: &Packet) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, usize::MAX).unwrap();
    bytes.to_vec()
}

pub(crate) fn text(publish: &Publish) -> String {
    String::from_utf8(publish.payload.to_vec()).unwrap()
}

pub(crate) fn qos0(topic: &str, payload: &str) -> Packet {
    Packet::Publish(Publish::new(topic, QoS::AtMostOnce, payload))
}

pub(crate) fn qos1(packet_id: u16, topic: &str, payload: &str, retain: bool) -> Packet {
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
    publish.pkid = packet_id;
    publish.retain = retain;
    Packet::Publish(publish)
}

pub(crate) fn qos2(packet_id: u16, topic: &str, payload: &str) -> Packet {
    let mut publish = Publish::new(topic, QoS::ExactlyOnce, payload);
    publish.pkid = packet_id;
    Packet::Publish(publish)
}
