//! The hours of a real Home Assistant are the ledger's. Its clock is set to the end of an hour, so that it counts this hour
//! in a minute; between two such times it is stopped.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::home_assistant::{Client, HomeAssistant, repair};
use end_to_end::{Site, mosquitto_pub, wait_for, wait_until};
use meter_messages::{Minute, Topic};
use pi_publisher::home_assistant::{config, config_topic};
use serde_json::{Value, json};

use crate::conversation::{Conversations, SINCE};
use crate::day::{self, AWAY, FIRST, HOURS};

const ENTITY: &str = "sensor.house_energy";

/// A site whose publisher is this test, and Home Assistant.
struct Scene {
    site: Site,
    client: Option<Client>,
}

impl Scene {
    fn publish(&self, topic: &Topic, payload: &[u8]) {
        mosquitto_pub(self.site.mqtt, &topic.to_string(), std::str::from_utf8(payload).unwrap(), &["-r"]);
    }

    /// All that the publisher says of an hour's minutes.
    fn send_minutes(&self, hour: i64) {
        let minutes = day::minutes(hour);
        for card in ["a", "b"] {
            let lines: Vec<String> = minutes
                .iter()
                .filter(|(of, _)| *of == card)
                .map(|(_, count)| day::on_the_wire(card, *count))
                .collect();
            if lines.is_empty() {
                continue;
            }
            self.publish(&Topic::Info(day::meter()), &day::info(card).to_json());
            let port = self.site.mqtt.to_string();
            let topic = Topic::Minute(day::meter()).to_string();
            let mut child = Command::new("mosquitto_pub")
                .args(["-h", "127.0.0.1", "-p", &port, "-t", &topic, "-q", "1", "-l"])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            writeln!(child.stdin.take().unwrap(), "{}", lines.join("\n")).unwrap();
            assert!(child.wait().unwrap().success());
        }
        let expected = (hour as usize + 1) * 60;
        wait_until("the hour is recorded", || self.site.recorded("hq/main").len() == expected);
    }

    /// Lets Home Assistant see the end of an hour.
    fn live_through(&mut self, hour: i64) -> HomeAssistant {
        let clock =
            Minute::nearest((FIRST + hour) * 60 + 58).timestamp().strftime("@%Y-%m-%d %H:%M:00").to_string();
        let folder = self.site.path().join("home-assistant");
        let running = match &self.client {
            Some(client) => HomeAssistant::again(&folder, client, Some(&clock)),
            None => {
                let running = HomeAssistant::begin(&folder, Some(&clock));
                running.client.add_mqtt(self.site.mqtt);
                running
            }
        };
        let client = running.client.clone();
        let state = day::state(hour);
        self.publish(&Topic::State(day::meter()), &state.to_json());
        wait_for("Home Assistant hears the count before the hour ends", Duration::from_secs(110), || {
            number(&client) == state.energy_kwh
        });
        wait_for("Home Assistant writes the hour", Duration::from_secs(240), || {
            sums(&client).iter().any(|(of, _)| *of == FIRST + hour)
        });
        self.client = Some(client);
        running
    }

    /// What the ledger says was used in each hour of the day after the first.
    fn used(&self, hours: i64) -> Vec<(i64, f64)> {
        let known = self.site.meter("hq/main").unwrap();
        let of = |hour: i64| {
            let span = Minute::nearest(hour * 60)..Minute::nearest(hour * 60 + 60);
            (hour, round(self.site.ledger().sum(&known, span).unwrap().counted()))
        };
        (FIRST + 1..FIRST + hours).map(of).collect()
    }
}

fn round(kwh: f64) -> f64 {
    (kwh * 1e6).round() / 1e6
}

/// What its sensor says now.
fn number(client: &Client) -> Option<f64> {
    client.state(ENTITY)?["state"].as_str()?.parse().ok()
}

/// The sum at the end of each hour that Home Assistant has.
fn sums(client: &Client) -> Vec<(i64, f64)> {
    let said = json!({
        "statistic_ids": [ENTITY], "start_time": "2026-11-28T00:00:00Z", "period": "hour", "types": ["sum"],
    });
    let hours = client.connect().ask("recorder/statistics_during_period", said);
    let hours = hours[ENTITY].as_array().cloned().unwrap_or_default();
    let hour = |row: &Value| (row["start"].as_i64().unwrap() / 3_600_000, row["sum"].as_f64().unwrap());
    hours.iter().map(hour).collect()
}

/// What its energy dashboard shows: what each hour added.
fn added(client: &Client) -> Vec<(i64, f64)> {
    sums(client).windows(2).map(|two| (two[1].0, round(two[1].1 - two[0].1))).collect()
}

fn said(output: &std::process::Output) -> String {
    let said = String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    print!("{said}");
    said
}

#[test]
#[ignore = "needs a real Home Assistant, and ten minutes: make test-home-assistant"]
fn its_hours_are_the_ledgers_after_an_outage_and_a_new_card() {
    let site = Site::new("");
    let _programs = [site.start("powerpi-broker"), site.start("powerpi-recorder")];
    let mut scene = Scene { site, client: None };
    let (meter, site_id) = (day::meter(), day::meter().site);
    scene.publish(&Topic::Info(meter.clone()), &day::info("a").to_json());
    scene.publish(&Topic::Status(site_id), b"online");
    let announced = String::from_utf8(config(&meter, &day::info("a"))).unwrap();
    mosquitto_pub(scene.site.mqtt, &config_topic(&meter), &announced, &["-r"]);
    scene.send_minutes(0);
    scene.live_through(0).stop();
    // What was kept while the publisher was away comes first, in order.
    for hour in AWAY.start..=AWAY.end {
        scene.send_minutes(hour);
    }
    scene.live_through(AWAY.end).stop();
    scene.send_minutes(HOURS - 2);
    let running = scene.live_through(HOURS - 2);
    let client = running.client.clone();
    assert_ne!(added(&client), scene.used(HOURS - 1), "a backlog is booked as use of now");
    let conversations = Conversations::default();
    let repair = |more: &[&str]| {
        let through = Client { port: conversations.beside(client.port), ..client.clone() };
        said(&repair(scene.site.path(), &through, &[&SINCE[..], more].concat()))
    };
    let before = sums(&client);
    assert!(repair(&["--dry-run"]).contains("would be put right"));
    assert_eq!(sums(&client), before, "it was only to tell");
    assert!(repair(&[]).contains("are put right"));
    assert_eq!(added(&client), scene.used(HOURS - 1));
    assert!(repair(&[]).contains("is right in all of 5 hours"), "once");
    running.stop();
    conversations.keep();

    // It goes on from there by itself: only its last seconds are late.
    scene.send_minutes(HOURS - 1);
    let running = scene.live_through(HOURS - 1);
    let (theirs, used) = (added(&running.client), scene.used(HOURS));
    let (theirs_last, used_last) = (theirs.last().unwrap(), used.last().unwrap());
    assert_eq!(theirs_last.0, used_last.0);
    assert!((theirs_last.1 - used_last.1).abs() < 0.02, "{theirs_last:?} {used_last:?}");
    said(&end_to_end::home_assistant::repair(scene.site.path(), &running.client, &SINCE));
    assert_eq!(added(&running.client), scene.used(HOURS));
    println!("{}", running.log());
    running.stop();
}
