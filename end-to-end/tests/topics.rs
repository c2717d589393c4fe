//! What `mosquitto_sub` shows is what is documented, and what `mosquitto_pub`
//! throws in harms nobody.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use end_to_end::{Site, mosquitto_pub, mosquitto_sub, run_to_end, wait_until};
use meter_messages::{Diag, Info, Live, Mark, OutboxMinute, State, Topic};
use pi_publisher::interim::resume;
use pi_publisher::outbox::Outbox;
use pi_publisher::safekeeping::{boot_id, kept};

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
            Topic::Reading(_) | Topic::Correction(_) => false,
            // Only where somebody knows them.
            Topic::Price(_) => false,
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

/// Home Assistant forgets the device, and nobody takes its last state for one of now.
#[test]
fn a_meter_that_is_removed_is_taken_back() {
    const OTHER: &str =
        "[[meter]]\nid = 'attic'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\n";
    let site = Site::new(&format!("{METER}{OTHER}"));
    let _broker = site.start("powerpi-broker");
    let publisher = site.start("pi-publisher");
    let topics = |filter: &str| {
        let found = mosquitto_sub(site.mqtt, filter, 9, 1);
        found.into_iter().map(|(topic, _)| topic).collect::<Vec<_>>()
    };
    let retained = |of: &str| !topics(&format!("powerpi/hq/attic/{of}")).is_empty();
    wait_until("both are announced", || topics("homeassistant/device/+/config").len() == 2);
    wait_until("it says how it is", || retained("state") && retained("diag") && retained("info"));
    publisher.stop();
    site.set_meters(METER);
    let _publisher = site.start("pi-publisher");
    wait_until("one is announced", || {
        topics("homeassistant/device/+/config") == ["homeassistant/device/powerpi_hq_main/config"]
    });
    wait_until("it says nothing any more", || !retained("state") && !retained("diag"));
    assert!(retained("info"), "what its minutes mean is still to be known");
}

#[test]
fn home_assistant_forgets_the_meters_once_it_is_switched_off() {
    let site = site(0);
    let _broker = site.start("powerpi-broker");
    let publisher = site.start("pi-publisher");
    let is_announced = || !mosquitto_sub(site.mqtt, "homeassistant/device/+/config", 1, 1).is_empty();
    wait_until("it is announced", is_announced);
    publisher.stop();
    site.prepend("pi-publisher", "home_assistant = false\n");
    let publisher = site.start("pi-publisher");
    wait_until("it is not announced any more", || !is_announced());
    assert!(!mosquitto_sub(site.mqtt, "powerpi/hq/main/info", 1, 60).is_empty(), "the meter goes on");
    publisher.stop();
    site.replace("pi-publisher", "home_assistant = false", "home_assistant = true");
    let _publisher = site.start("pi-publisher");
    wait_until("it is announced again", is_announced);
}

/// Up to which total, in Wh, a counter of others is turned into pulses, and whether they are booked.
fn counted_up_to(site: &Site) -> Option<(f64, bool)> {
    let meter = "plug".parse().unwrap();
    let account = Outbox::open_read_only(site.path()).ok()?.existing_account(&meter).ok()??;
    let kept = kept(&site.path().join("run"), site.path(), &meter, &account);
    let counter = resume(&account, &kept, &boot_id()).counter?;
    Some((counter.total as f64 / 1e6, counter.due == 0))
}

/// A plug that somebody else counts, with its restarts and faults, and ours: in the end the ledger has what was used.
#[test]
fn a_counter_of_others_is_counted_exactly() {
    let site = Site::new(
        "[[meter]]\nid = 'plug'\nsource = { kind = 'mqtt', profile = 'tasmota', topic = 'tele/plug/SENSOR' }\n",
    );
    site.prepend("pi-publisher", "wait_for_clock = false\n");
    let _broker = site.start("powerpi-broker");
    let _recorder = site.start("powerpi-recorder");
    let send = |total: &str| {
        let said =
            format!("{{\"Time\":\"2026-11-29T12:00:00\",\"ENERGY\":{{\"Total\":{total},\"Power\":56}}}}");
        mosquitto_pub(site.mqtt, "tele/plug/SENSOR", &said, &["-r"]);
    };
    let say = |wh: f64| send(&format!("{}", wh / 1000.0));
    let counted = |wh: f64| {
        wait_until("it is counted", || counted_up_to(&site).is_some_and(|(total, _)| total == wh));
    };
    // What is said again changes nothing, and shows what was kept before to be of now.
    let booked = |wh: f64| {
        wait_until("it is booked", || {
            say(wh);
            counted_up_to(&site) == Some((wh, true))
        });
    };

    let publisher = site.start("pi-publisher");
    wait_until("counting begins", || {
        say(100_000.0);
        counted_up_to(&site).is_some()
    });
    booked(100_010.0);
    // What the broker has kept meanwhile counts once, however often it is heard.
    publisher.kill();
    say(100_020.0);
    say(100_025.0);
    for _ in 0..2 {
        let publisher = site.start("pi-publisher");
        counted(100_025.0);
        publisher.kill();
    }
    let publisher = site.start("pi-publisher");
    counted(100_025.0);
    booked(100_030.0);
    // Faults between good totals.
    for bad in ["9000.0", "\"nan\"", "null", "-1", "1e300", "[]"] {
        send(bad);
    }
    booked(100_035.0);
    // It begins at 0 again; so do we.
    say(0.0);
    say(2.0);
    counted(2.0);
    publisher.kill();
    let _publisher = site.start("pi-publisher");
    counted(2.0);
    booked(7.0);
    // The minute of the last pulse is over once a total of a later one has come.
    let minute = || daemon_runtime::now().as_second() / 60;
    let last = minute();
    wait_for_the_next_minute();
    wait_until("the next minute has begun", || minute() > last);
    booked(7.1);
    let recorded = || site.recorded("hq/plug").iter().map(|(_, pulses)| u64::from(*pulses)).sum::<u64>();
    wait_until("all is recorded", || recorded() == 42);

    let check = ["--config", "pi-publisher.toml", "check", "--seconds", "1", "--json"];
    let report = run_to_end("pi-publisher", site.path(), &check);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["kept"], 0.0071, "{report}");
    assert_eq!(report["findings"][0]["code"], "only_kept", "{report}");
    assert!(report["counted"].is_string(), "{report}");
}

fn wait_for_the_next_minute() {
    let seconds = 60 - daemon_runtime::now().as_second().rem_euclid(60);
    std::thread::sleep(std::time::Duration::from_secs(seconds.unsigned_abs()));
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

/// Recorders before version 0.2 subscribed to all that is said of meters.
#[test]
fn a_recorder_s_session_from_before_is_no_longer_kept_what_meters_show() {
    let site = Site::new("");
    let _broker = site.start("powerpi-broker");
    let of_session = |more: &[&str]| {
        let port = site.mqtt.to_string();
        let session = ["-p", &port, "-i", "powerpi-recorder", "-c", "-q", "1"];
        Command::new("mosquitto_sub").args(session).args(more).output().unwrap()
    };
    wait_until("an old session", || of_session(&["-t", "powerpi/+/+/+", "-E"]).status.success());
    let say = |what: &str| mosquitto_pub(site.mqtt, &format!("powerpi/hq/main/{what}"), "{}", &[]);
    say("state");
    let recorder = site.start("powerpi-recorder");
    // What is owed comes first, and with it the session becomes what it is now.
    wait_until("it is connected", || recorder.log().contains("session_present=true"));
    std::thread::sleep(Duration::from_secs(1));
    recorder.stop();
    ["state", "minute", "recorded", "diag", "info"].iter().for_each(|what| say(what));
    let owed = of_session(&["-t", "powerpi/+/+/minute", "-W", "3", "-F", "%t"]);
    let owed = String::from_utf8(owed.stdout).unwrap();
    assert_eq!(
        owed.lines().collect::<Vec<_>>(),
        ["powerpi/hq/main/minute", "powerpi/hq/main/info"],
        "{owed}"
    );
}
