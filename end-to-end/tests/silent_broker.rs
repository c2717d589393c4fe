//! What a broker that says nothing, or too much, does to its clients.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use end_to_end::torture::client::{Came, Client};
use end_to_end::{
    DeafWay, Program, Silent, SilentBroker, Site, free_port, http_get, mosquitto_sub, wait_for, wait_until,
};
use jiff::Timestamp;
use pi_publisher::outbox::Outbox;
use rumqttc::Packet;
use rustix::process::Signal;

const DAEMONS: [&str; 4] = ["pi-publisher", "powerpi-recorder", "powerpi-web", "powerpi-alarms"];

/// The end takes well below a second on a machine that does nothing else. Beside a load a program
/// may wait for its turn, so the bound leaves room for that; all the times that a program could
/// have waited for instead are longer: 5 s of a daemon that is overdue (which would end with exit
/// code 1), 10 s for CONNACK, 20 s of keep-alive.
const AT_MOST: Duration = Duration::from_secs(3);

/// A site with two meters that have an outbox already, so that there is something to replay. Their households use
/// so much that there is a pulse every few seconds, by day and by night.
fn site() -> Site {
    let from = Timestamp::from_second(daemon_runtime::now().as_second() - 600).unwrap();
    let meter = |id: &str| {
        format!(
            "[[meter]]\nid = '{id}'\npulses_per_kwh = 1000\n\
             source = {{ kind = 'simulated', seed = 7, kwh_per_year = 50_000, from = '{from}' }}\n"
        )
    };
    let site = Site::new(&(meter("main") + &meter("other")));
    let alarms = format!(
        "ledger = 'ledger.sqlite'\nstate_file = 'alarms.json'\n[mqtt]\nport = {}\n\
         [[alarm]]\nname = 'oven'\nmeter = 'hq/main'\nabove_w = 1\nfor = '1s'\n",
        site.mqtt
    );
    std::fs::write(site.path().join("powerpi-alarms.toml"), alarms).unwrap();
    let (publisher, recorder) = (site.start("pi-publisher"), site.start("powerpi-recorder"));
    publisher.stop();
    recorder.stop();
    site
}

fn replay(site: &Site) -> Program {
    let arguments = ["replay", "--config", "pi-publisher.toml"].into_iter();
    let span = ["--from", "2020-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z"];
    let arguments: Vec<String> = arguments.chain(span).map(str::to_owned).collect();
    Program::spawn("pi-publisher", site.path(), &arguments, &[])
}

/// SIGTERM ends it in time, with this exit code, and these are its last words.
fn ends(mut program: Program, code: i32, last_words: &str) {
    let began = Instant::now();
    program.signal(Signal::TERM);
    let status = program.wait(Duration::from_secs(20));
    let took = began.elapsed();
    println!("{} ended after {took:?}", program.name());
    let log = program.log();
    assert_eq!(status.code(), Some(code), "{}:\n{log}", program.name());
    assert!(log.lines().last().unwrap().contains(last_words), "{}:\n{log}", program.name());
    assert!(took < AT_MOST, "{} took {took:?}:\n{log}", program.name());
}

fn all_end_beside(silent: Silent) {
    let site = site();
    let broker = SilentBroker::on(site.mqtt, silent);
    let daemons = DAEMONS.map(|name| site.start(name));
    wait_until("all daemons wait for the broker", || broker.waiting().len() == DAEMONS.len());
    for daemon in daemons {
        ends(daemon, 0, "stopped");
    }
    let replay = replay(&site);
    wait_until("replay waits for the broker", || broker.waiting().len() > DAEMONS.len());
    ends(replay, 1, "stopped before");
}

#[test]
fn sigterm_ends_whoever_waits_for_a_connack() {
    all_end_beside(Silent::FromTheStart);
}

#[test]
fn sigterm_ends_whoever_has_subscribed_at_a_broker_that_says_nothing_more() {
    all_end_beside(Silent::OnceSubscribed);
}

#[test]
fn sigterm_ends_whoever_has_subscribed_at_a_broker_that_does_well() {
    let site = site();
    let _broker = site.start("powerpi-broker");
    // The mark of the first meter is waited for, and then that of the second.
    let replay = replay(&site);
    wait_until("replay is at the second meter", || replay.log().contains("main: "));
    ends(replay, 1, "stopped before all was sent");
    let daemons = DAEMONS.map(|name| site.start(name));
    for daemon in daemons {
        wait_until("it is connected", || daemon.log().contains("connected to broker"));
        ends(daemon, 0, "stopped");
    }
}

#[test]
fn a_silent_address_does_not_keep_the_next_one_from_being_tried() {
    let site = site();
    let silent = free_port();
    let waiting = SilentBroker::on(silent, Silent::FromTheStart);
    let _broker = site.start("powerpi-broker");
    for name in DAEMONS {
        let path = site.path().join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let hosts = format!("hosts = ['127.0.0.1:{silent}', '127.0.0.1:{}']\n", site.mqtt);
        std::fs::write(path, text.replace(&format!("port = {}\n", site.mqtt), &hosts)).unwrap();
    }
    for daemon in DAEMONS.map(|name| site.start(name)) {
        wait_until("it is connected", || {
            daemon.log().contains(&format!("connected to broker 127.0.0.1:{}", site.mqtt))
        });
        assert!(daemon.log().contains("does not answer within 5 s"), "{}", daemon.log());
    }
    assert_eq!(waiting.waiting().len(), DAEMONS.len());
}

/// It says something when it connects. Where nothing has ever been given back, and the broker has several addresses, it begins anew
/// three quarters of a minute after that was taken.
#[test]
fn a_recorder_that_is_connected_and_given_nothing_begins_another_session() {
    let site = site();
    let broker = site.start("powerpi-broker");
    let way = DeafWay::of_session(site.mqtt);
    let hosts = format!("hosts = ['127.0.0.1:{0}', '127.0.0.1:{0}']\n", way.port);
    site.replace("powerpi-recorder", &format!("port = {}\n", site.mqtt), &hosts);
    let recorder = site.start("powerpi-recorder");
    wait_until("it is connected", || recorder.log().contains("connected to broker"));
    let publisher = site.start("pi-publisher");
    wait_for("another session begins", Duration::from_secs(180), || way.is_over());
    assert!(way.swallowed() > 0 && site.recorded("hq/main").is_empty());
    assert!(!broker.log().contains("panic"), "{}", broker.log());
    wait_until("all minutes are recorded", || {
        let recorded = ["hq/main", "hq/other"].map(|meter| site.recorded(meter).len() as u64);
        recorded.iter().all(|minutes| *minutes > 10)
            && recorded == ["main", "other"].map(|it| site.counted(it))
    });
    publisher.stop();
    let log = recorder.log();
    assert_eq!(log.matches("another session begins").count(), 1, "{log}");
}

/// What it sends is recorded, but it does not hear of that, and would keep it all.
#[test]
fn a_publisher_that_is_connected_and_given_no_mark_subscribes_once_more() {
    let from = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 86_400).unwrap();
    let site = Site::new(&format!(
        "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n\
         source = {{ kind = 'simulated', seed = 7, from = '{from}', speed = 60 }}\n"
    ));
    let _broker = site.start("powerpi-broker");
    let _recorder = site.start("powerpi-recorder");
    let way = DeafWay::of_subscription(site.mqtt);
    site.replace("pi-publisher", &format!("port = {}\n", site.mqtt), &format!("port = {}\n", way.port));
    let _publisher = site.start("pi-publisher");
    let mark = || {
        let outbox = Outbox::open_read_only(site.path()).unwrap();
        outbox.existing_account(&"main".parse().unwrap()).unwrap().unwrap().mark
    };
    wait_until("minutes are recorded", || site.recorded("hq/main").len() > 5);
    assert_eq!(mark(), 0);
    wait_for("it subscribes once more", Duration::from_secs(120), || way.is_over());
    assert!(way.swallowed() > 5);
    wait_until("it hears what is recorded", || mark() > 50);
}

/// Retained messages that are larger than what rumqttc takes by itself, under topics that
/// somebody subscribes to, and which no program of the site writes over.
#[test]
fn a_large_retained_message_stops_nobody() {
    let site = site();
    let broker = std::fs::read_to_string(site.path().join("powerpi-broker.toml")).unwrap();
    let broker = broker.replace("[mqtt]\n", "[mqtt]\nmax_packet_bytes = 1000000\n");
    std::fs::write(site.path().join("powerpi-broker.toml"), broker).unwrap();
    let _broker = site.start("powerpi-broker");
    let (mut client, _) = Client::connect(site.mqtt, "large", true).unwrap();
    for (size, meter) in [(20_000, "small"), (300_000, "large")] {
        let payload = "x".repeat(size);
        let kinds = ["live", "state", "info", "diag", "minute", "reading"];
        let topics = kinds.map(|kind| format!("powerpi/{meter}/{meter}/{kind}"));
        let status = [format!("powerpi/{meter}/status"), format!("powerpi/hq/{meter}/recorded")];
        let greeting = ["homeassistant/status".to_owned()];
        for topic in topics.into_iter().chain(status).chain(greeting) {
            assert!(client.publish(1, &topic, &payload, true));
            assert!(
                matches!(client.next(Duration::from_secs(30)), Came::Packet(Packet::PubAck(_))),
                "{topic}"
            );
        }
    }
    let _daemons = DAEMONS.map(|name| site.start(name));
    wait_until("the alarm is raised", || {
        let raised = mosquitto_sub(site.mqtt, "powerpi/hq/alarm/oven/state", 1, 2);
        raised.iter().any(|(_, payload)| payload.contains("\"raised\""))
    });
    wait_until("minutes are recorded", || !site.recorded("hq/main").is_empty());
    wait_until("the pages show a value of now", || {
        http_get(site.web, "/api/v1/meters/hq/main").1.contains("\"fresh\":true")
    });
}
