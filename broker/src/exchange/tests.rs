//! How much one client can make the exchange do before others are served: counted, not timed.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use rumqttc::mqttbytes::QoS;

use super::*;
use crate::access::Entrance;
use crate::account::{Owner, Transit};
use crate::message::Message;
use crate::outgoing::{self, Answer, Outgoing, OutgoingReceiver};
use crate::session::{Delivery, SubscriptionOptions};
use crate::settings::AccessSettings;
use crate::work::WORK_OF_A_ROUND;

/// What a round may do beyond its work: the rest of the packet that used it up.
const SLACK: usize = 10_000;

const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1883));

struct Scene {
    exchange: Exchange,
    most: usize,
}

impl Scene {
    fn new() -> Scene {
        let exchange = Exchange::start(
            &MqttSettings::default(),
            (Account::new(&MqttSettings::default(), 0), Restored::default(), Journal::in_memory()),
            Arc::default(),
            Instant::now(),
            (Arc::default(), Arc::new(access())),
            CancellationToken::new(),
        );
        Scene { exchange: exchange.unwrap(), most: 0 }
    }

    fn round(&mut self, requests: Vec<Request>) {
        self.exchange.round(requests.into_iter()).unwrap();
        self.exchange.flush();
        self.most = self.most.max(self.exchange.work.done());
    }

    /// Until nothing is left to be done.
    fn finish(&mut self) {
        while self.exchange.put_off || !self.exchange.unfinished.is_empty() {
            self.round(Vec::new());
        }
    }

    fn connect(&mut self, number: u64) -> OutgoingReceiver {
        let owner = Owner::User("user".into());
        let lease = Transit::new(usize::MAX / 2, 0).lease(&owner);
        let (to_client, from_exchange) = outgoing::channel(usize::MAX, lease);
        let client_id = format!("client {number}");
        self.round(vec![Request::Connect {
            connection: ConnectionId(number),
            rights: Arc::new(access().anonymous_rights(
                &client_id,
                Entrance::new(LOOPBACK, false, false),
                LOOPBACK.ip(),
            )),
            opening: Opening {
                client_id,
                clean_start: true,
                expiry: Some(Duration::ZERO),
                will: None,
                receive_maximum: u16::MAX,
            },
            owner,
            outgoing: to_client,
        }]);
        from_exchange
    }
}

/// Whoever comes from here may do everything.
fn access() -> Access {
    Access::read(&AccessSettings::default()).unwrap()
}

fn packets(number: u64, packets: impl IntoIterator<Item = Incoming>) -> Request {
    Request::Packets { connection: ConnectionId(number), packets: packets.into_iter().collect() }
}

fn publish(topic: String, retain: bool) -> Incoming {
    let message = Arc::new(Message::plain(topic, "x"));
    Incoming::Publish(Publication { message, qos: QoS::AtMostOnce, retain, packet_id: 0 })
}

fn subscribe(filters: impl IntoIterator<Item = String>) -> Incoming {
    let options = SubscriptionOptions {
        qos: QoS::AtMostOnce,
        no_local: false,
        retain_as_published: false,
        identifier: None,
    };
    let wanted = |filter| Wanted { filter, options, retained: RetainedWanted::Always };
    let filters = filters.into_iter().map(wanted).collect();
    Incoming::Control(Control::Subscribe(Subscribe { packet_id: 1, filters }))
}

/// How many filters were granted, how many messages came, and how many packets were dealt with.
fn received(from_exchange: &mut OutgoingReceiver) -> (usize, usize, usize) {
    let (mut granted, mut messages, mut bundles) = (0, 0, 0);
    while let Some(outgoing) = from_exchange.try_next() {
        match outgoing {
            Outgoing::Answer(Answer::Subscribed { grants, .. }) => {
                granted += grants.iter().filter(|grant| grant.is_ok()).count();
            }
            Outgoing::Deliver(Delivery::Publish { .. }) => messages += 1,
            Outgoing::Next => bundles += 1,
            _ => {}
        }
    }
    (granted, messages, bundles)
}

#[test]
fn the_same_filter_40_000_times_is_one_filter() {
    for (filter, times) in [("+/+", 40_000), ("#", 60_000)] {
        let mut scene = Scene::new();
        let mut client = scene.connect(1);
        scene.round(vec![packets(1, (0..600).map(|n| publish(format!("a/{n}"), true)))]);
        scene.most = 0;
        scene.round(vec![packets(1, [subscribe(vec![filter.to_owned(); times])])]);
        assert_eq!(received(&mut client), (times, 600, 2));
        assert!(scene.most <= WORK_OF_A_ROUND / 2, "{}", scene.most);
    }
}

/// As many different filters as one session may have but one, each of which matches 10,000 retained
/// messages: ten million comparisons, between which others are served.
#[test]
fn a_large_subscribe_lets_others_in_between() {
    let mut scene = Scene::new();
    let (mut client, mut other) = (scene.connect(1), scene.connect(2));
    scene.round(vec![packets(2, [subscribe(["other".to_owned()])])]);
    for n in 0..10 {
        let topics = (0..1_000).map(|m| publish(format!("a/a/a/a/a/a/a/a/a/a/{n}/{m}"), true));
        scene.round(vec![packets(1, topics)]);
    }
    received(&mut client);
    received(&mut other);
    scene.most = 0;
    let filters = (0..999_usize).map(|bits| {
        let levels = (0..10).map(|level| if bits >> level & 1 == 0 { "a" } else { "+" });
        levels.chain(["#"]).collect::<Vec<_>>().join("/")
    });
    scene.round(vec![packets(1, [subscribe(filters), subscribe(["#".to_owned()])])]);
    assert_eq!(scene.exchange.unfinished.len(), 1);
    let first = received(&mut client);
    for _ in 0..10 {
        scene.round(vec![packets(2, [publish("other".to_owned(), false)])]);
        assert_eq!(received(&mut other), (0, 1, 1));
    }
    scene.finish();
    let rest = received(&mut client);
    assert_eq!((first.0, rest.0), (999, 1), "filters granted");
    assert_eq!((first.2, rest.2), (0, 1), "what comes after it waits");
    let messages = first.1 + rest.1;
    // Of the first packet each once, and of the second again.
    assert!(messages > 10_000 && messages <= 20_001, "{messages}");
    assert!(scene.most <= WORK_OF_A_ROUND + SLACK, "{}", scene.most);
}

/// 100,000 topics published once, then 1,000 new filters and a DISCONNECT: each round does its
/// part, and what is published meanwhile arrives.
#[test]
fn topics_and_filters_that_others_leave_behind_hold_nobody_up() {
    let mut scene = Scene::new();
    let (_client, mut other) = (scene.connect(1), scene.connect(2));
    scene.round(vec![packets(2, [subscribe(["other/+".to_owned()])])]);
    let _all = scene.connect(3);
    scene.round(vec![packets(3, [subscribe(["#".to_owned()])])]);
    for n in 0..100 {
        let topics = (0..1_000).map(|m| publish(format!("once/{n}/{m}"), false));
        scene.round(vec![packets(1, topics)]);
    }
    received(&mut other);
    scene.most = 0;
    let filters = (0..1_000).map(|n| format!("+/+/{n}"));
    let disconnect = Incoming::Control(Control::Disconnect { with_will: false, expiry: None });
    scene.round(vec![packets(1, [subscribe(filters), disconnect])]);
    for n in 0..10 {
        scene.round(vec![packets(2, [publish(format!("other/{n}"), false)])]);
        assert_eq!(received(&mut other), (0, 1, 1));
    }
    assert!(scene.most <= WORK_OF_A_ROUND + SLACK, "{}", scene.most);
}

/// Thousands of filters that all match what somebody publishes: its packets go in parts, and others are served
/// in between.
#[test]
fn a_message_that_thousands_of_filters_match_holds_nobody_up() {
    let mut scene = Scene::new();
    let mut readers: Vec<_> = (1..=4).map(|number| scene.connect(number)).collect();
    let (mut publisher, mut other) = (scene.connect(5), scene.connect(6));
    for number in 1..=4 {
        let filters = (0..1_000_usize).map(|bits| {
            let levels = (0..10).map(|level| if bits >> level & 1 == 0 { "a" } else { "+" });
            levels.chain(["+"; 4].into_iter().take(number as usize)).collect::<Vec<_>>().join("/") + "/#"
        });
        scene.round(vec![packets(number, [subscribe(filters)])]);
        scene.finish();
    }
    scene.round(vec![packets(6, [subscribe(["other".to_owned()])])]);
    received(&mut other);
    let topic = ["a"; 16].join("/");
    scene.round(vec![packets(5, (0..300).map(|_| publish(topic.clone(), false)))]);
    assert_eq!(received(&mut publisher).2, 0, "the rest waits");
    scene.round(vec![packets(6, [publish("other".to_owned(), false)])]);
    assert_eq!(received(&mut other), (0, 1, 1));
    while scene.exchange.put_off {
        scene.round(Vec::new());
    }
    assert_eq!(received(&mut publisher).2, 1);
    for reader in &mut readers {
        assert_eq!(received(reader).1, 300);
    }
}
