//! Live values through a real broker.
#![allow(clippy::unwrap_used)]

mod mosquitto;
mod site;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mosquitto::Broker;
use serde_json::Value;
use site::Site;
use site::program::{Server, free_port, raise_open_files};

/// A browser's stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(site: &Site) -> Self {
        Self(BufReader::new(site.send("GET", "/api/v1/meters/hq/main/live", &[])))
    }

    /// The next event of a name; others are passed over.
    fn next(&mut self, wanted: &str) -> Value {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream ended");
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.trim().to_owned();
            }
            if let Some(data) = line.strip_prefix("data: ").filter(|_| name == wanted) {
                return serde_json::from_str(data).unwrap();
            }
        }
    }

    /// The next live value that is as it should be.
    fn next_live(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let value = self.next("live");
            if wanted(&value) {
                return value;
            }
        }
    }
}

fn until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn values_come_as_they_are_published() {
    let broker = Broker::on(free_port());
    broker.publish("powerpi/hq/status", "online", true);
    broker.state(333);
    let site = Site::with("Hauptzähler", broker.port);
    until("the retained values", || {
        let state = site.json("/api/v1/meters/hq/main");
        state["now"]["power_w"] == 333 && state["online"] == true
    });

    let mut events = Events::open(&site);
    let all = events.next("state");
    assert_eq!((&all["now"]["power_w"], &all["online"]), (&Value::from(333), &Value::from(true)));
    assert_eq!(all["today"], site.json("/api/v1/meters/hq/main")["today"]);

    broker.live(444, 6);
    let value = events.next("live");
    assert_eq!((&value["now"]["power_w"], &value["now"]["total"]), (&Value::from(444), &Value::from(6)));
    assert_eq!(value["now"]["fresh"], true);
    let page = site.ask("GET", "/", &[("Accept-Language", "de")]).text();
    assert!(page.contains("data-freshness=\"live\"") && page.contains(">444</span>"));

    broker.publish("powerpi/hq/main/live", "nonsense", false);
    broker.publish("powerpi/hq/status", "offline", true);
    assert_eq!(events.next_live(|value| value["online"] == false)["now"]["fresh"], false);
    assert!(site.get("/").text().contains("data-freshness=\"offline\""));
}

#[test]
fn an_old_value_is_shown_as_old() {
    let broker = Broker::on(free_port());
    let state = "{\"t\":\"2026-01-01T00:00:00Z\",\"power_w\":333,\"energy_kwh\":0.005,\"total\":5}";
    broker.publish("powerpi/hq/main/state", state, true);
    let site = Site::with("Hauptzähler", broker.port);
    until("the retained value", || site.json("/api/v1/meters/hq/main")["now"]["power_w"] == 333);
    assert_eq!(site.json("/api/v1/meters/hq/main")["now"]["fresh"], false);
    assert!(site.get("/").text().contains("data-freshness=\"stale\""));
}

#[test]
fn it_comes_back_when_the_broker_does() {
    let port = free_port();
    let site = Site::with("Hauptzähler", port);
    assert_eq!(site.json("/health")["broker"], "away");
    let mut events = Events::open(&site);
    events.next("state");
    for watts in [100, 200] {
        let broker = Broker::on(port);
        broker.state(watts);
        let value = events.next_live(|value| value["now"]["power_w"] == watts);
        assert_eq!(value["now"]["fresh"], true);
        assert_eq!(site.json("/health")["broker"], "connected");
        drop(broker);
        until("the end of the broker", || site.json("/health")["broker"] == "away");
    }
}

#[test]
fn a_thousand_streams_all_get_the_value_and_slow_ones_cost_nobody() {
    raise_open_files();
    let broker = Broker::on(free_port());
    broker.state(333);
    let server = Server::start_with("", broker.port);
    let open = |_| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(b"GET /api/v1/live HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        BufReader::new(stream)
    };
    let wait_for = |watcher: &mut BufReader<TcpStream>, wanted: &str| {
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert_ne!(watcher.read_line(&mut line).unwrap(), 0, "the stream ended");
        }
        assert!(line.starts_with("data: {\"meter\":\"hq/main\","), "{line}");
    };
    wait_for(&mut open(0), "\"power_w\":333");
    let before = server.memory_kib();
    let mut watchers: Vec<BufReader<TcpStream>> = (0..1000).map(open).collect();
    // They never take anything.
    let _slow: Vec<BufReader<TcpStream>> = (0..200).map(open).collect();
    watchers.iter_mut().for_each(|watcher| wait_for(watcher, "\"power_w\":333"));
    for watts in 1000..1010 {
        broker.live(watts, 6);
    }
    let began = Instant::now();
    broker.live(444, 6);
    watchers.iter_mut().for_each(|watcher| wait_for(watcher, "\"power_w\":444"));
    println!("all had it after {:?}", began.elapsed());
    // Milliseconds by itself; who waited for those that take nothing would wait for ever.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let each = (server.memory_kib() - before) / 1200;
    println!("{each} KiB a stream");
    assert!(each < 64, "{each} KiB a stream");
}

#[test]
fn a_stream_of_a_meter_that_nobody_recorded_is_not_there() {
    let site = Site::with("Hauptzähler", 1);
    assert_eq!(site.get("/api/v1/live?meter=hq/other").status, 404);
}
