//! What `mosquitto_sub` shows is what is documented, and what `mosquitto_pub`
//! throws in harms nobody.
#![allow(clippy::unwrap_used)]

use end_to_end::{Site, mosquitto_pub, mosquitto_sub, wait_until};
use meter_messages::{Diag, Info, Live, Mark, OutboxMinute, State, Topic};

const METER: &str = "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\n";

fn site(minutes: i64) -> Site {
    let from = jiff::Timestamp::from_second(daemon_runtime::now().as_second() - 60 * minutes).unwrap();
    Site::new(&format!("{METER}from = '{from:.0}'\n"))
}

#[test]
fn every_documented_topic_carries_its_payload() {
    let site = site(10);
    let _broker = site.start("powerpi-broker");
    let listening = std::thread::spawn({
        let port = site.mqtt;
        move || mosquitto_sub(port, "powerpi/#", 40, 60)
    });
    let _recorder = site.start("powerpi-recorder");
    let _publisher = site.start("pi-publisher");
    let messages = listening.join().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for (topic, payload) in &messages {
        let bytes = payload.as_bytes();
        let understood = match topic.parse().unwrap_or_else(|error| panic!("{topic}: {error}")) {
            Topic::Status(_) => seen.insert("status") | (payload == "online"),
            Topic::Minute(_) => {
                seen.insert("minute")
                    | OutboxMinute::from_json(bytes).is_ok_and(|minute| minute.outbox.is_some())
            }
            Topic::Live(_) => seen.insert("live") | Live::from_json(bytes).is_ok(),
            Topic::State(_) => seen.insert("state") | State::from_json(bytes).is_ok(),
            Topic::Info(_) => seen.insert("info") | Info::from_json(bytes).is_ok(),
            Topic::Diag(_) => seen.insert("diag") | Diag::from_json(bytes).is_ok(),
            Topic::Recorded(_) => seen.insert("recorded") | Mark::from_json(bytes).is_ok(),
            // Only where somebody types one in.
            Topic::Reading(_) => false,
        };
        assert!(understood, "{topic} {payload}");
    }
    let documented = ["diag", "info", "live", "minute", "recorded", "state", "status"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), documented, "{messages:?}");

    // Retained is what is documented as retained.
    let retained = mosquitto_sub(site.mqtt, "powerpi/hq/main/info", 1, 60);
    let info = Info::from_json(retained[0].1.as_bytes()).unwrap();
    assert_eq!((info.name.as_str(), info.constant.per_unit(), info.oldest_seq), ("main", 1000.0, 1));
    let announced = mosquitto_sub(site.mqtt, "homeassistant/device/+/config", 1, 60);
    assert!(announced[0].1.contains("\"state_topic\":\"powerpi/hq/main/state\""), "{announced:?}");
}

#[test]
fn a_publisher_that_dies_is_told_offline_by_its_will() {
    let site = site(0);
    let _broker = site.start("powerpi-broker");
    let publisher = site.start("pi-publisher");
    let status = || mosquitto_sub(site.mqtt, "powerpi/hq/status", 1, 2).pop().map(|(_, payload)| payload);
    wait_until("it is online", || status().as_deref() == Some("online"));
    publisher.signal(rustix::process::Signal::KILL);
    wait_until("its will says offline", || status().as_deref() == Some("offline"));
    drop(publisher);
    let publisher = site.start("pi-publisher");
    wait_until("it is online again", || status().as_deref() == Some("online"));
    publisher.stop();
    wait_until("it says so itself at a clean stop", || status().as_deref() == Some("offline"));
}

#[test]
fn nonsense_on_our_topics_harms_nobody() {
    let site = site(30);
    let _broker = site.start("powerpi-broker");
    let recorder = site.start("powerpi-recorder");
    let _web = site.start("powerpi-web");
    let _publisher = site.start("pi-publisher");
    wait_until("the history is recorded", || site.recorded("hq/main").len() >= 30);
    let good = site.recorded("hq/main")[..30].to_vec();

    let long = "x".repeat(120_000);
    let nonsense = [
        "",
        "{",
        "null",
        "[]",
        "42",
        "offline?",
        "{\"t\":1}",
        "{\"t\":\"2026-10-03T12:34:00Z\",\"s\":60}",
        &long,
        "{\"t\":\"2026-10-03T12:34:01Z\",\"s\":60,\"seq\":1,\"pulses\":1,\"total\":1}",
        "{\"t\":\"9999-10-03T12:34:00Z\",\"s\":60,\"seq\":1,\"pulses\":1,\"total\":1}",
        "{\"t\":\"2026-10-03T12:34:00Z\",\"s\":60,\"seq\":-1,\"pulses\":1,\"total\":1}",
        "{\"t\":\"2026-10-03T12:34:00Z\",\"s\":60,\"seq\":1,\"pulses\":99999999999,\"total\":1}",
        "{\"outbox\":\"../../etc\",\"seq\":18446744073709551615}",
    ];
    for what in ["minute", "info", "live", "state", "diag", "recorded"] {
        for payload in nonsense {
            mosquitto_pub(site.mqtt, &format!("powerpi/hq/main/{what}"), payload, &[]);
        }
    }
    for topic in
        ["powerpi/hq/status", "powerpi/HQ/main/minute", "powerpi/hq/../minute", "powerpi/a/b/c/d", "powerpi"]
    {
        mosquitto_pub(site.mqtt, topic, "nonsense", &[]);
    }
    // A site that nobody has heard of cannot book minutes.
    let minute = "{\"t\":\"2026-10-03T12:34:00Z\",\"s\":60,\"seq\":1,\"pulses\":1,\"total\":1}";
    mosquitto_pub(site.mqtt, "powerpi/nobody/knows/minute", minute, &[]);

    // The pipeline goes on: minutes that the household emits are recorded.
    let before = site.recorded("hq/main").len();
    wait_until("the next minute is recorded", || site.recorded("hq/main").len() > before);
    assert_eq!(site.recorded("hq/main")[..30], good, "what was recorded is as it was");
    assert_eq!(site.ledger().meters().unwrap().len(), 1);
    assert!(recorder.log().contains("messages ignored"), "{}", recorder.log());
    assert_eq!(end_to_end::http_get(site.web, "/m/hq/main").0, 200);
}
