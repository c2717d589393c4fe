//! Kills at random moments under load.

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, Packet, PubAck};

use crate::common::{Client, qos1, text};
use crate::program::Home;

const KILLS: usize = 10;
const IN_FLIGHT: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);

/// Connects as often as it takes; the broker may be killed in the middle of it.
fn connect(home: &Home, client_id: &str) -> Client {
    loop {
        let mut connect = Connect::new(client_id);
        connect.clean_session = false;
        if TcpStream::connect(home.address).is_ok()
            && let Some(client) = Client::try_connect(home.address, connect)
        {
            return client;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Publishes numbers from 0 on, in order, each until it is acknowledged; returns how many were.
fn publish(home: &Home, stop: &AtomicBool, acknowledged: &AtomicUsize) {
    while !stop.load(Ordering::SeqCst) {
        let mut client = connect(home, "publisher");
        let mut first = acknowledged.load(Ordering::SeqCst);
        while !stop.load(Ordering::SeqCst) {
            let packets: Vec<_> = (first..first + IN_FLIGHT)
                .map(|number| qos1((number % IN_FLIGHT + 1) as u16, "a", &number.to_string(), false))
                .collect();
            if !client.try_send_all(&packets) {
                break;
            }
            let taken = (0..IN_FLIGHT).take_while(|_| client.next(PATIENCE).is_some()).count();
            first = acknowledged.fetch_add(taken, Ordering::SeqCst) + taken;
            if taken < IN_FLIGHT {
                break;
            }
        }
    }
}

/// Receives until everything up to `end` has come; checks that nothing is left out on the way.
fn receive(home: &Home, end: &Mutex<Option<usize>>) {
    let start = Instant::now();
    let mut expected = 0;
    loop {
        let mut client = connect(home, "subscriber");
        while let Some(packet) = client.next_within(Duration::from_millis(300)) {
            let Packet::Publish(message) = packet else {
                panic!("{packet:?}");
            };
            let number: usize = text(&message).parse().unwrap();
            assert!(number <= expected, "{number} came, but {expected} did not");
            expected = expected.max(number + 1);
            client.try_send_all(&[Packet::PubAck(PubAck::new(message.pkid))]);
        }
        if end.lock().unwrap().is_some_and(|end| expected >= end) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "only {expected} of {:?} came", end.lock().unwrap());
    }
}

#[test]
fn every_acknowledged_message_arrives_in_order_through_ten_kills() {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut seed = match std::env::var("KILL_STORM_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => since_1970.subsec_nanos(),
    };
    println!("KILL_STORM_SEED={seed}");
    let mut pause = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Duration::from_millis(u64::from(seed >> 16) % 500)
    };
    let home = Home::new();
    let mut broker = home.start();
    connect(&home, "subscriber").subscribe("a", QoS::AtLeastOnce);
    let (stop, acknowledged, end) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| publish(&home, &stop, &acknowledged));
        let subscriber = scope.spawn(|| receive(&home, &end));
        for _ in 0..KILLS {
            std::thread::sleep(pause());
            broker.kill();
            broker = home.start();
        }
        stop.store(true, Ordering::SeqCst);
        publisher.join().unwrap();
        let total = acknowledged.load(Ordering::SeqCst);
        assert!(total > 1_000, "only {total} messages were acknowledged");
        *end.lock().unwrap() = Some(total);
        subscriber.join().unwrap();
        println!("{total} messages, {KILLS} kills");
    });
}
