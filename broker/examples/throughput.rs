//! Measures QoS 1 from one publisher to one lasting subscriber, over loopback, for a year of
//! minutes: `cargo run --release -p powerpi-broker --example throughput [messages] [in flight]`.
//! After that may come the file of a store, without which nothing is kept on disk, or the address
//! of a broker that runs already.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use broker::{Broker, Settings};
use bytes::BytesMut;
use rumqttc::mqttbytes::{Error, QoS};
use rumqttc::{Connect, Packet, PubAck, Publish, Subscribe};
use tokio_util::sync::CancellationToken;

/// About as long as a minute's message.
const PAYLOAD: &str = r#"{"t":"2026-10-03T12:34:00Z","s":60,"seq":904321,"pulses":17,"total":12345678}"#;
const TOPIC: &str = "powerpi/home/electricity/minute";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let messages = arguments.next().unwrap_or("525600".to_owned()).parse()?;
    let in_flight = arguments.next().unwrap_or("100".to_owned()).parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let place = arguments.next();
    let address = match place.as_ref().and_then(|place| place.parse().ok()) {
        Some(address) => address,
        None => {
            let mut settings = Settings::default();
            settings.mqtt.listen = SocketAddr::from(([127, 0, 0, 1], 0));
            settings.store.in_memory = place.is_none();
            settings.store.path = place.unwrap_or_default().into();
            let broker = runtime.block_on(Broker::bind(&settings))?;
            let address = broker.local_addr()?;
            runtime.spawn(broker.run(CancellationToken::new()));
            address
        }
    };

    let start = Instant::now();
    let mut subscriber = Client::connect(address, "subscriber");
    let mut subscribe = Subscribe::new("powerpi/+/+/minute", QoS::AtLeastOnce);
    subscribe.pkid = 1;
    subscriber.send([Packet::Subscribe(subscribe)]);
    subscriber.receive();
    let subscribing = std::thread::spawn(move || take(&mut subscriber, messages));
    publish(&mut Client::connect(address, "publisher"), messages, in_flight);
    report("published and acknowledged", messages, start);
    subscribing.join().unwrap();
    report("delivered and acknowledged", messages, start);
    Ok(())
}

fn report(what: &str, messages: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let rate = messages as f64 / seconds;
    println!("{messages} messages {what} in {seconds:.2} s: {rate:.0} a second");
}

fn publish(client: &mut Client, messages: usize, in_flight: usize) {
    let (mut sent, mut acknowledged) = (0, 0);
    while acknowledged < messages {
        let until = messages.min(acknowledged + in_flight);
        let packets = (sent..until).map(|number| {
            let mut publish = Publish::new(TOPIC, QoS::AtLeastOnce, PAYLOAD);
            publish.pkid = (number % in_flight + 1) as u16;
            Packet::Publish(publish)
        });
        client.send(packets);
        sent = until;
        acknowledged += client.receive().len();
    }
}

fn take(client: &mut Client, messages: usize) {
    let mut received = 0;
    while received < messages {
        let packets = client.receive();
        received += packets.len();
        let acks = packets.into_iter().map(|packet| match packet {
            Packet::Publish(publish) => Packet::PubAck(PubAck::new(publish.pkid)),
            other => panic!("{other:?}"),
        });
        client.send(acks);
    }
}

struct Client {
    stream: TcpStream,
    read: BytesMut,
    written: BytesMut,
}

impl Client {
    fn connect(address: SocketAddr, client_id: &str) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Client { stream, read: BytesMut::new(), written: BytesMut::new() };
        let mut connect = Connect::new(client_id);
        connect.clean_session = false;
        client.send([Packet::Connect(connect)]);
        client.receive();
        client
    }

    fn send(&mut self, packets: impl IntoIterator<Item = Packet>) {
        self.written.clear();
        for packet in packets {
            packet.write(&mut self.written, usize::MAX).unwrap();
        }
        self.stream.write_all(&self.written).unwrap();
    }

    /// All packets that have come; at least one.
    fn receive(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        let mut chunk = [0; 65_536];
        loop {
            match Packet::read(&mut self.read, usize::MAX) {
                Ok(packet) => packets.push(packet),
                Err(Error::InsufficientBytes(_)) if !packets.is_empty() => return packets,
                Err(Error::InsufficientBytes(_)) => {
                    let count = self.stream.read(&mut chunk).unwrap();
                    assert_ne!(count, 0, "the broker closed the connection");
                    self.read.extend_from_slice(&chunk[..count]);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}
