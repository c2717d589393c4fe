//! `/spaceapi.json`: for hackerspaces, as SpaceAPI's schemas 14 and 15 have it.
#![allow(clippy::unwrap_used)]

mod mosquitto;
mod site;

use std::path::Path;
use std::time::{Duration, Instant};

use broker_users::UsersFile;
use mosquitto::Broker;
use serde_json::{Value, json};
use site::program::free_port;
use site::{Site, info, meter, record_as, record_meter};
use tempfile::TempDir;

const SPACE: &str = r#"{
    "space": "Hackerspace Bremen", "logo": "https://example.org/logo.svg", "url": "https://example.org/",
    "location": { "address": "Bornstraße 14/15", "lat": 53.08, "lon": 8.80 },
    "contact": { "email": "space@example.org" }, "state": { "open": true },
    "sensors": { "power_consumption": [
        { "value": 5, "unit": "W", "location": "Rack", "name": "Switch" }
    ], "total_member_count": [{ "value": 42 }] }
}"#;

fn set_up(dir: TempDir, port: u16, more: &str) -> Site {
    std::fs::write(dir.path().join("space.json"), SPACE).unwrap();
    let path = dir.path().join("space.json");
    Site::set_up(dir, port, &format!("spaceapi = '{}'\n{more}", path.display()))
}

fn users(dir: &Path) -> String {
    UsersFile::open(&dir.join("users.toml")).unwrap().save().unwrap();
    dir.join("users.toml").display().to_string()
}

fn publish(broker: &Broker, meter: &str, watts: u32) {
    let now = daemon_runtime::now();
    let payload = format!("{{\"t\":\"{now}\",\"power_w\":{watts},\"energy_kwh\":0.005,\"total\":5}}");
    broker.publish(&format!("powerpi/{meter}/state"), &payload, true);
}

/// What the schemas ask for of each entry: value, unit of a list, location; and what they allow.
fn is_by_the_schema(told: &Value) {
    for version in ["14", "15"] {
        assert!(told["api_compatibility"].as_array().unwrap().contains(&json!(version)));
    }
    for required in ["space", "logo", "url"] {
        assert!(told[required].is_string(), "{required}");
    }
    assert!(told["location"].is_object() && told["contact"].is_object());
    for kind in ["power_consumption", "power_generation"] {
        for sensor in told["sensors"][kind].as_array().unwrap() {
            assert!(sensor["value"].is_number() && ["W", "VA"].contains(&sensor["unit"].as_str().unwrap()));
            assert!(sensor["location"].is_string() && sensor["name"].is_string());
            assert!(sensor.get("lastchange").is_none_or(Value::is_number));
        }
    }
}

#[test]
fn public_meters_stand_beside_what_the_space_says() {
    let dir = TempDir::new().unwrap();
    record_meter(dir.path(), &meter(), "Hauptzähler");
    record_meter(dir.path(), &"hq/secret".parse().unwrap(), "Geheim");
    let sun = "hq/sun".parse().unwrap();
    record_as(dir.path(), &sun, &info("Dach"));
    let broker = Broker::on(free_port());
    broker.publish("powerpi/hq/status", "online", true);
    for (meter, watts) in [("hq/main", 333), ("hq/secret", 666), ("hq/sun", 1_200)] {
        publish(&broker, meter, watts);
    }
    let users = users(dir.path());
    let site = set_up(
        dir,
        broker.port,
        &format!(
            "[access]\nusers = '{users}'\npublic_meters = ['hq/main', 'hq/sun']\n\
             [[meter]]\nid = 'hq/sun'\nmeasures = 'production'"
        ),
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    let told = loop {
        let told = site.json("/spaceapi.json");
        if told["sensors"]["power_generation"].is_array()
            && told["sensors"]["power_consumption"][1].is_object()
        {
            break told;
        }
        assert!(Instant::now() < deadline, "{told}");
        std::thread::sleep(Duration::from_millis(100));
    };
    is_by_the_schema(&told);
    let sensors = &told["sensors"];
    assert_eq!(sensors["power_consumption"][0]["name"], "Switch");
    let main = &sensors["power_consumption"][1];
    assert_eq!(
        (&main["value"], &main["unit"], &main["name"]),
        (&json!(333), &json!("W"), &json!("Hauptzähler"))
    );
    assert_eq!(sensors["power_consumption"].as_array().unwrap().len(), 2);
    assert_eq!(sensors["power_generation"][0]["value"], 1_200);
    assert_eq!(
        (&sensors["total_member_count"][0]["value"], &told["state"]["open"]),
        (&json!(42), &json!(true))
    );
    let answer = site.get("/spaceapi.json");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(!answer.text().contains("Geheim"));
    // Who is gone says nothing of now.
    broker.publish("powerpi/hq/status", "offline", true);
    while site.json("/spaceapi.json")["sensors"]["power_generation"].is_array() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn where_there_is_no_space_there_is_nothing() {
    assert_eq!(Site::start().get("/spaceapi.json").status, 404);
}
