//! A real Home Assistant and the real publisher: what is found, in whatever order things start, and what is gone.

use std::time::Duration;

use end_to_end::home_assistant::{Client, HomeAssistant};
use end_to_end::{Site, mosquitto_sub, run_to_end, wait_for};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(180);

const METER: &str = "[[meter]]\nid = 'main'\nname = 'House'\npulses_per_kwh = 10000\n\
                     source = { kind = 'simulated', kwh_per_year = 50000 }\n";
const GAS: &str = "[[meter]]\nid = 'gas'\nname = 'Gas'\nmedium = 'gas'\npulses_per_m3 = 100\n\
                   source = { kind = 'simulated', meter = 'gas' }\n";

fn number(client: &Client, entity: &str) -> Option<f64> {
    client.state(entity)?["state"].as_str()?.parse().ok()
}

fn is_unavailable(client: &Client, entity: &str) -> bool {
    client.state(entity).is_some_and(|state| state["state"] == "unavailable")
}

fn wait(what: &str, holds: impl FnMut() -> bool) {
    wait_for(what, PATIENCE, holds);
}

/// What is retained under a topic.
fn retained(site: &Site, meter: &str) -> usize {
    let topic = format!("homeassistant/device/powerpi_hq_{meter}/config");
    mosquitto_sub(site.mqtt, &topic, 1, 2).iter().filter(|(_, payload)| !payload.is_empty()).count()
}

#[test]
#[ignore = "needs a real Home Assistant: make test-home-assistant"]
fn meters_are_found_in_whatever_order_things_start_and_leave_nothing_behind() {
    let site = Site::new(&format!("{METER}{GAS}"));
    let folder = site.path().join("home-assistant");
    let broker = site.start("powerpi-broker");
    let running = HomeAssistant::begin(&folder, None);
    let client = running.client.clone();
    client.add_mqtt(site.mqtt);

    // Home Assistant first, then the publisher.
    let publisher = site.start("pi-publisher");
    wait("energy and gas are found", || {
        number(&client, "sensor.house_energy").is_some() && number(&client, "sensor.gas_gas").is_some()
    });
    wait("the power is known", || number(&client, "sensor.house_power").is_some());
    let reading = client.state("sensor.house_reading").unwrap();
    assert_eq!(reading["state"], "unknown", "nobody has said what the meter shows");

    // The publisher is gone, and comes back with what somebody has read off the meter: the count goes on as it was.
    publisher.stop();
    wait("the sensors are unavailable", || is_unavailable(&client, "sensor.house_energy"));
    let arguments = ["--config", "pi-publisher.toml", "set-reading", "main", "12345.6"];
    let output = run_to_end("pi-publisher", site.path(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let publisher = site.start("pi-publisher");
    wait("the reading is there", || {
        number(&client, "sensor.house_reading").is_some_and(|kwh| kwh >= 12345.6)
    });
    assert!(number(&client, "sensor.house_energy").unwrap() < 100.0, "the count does not jump");

    // So does the broker.
    broker.stop();
    wait("the sensors are unavailable", || is_unavailable(&client, "sensor.house_energy"));
    let broker = site.start("powerpi-broker");
    wait("they are back after the broker", || number(&client, "sensor.house_energy").is_some());

    // And Home Assistant, while both run.
    let before = number(&client, "sensor.house_energy").unwrap();
    running.stop();
    let running = HomeAssistant::again(&folder, &client, None);
    wait("they are back after Home Assistant", || {
        number(&client, "sensor.house_energy").is_some_and(|kwh| kwh >= before)
    });

    // A meter that is taken out of the settings goes away there, too.
    assert_eq!(retained(&site, "gas"), 1);
    publisher.stop();
    site.set_meters(METER);
    let _publisher = site.start("pi-publisher");
    wait("the gas meter is gone", || client.state("sensor.gas_gas").is_none());
    assert_eq!(retained(&site, "gas"), 0);

    // And a device that is deleted there is deleted: nothing announces it any more.
    let mut asked = client.connect();
    let devices = asked.ask("config/device_registry/list", json!({}));
    let house = devices.as_array().unwrap().iter().find(|device| device["name"] == "House").unwrap();
    asked.ask("config/device_registry/remove", json!({ "device_id": house["id"] }));
    wait("the house is gone", || client.state("sensor.house_energy").is_none());
    wait("its announcement is cleared", || retained(&site, "main") == 0);
    let log = running.log();
    println!("{log}");
    let complaints: Vec<&str> = log.lines().filter(|line| complains(line)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    drop(broker);
}

/// Whether a line of its log complains of us: of itself it says much, and it hears that it has deleted a device itself.
fn complains(line: &str) -> bool {
    let is_loud = line.contains("WARNING") || line.contains("ERROR");
    let is_of_us = ["mqtt", "powerpi", "template", "sensor."].iter().any(|word| line.contains(word));
    is_loud && is_of_us && !line.contains("No device components to cleanup")
}
