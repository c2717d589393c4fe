//! What one client can do to the others: how long the worst PUBACK takes meanwhile.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use end_to_end::measuring::milliseconds;
use rumqttc::Packet;
use rumqttc::mqttbytes::{Error, QoS};

use crate::Running;
use crate::load::{Client, written};

/// Retained before the first burst.
const RETAINED: usize = 600;
/// Published under once, and filters subscribed to afterwards.
const TOPICS: usize = 100_000;
const FILTERS: usize = 1_000;

/// Prints it for each burst, with what the broker's memory has become.
pub(crate) fn measure(ours: &Running) {
    println!("one client's burst: milliseconds that the slowest PUBACK of another client takes");
    let address = ours.address;
    let mut publisher = Client::connect(address, "retaining", true);
    for number in 0..RETAINED {
        publisher.stream.write_all(&qos0(&format!("burst/{number}"), true)).unwrap();
    }
    publisher.publish_one();
    let report = |what: &str, burst: &(dyn Fn() + Sync)| {
        let worst = worst_puback(address, burst);
        println!("  {what}: {worst:.1}; {} MiB resident", ours.resident_bytes() / 1_048_576);
    };
    report("nothing", &|| std::thread::sleep(Duration::from_secs(1)));
    report("SUBSCRIBE to 40,000 x +/+", &|| subscribe(address, &vec!["+/+".to_owned(); 40_000]));
    report("SUBSCRIBE to 60,000 x #", &|| subscribe(address, &vec!["#".to_owned(); 60_000]));
    // Somebody whom all of them concern, so that the router meets them; what comes is not read.
    let _watching = subscribed(address, "watching", &["#".to_owned()]);
    report("100,000 topics once", &|| {
        let mut client = Client::connect(address, "topics", true);
        for number in 0..TOPICS {
            client.stream.write_all(&qos0(&format!("once/{number}"), false)).unwrap();
        }
        client.publish_one();
    });
    report("1,000 new filters and DISCONNECT", &|| {
        subscribe(address, &(0..FILTERS).map(|number| format!("+/{number}")).collect::<Vec<_>>());
    });
}

fn worst_puback(address: SocketAddr, burst: &(dyn Fn() + Sync)) -> f64 {
    let mut client = Client::connect(address, "other", true);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            burst();
            over.store(true, Ordering::Relaxed);
        });
        let mut worst = 0.0_f64;
        let mut last = false;
        // One more after its end, which waits for all that came before.
        while !last {
            last = over.load(Ordering::Relaxed);
            let start = Instant::now();
            client.publish_one();
            worst = worst.max(milliseconds(start.elapsed()));
        }
        worst
    })
}

/// Subscribes with one packet, waits for its SUBACK and goes.
fn subscribe(address: SocketAddr, filters: &[String]) {
    let mut client = subscribed(address, "burst", filters);
    client.stream.write_all(&written(&Packet::Disconnect)).unwrap();
}

/// A client that has subscribed with one packet and has its SUBACK.
fn subscribed(address: SocketAddr, client_id: &str, filters: &[String]) -> Client {
    let mut client = Client::connect(address, client_id, true);
    let mut packet = rumqttc::Subscribe::new_many(
        filters.iter().map(|filter| rumqttc::SubscribeFilter::new(filter.clone(), QoS::AtMostOnce)),
    );
    packet.pkid = 1;
    client.stream.write_all(&written(&Packet::Subscribe(packet))).unwrap();
    let (mut read, mut chunk) = (BytesMut::new(), [0; 65_536]);
    loop {
        match Packet::read(&mut read, usize::MAX) {
            Ok(Packet::SubAck(_)) => return client,
            Ok(_) => continue,
            Err(Error::InsufficientBytes(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let count = client.stream.read(&mut chunk).unwrap();
        assert_ne!(count, 0, "the broker closed the connection");
        read.extend_from_slice(&chunk[..count]);
    }
}

fn qos0(topic: &str, retain: bool) -> Vec<u8> {
    let mut publish = rumqttc::Publish::new(topic, QoS::AtMostOnce, "x");
    publish.retain = retain;
    written(&Packet::Publish(publish))
}
