//! Each program that hears others is sent the worst that a broker lets through, on every topic that it reads, and
//! then does its work as before.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use end_to_end::torture::client::{Came, Client};
use end_to_end::{Site, http_get, mosquitto_pub, mosquitto_sub, wait_until};
use meter_messages::{Mark, Minute};
use rumqttc::{Packet, PubRel, Publish};

/// The largest payload: the broker takes packets of 256 KiB.
const LARGEST: usize = 250_000;

const METER: &str = "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\n";

/// Payloads that are legal MQTT, and of which none is legal anywhere here; the last one is empty, which also takes
/// back what was retained.
fn payloads() -> Vec<Vec<u8>> {
    let huge = format!("1{}", "0".repeat(400));
    let number = |number: &str| {
        format!(
            r#"{{"t":"2026-10-03T12:34:00Z","s":{number},"seq":{number},"pulses":{number},"total":{number},"w":{number},"power_w":{number},"energy_kwh":{number},"kwh":{number},"rejected":{number},"pulses_per_kwh":{number},"oldest_seq":{number}}}"#
        )
    };
    let lines =
        r#"{"t":"\n2026-11-28T00:00:00Z ERROR forged\u001b[31m\u0000\u202e","outbox":"\n","by":"\n"}"#;
    vec![
        vec![b'x'; LARGEST],
        "[".repeat(LARGEST).into_bytes(),
        "[".repeat(8_000).into_bytes(),
        "{\"history\":[".repeat(600).into_bytes(),
        format!("{}1{}", "{\"t\":".repeat(40_000), "}".repeat(10_000)).into_bytes(),
        format!("{{\"t\":\"{}\"}}", "9".repeat(LARGEST - 20)).into_bytes(),
        number(&huge).into_bytes(),
        number("1e308").into_bytes(),
        number("-1").into_bytes(),
        number("NaN").into_bytes(),
        number("\"1\"").into_bytes(),
        number("18446744073709551616").into_bytes(),
        vec![0xff, 0xfe, 0x00, 0xc0, 0x80, 0xed, 0xa0, 0x80],
        b"{\"t\":\"\xff\xfe\",\"name\":\"\xc0\x80\"}".to_vec(),
        lines.as_bytes().to_vec(),
        b"\0".to_vec(),
        b"null".to_vec(),
        Vec::new(),
    ]
}

/// Sends each of them in each way to each of these topics; returns once the broker has all of it.
fn poison(site: &Site, topics: &[&str]) {
    let mut client = Client::connect(site.mqtt, "poison", true).unwrap().0;
    for topic in topics {
        for payload in payloads() {
            for qos in [rumqttc::QoS::AtMostOnce, rumqttc::QoS::AtLeastOnce, rumqttc::QoS::ExactlyOnce] {
                for retain in [true, false] {
                    let mut message = Publish::new(*topic, qos, payload.clone());
                    (message.retain, message.pkid) = (retain, u16::from(qos != rumqttc::QoS::AtMostOnce));
                    assert!(client.send(&[Packet::Publish(message)]), "{topic}");
                    settle(&mut client, qos);
                }
            }
        }
    }
}

/// Waits until the broker has a message.
fn settle(client: &mut Client, qos: rumqttc::QoS) {
    if qos == rumqttc::QoS::AtMostOnce {
        return;
    }
    loop {
        match client.next(Duration::from_secs(60)) {
            Came::Packet(Packet::PubAck(_) | Packet::PubComp(_)) => return,
            Came::Packet(Packet::PubRec(_)) => {
                assert!(client.send(&[Packet::PubRel(PubRel::new(1))]));
            }
            Came::Packet(_) => {}
            other => panic!("the broker does not take it: {other:?}"),
        }
    }
}

fn publish(site: &Site, topic: &str, payload: &str, retain: bool) {
    mosquitto_pub(site.mqtt, topic, payload, if retain { &["-r"] } else { &[] });
}

fn info() -> &'static str {
    r#"{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#
}

fn minute(at: Minute, seq: u64) -> String {
    format!(r#"{{"t":"{at}","s":60,"seq":{seq},"pulses":5,"total":{}}}"#, 5 * seq)
}

fn state(watts: u32) -> String {
    let now = daemon_runtime::now();
    format!(r#"{{"t":"{now}","power_w":{watts},"energy_kwh":0.005,"total":5}}"#)
}

#[test]
fn the_recorder_records_on() {
    let site = Site::new("");
    let _broker = site.start("powerpi-broker");
    let mut recorder = site.start("powerpi-recorder");
    publish(&site, "powerpi/hq/main/info", info(), true);
    let first = Minute::nearest(daemon_runtime::now().as_second() / 60 - 10);
    publish(&site, "powerpi/hq/main/minute", &minute(first, 1), false);
    wait_until("a minute is recorded", || site.recorded("hq/main") == [(first, 5)]);
    let every = ["minute", "info", "live", "state", "diag", "recorded", "reading", "nothing of ours"];
    let own = every.map(|what| format!("powerpi/hq/main/{what}"));
    let others = ["powerpi/hq//minute", "powerpi///", "powerpi/HQ/Ä/minute", "powerpi/ghost/main/info"];
    poison(&site, &own.iter().map(String::as_str).chain(others).collect::<Vec<_>>());
    let next = Minute::nearest(first.epoch_minutes() + 1);
    publish(&site, "powerpi/hq/main/minute", &minute(next, 2), false);
    wait_until("the next minute is recorded", || site.recorded("hq/main") == [(first, 5), (next, 5)]);
    let marked = || {
        let marks = mosquitto_sub(site.mqtt, "powerpi/hq/main/recorded", 1, 5);
        marks.first().and_then(|(_, mark)| Mark::from_json(mark.as_bytes()).ok()).map(|mark| mark.seq)
    };
    wait_until("its mark is there", || marked() == Some(2));
    assert_eq!(site.ledger().meters().unwrap().len(), 1);
    assert!(recorder.ended().is_none());
    assert!(!recorder.log().lines().any(|line| line.contains("ERROR")), "{}", recorder.log());
    assert!(recorder.log().len() < 100_000, "{} bytes of log", recorder.log().len());
}

#[test]
fn the_pages_show_live_values_on() {
    let site = Site::new("");
    let _broker = site.start("powerpi-broker");
    let _recorder = site.start("powerpi-recorder");
    let mut web = site.start("powerpi-web");
    publish(&site, "powerpi/hq/main/info", info(), true);
    let at = Minute::nearest(daemon_runtime::now().as_second() / 60 - 1);
    publish(&site, "powerpi/hq/main/minute", &minute(at, 1), false);
    let page = |path: &str| http_get(site.web, path).1;
    wait_until("the meter is there", || page("/api/v1/meters").contains("\"main\""));
    // A value of the far future is legal; it must not keep those of now out.
    let future = r#"{"t":"9999-01-01T00:00:00Z","power_w":1,"energy_kwh":0.005,"total":5}"#;
    publish(&site, "powerpi/hq/main/state", future, true);
    let topics = ["live", "state", "info", "diag"].map(|what| format!("powerpi/hq/main/{what}"));
    poison(&site, &topics.iter().map(String::as_str).chain(["powerpi/hq/status"]).collect::<Vec<_>>());
    publish(&site, "powerpi/hq/main/state", &state(777), true);
    publish(&site, "powerpi/hq/status", "online", true);
    let live = || page("/api/v1/meters/hq/main");
    wait_until("the value of now", || {
        live().contains("\"power_w\":777") && live().contains("\"online\":true")
    });
    assert_eq!(http_get(site.web, "/status?lang=en").0, 200);
    assert!(web.ended().is_none());
    assert!(web.log().len() < 100_000, "{} bytes of log", web.log().len());
    // Also after a restart, with what is retained.
    web.stop();
    let _web = site.start("powerpi-web");
    wait_until("the value of now again", || live().contains("\"power_w\":777"));
}

#[test]
fn the_alarms_watch_on() {
    let site = Site::new("");
    let _broker = site.start("powerpi-broker");
    let _recorder = site.start("powerpi-recorder");
    let settings = format!(
        "ledger = 'ledger.sqlite'\nstate_file = 'alarms.json'\n[mqtt]\nport = {}\n\
         [[alarm]]\nname = 'oven'\nmeter = 'hq/main'\nabove_w = 5000\n\
         [[alarm]]\nname = 'gone'\nmeter = 'hq/main'\noffline_for = '1s'\n",
        site.mqtt
    );
    std::fs::write(site.path().join("powerpi-alarms.toml"), settings).unwrap();
    let mut alarms = site.start("powerpi-alarms");
    let raised = |alarm: &str| {
        let topic = format!("powerpi/hq/alarm/{alarm}/state");
        mosquitto_sub(site.mqtt, &topic, 1, 5).first().is_some_and(|(_, text)| text.contains("\"raised\""))
    };
    publish(&site, "powerpi/hq/status", "online", true);
    wait_until("the publisher is there", || !raised("gone"));
    // A value of the far future is legal; it must not keep those of now out.
    publish(&site, "powerpi/hq/main/live", r#"{"t":"9999-01-01T00:00:00Z","w":1,"total":5}"#, false);
    poison(&site, &["powerpi/hq/main/live", "powerpi/hq/main/state", "powerpi/hq/status"]);
    publish(&site, "powerpi/hq/main/state", &state(7000), true);
    wait_until("too much power is noticed", || raised("oven"));
    publish(&site, "powerpi/hq/main/state", &state(100), true);
    wait_until("and its end", || !raised("oven"));
    publish(&site, "powerpi/hq/status", "offline", true);
    wait_until("a publisher that is gone is noticed", || raised("gone"));
    assert!(alarms.ended().is_none());
    assert!(alarms.log().len() < 100_000, "{} bytes of log", alarms.log().len());
}

#[test]
fn the_publisher_delivers_on() {
    let from = jiff::Timestamp::from_second(daemon_runtime::now().as_second() - 86_400).unwrap();
    // A minute of the household's in a second of ours.
    let site = Site::new(&format!("{METER}from = '{from:.0}'\nspeed = 60\n"));
    let _broker = site.start("powerpi-broker");
    let _recorder = site.start("powerpi-recorder");
    let mut publisher = site.start("pi-publisher");
    wait_until("minutes are recorded", || site.recorded("hq/main").len() > 2);
    poison(
        &site,
        &[
            "powerpi/hq/main/recorded",
            "powerpi/hq/other/recorded",
            "powerpi/hq/M/recorded",
            "homeassistant/status",
        ],
    );
    let before = site.recorded("hq/main").len();
    wait_until("the next minutes are recorded", || site.recorded("hq/main").len() > before + 2);
    // Home Assistant is told again when it starts.
    mosquitto_pub(site.mqtt, "homeassistant/device/powerpi_hq_main/config", "", &["-r"]);
    publish(&site, "homeassistant/status", "online", false);
    let announced = || mosquitto_sub(site.mqtt, "homeassistant/device/+/config", 1, 5);
    wait_until("it is announced again", || announced().iter().any(|(_, config)| config.contains("energy")));
    assert!(publisher.ended().is_none());
    assert!(publisher.log().len() < 100_000, "{} bytes of log", publisher.log().len());
}
