//! What the broker tells of itself: under `$SYS`, to mosquitto's client, and over HTTP.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;

use crate::common::TestBroker;
use crate::program::Home;

/// Longer than figures take to be published anew.
const PATIENCE: Duration = Duration::from_secs(60);

/// What mosquitto's client sees under `$SYS`, without the prefix.
fn figures(home: &Home) -> HashMap<String, String> {
    let arguments = ["-t", "$SYS/#", "-F", "%r %t=%p", "-W", "1"];
    let output = home.mosquitto("mosquitto_sub", &arguments).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .filter_map(|line| line.strip_prefix("1 $SYS/broker/")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn mosquittos_client_finds_the_figures_that_people_expect() {
    let home = Home::new();
    let broker = home.start();
    let (mut absent, _) = home.lasting("absent");
    absent.subscribe("a/#", QoS::AtLeastOnce);
    absent.subscribe("b", QoS::AtLeastOnce);
    drop(absent);
    let (mut present, _) = home.lasting("present");
    present.subscribe("a/1", QoS::AtMostOnce);
    let mut publisher = home.client("publisher");
    for _ in 0..10 {
        publisher.publish("a/1", "12345");
    }
    publisher.publish_retain("retained", "12345", true);

    let start = Instant::now();
    let found = loop {
        let found = figures(&home);
        if found.get("publish/messages/received").is_some_and(|count| count == "11") {
            break found;
        }
        assert!(start.elapsed() < PATIENCE, "{found:#?}");
    };
    let number = |name: &str| {
        let value = found.get(name).unwrap_or_else(|| panic!("no {name} in {found:#?}"));
        value.parse::<f64>().unwrap_or_else(|_| panic!("{name} is {value:?}"))
    };
    assert_eq!(found["version"], concat!("powerpi-broker ", env!("CARGO_PKG_VERSION")));
    assert!(found["uptime"].ends_with(" seconds"), "{}", found["uptime"]);
    assert_eq!(found["store/state"], "ok");
    let exactly = [
        ("clients/connected", 2.0),
        ("clients/disconnected", 1.0),
        ("clients/total", 3.0),
        ("clients/expired", 0.0),
        ("subscriptions/count", 3.0),
        ("retained messages/count", 1.0),
        ("store/messages/count", 11.0),
        ("messages/stored", 11.0),
        ("publish/messages/sent", 10.0),
        ("publish/messages/dropped", 0.0),
        ("publish/bytes/received", 55.0),
        ("publish/bytes/sent", 50.0),
    ];
    // Mosquitto's client itself may be counted, and what it was sent.
    let slack = |name: &str| match name {
        "publish/messages/sent" | "publish/bytes/sent" => 5_000.0,
        "clients/connected" | "clients/total" | "subscriptions/count" => 1.0,
        _ => 0.0,
    };
    for (name, expected) in exactly {
        let value = number(name);
        assert!(value >= expected && value <= expected + slack(name), "{name} is {value}, not {expected}");
    }
    assert!(number("clients/maximum") >= 2.0);
    for name in ["messages/received", "messages/sent", "bytes/received", "bytes/sent"] {
        assert!(number(name) >= 10.0, "{name}");
    }
    for name in ["store/size", "store/free", "load/publish/received/1min", "load/connections/15min"] {
        assert!(number(name) > 0.0, "{name}");
    }

    let (status, told) = home.health();
    assert_eq!((status, &told["status"]), (200, &"ok".into()), "{told}");
    assert_eq!(told["messages"]["received"], 11, "{told}");
    assert!(told["store"]["free_bytes"].as_u64().unwrap() > 0);
    broker.stop();
}

#[test]
fn the_health_endpoint_is_off_unless_it_is_asked_for_and_answers_nothing_else() {
    let broker = TestBroker::start();
    assert_eq!(broker.health, None);
    let broker = TestBroker::with(|settings| settings.health.listen = Some(([127, 0, 0, 1], 0).into()));
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(broker.health.unwrap()).unwrap();
        stream.write_all(format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("GET /health HTTP/1.1").starts_with("HTTP/1.1 200 "));
    assert!(ask("HEAD /health HTTP/1.1").ends_with("\r\n\r\n"));
    assert!(ask("GET / HTTP/1.1").starts_with("HTTP/1.1 404 "));
    let plain = ask("GET /metrics HTTP/1.1");
    assert!(plain.contains("\r\ncontent-type: text/plain; version=0.0.4;"), "{plain}");
    let metrics = ask("GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text; version=1.0.0");
    assert!(metrics.starts_with("HTTP/1.1 200 ") && metrics.ends_with("\n# EOF\n"), "{metrics}");
    assert!(metrics.contains("\r\ncontent-type: application/openmetrics-text; version=1.0.0;"), "{metrics}");
    for line in
        ["powerpi_broker_well 1.0", "powerpi_broker_clients 0.0", "powerpi_broker_sent_messages_total 0.0"]
    {
        assert!(metrics.lines().any(|told| told == line), "{line}: {metrics}");
    }
    assert!(metrics.contains("\nprocess_resident_memory_bytes "), "{metrics}");
    assert!(ask("DELETE /health HTTP/1.1").starts_with("HTTP/1.1 405 "));
    assert!(ask("nonsense").starts_with("HTTP/1.1 400 "));
}
