//! Kills at random moments under load.

use std::collections::HashSet;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, Packet, PubAck, PubComp, PubRec, PubRel};

use crate::common::{Client, qos1, qos2, text};
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

/// Publishes numbers from 0 on, in order, each until it is acknowledged.
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

/// Publishes numbers with QoS 2, one by one, each to the end.
fn publish_once(home: &Home, stop: &AtomicBool, completed: &AtomicUsize) {
    let mut recorded = false;
    while !stop.load(Ordering::SeqCst) || recorded {
        let mut client = connect(home, "publisher");
        while !stop.load(Ordering::SeqCst) || recorded {
            let number = completed.load(Ordering::SeqCst);
            let step = match recorded {
                false => qos2(7, "a", &number.to_string()),
                true => Packet::PubRel(PubRel::new(7)),
            };
            client.try_send_all(&[step]);
            match client.next(PATIENCE) {
                Some(Packet::PubRec(_)) => recorded = true,
                Some(Packet::PubComp(_)) => {
                    recorded = false;
                    completed.fetch_add(1, Ordering::SeqCst);
                }
                None => break,
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Takes messages of QoS 2 as the standard asks, and checks that each comes once and in order.
fn receive_once(home: &Home, end: &Mutex<Option<usize>>) {
    let start = Instant::now();
    let (mut expected, mut recorded) = (0, HashSet::new());
    loop {
        let mut client = connect(home, "subscriber");
        while let Some(packet) = client.next_within(Duration::from_millis(300)) {
            let answer = match packet {
                Packet::Publish(message) => {
                    if recorded.insert(message.pkid) {
                        assert_eq!(text(&message), expected.to_string());
                        expected += 1;
                    }
                    Packet::PubRec(PubRec::new(message.pkid))
                }
                Packet::PubRel(release) => {
                    recorded.remove(&release.pkid);
                    Packet::PubComp(PubComp::new(release.pkid))
                }
                other => panic!("{other:?}"),
            };
            client.try_send_all(&[answer]);
        }
        match *end.lock().unwrap() {
            // The last one may have been taken without the publisher having heard of it.
            Some(end) if expected >= end => return assert!(expected <= end + 1),
            end => assert!(start.elapsed() < PATIENCE, "only {expected} of {end:?} came"),
        }
    }
}

/// Kills the broker at random moments while the two are at work, each time once so many more
/// messages were acknowledged.
fn storm(
    qos: QoS,
    each: usize,
    publish: fn(&Home, &AtomicBool, &AtomicUsize),
    receive: fn(&Home, &Mutex<Option<usize>>),
) {
    let mut pause = random_pauses();
    let home = Home::new();
    let mut broker = home.start();
    connect(&home, "subscriber").subscribe("a", qos);
    let (stop, count, end) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| publish(&home, &stop, &count));
        let subscriber = scope.spawn(|| receive(&home, &end));
        for _ in 0..KILLS {
            let (from, start) = (count.load(Ordering::SeqCst), Instant::now());
            while count.load(Ordering::SeqCst) < from + each {
                assert!(start.elapsed() < PATIENCE, "nothing goes on");
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(pause());
            broker.kill();
            broker = home.start();
        }
        stop.store(true, Ordering::SeqCst);
        publisher.join().unwrap();
        *end.lock().unwrap() = Some(count.load(Ordering::SeqCst));
        subscriber.join().unwrap();
    });
    println!("{} messages, {KILLS} kills", count.load(Ordering::SeqCst));
}

/// Up to half a second; the same ones again for the same seed.
fn random_pauses() -> impl FnMut() -> Duration {
    let mut seed = match std::env::var("KILL_STORM_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => daemon_runtime::now().subsec_nanosecond().unsigned_abs(),
    };
    println!("KILL_STORM_SEED={seed}");
    move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Duration::from_millis(u64::from(seed >> 16) % 500)
    }
}

#[test]
fn every_acknowledged_message_arrives_in_order_through_ten_kills() {
    storm(QoS::AtLeastOnce, 100, publish, receive);
}

#[test]
fn qos_2_arrives_exactly_once_through_ten_kills() {
    storm(QoS::ExactlyOnce, 1, publish_once, receive_once);
}
