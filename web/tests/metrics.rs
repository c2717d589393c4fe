//! `/metrics`: what Prometheus scrapes.
#![allow(clippy::unwrap_used)]

mod mosquitto;
mod site;

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker_users::{PasswordHash, Role, UsersFile};
use mosquitto::Broker;
use site::program::free_port;
use site::{Site, meter, record_meter};
use tempfile::TempDir;

fn scrape(site: &Site, headers: &[(&str, &str)]) -> String {
    let open = ("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
    let answer = site.ask("GET", "/metrics", &[&[open], headers].concat());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    answer.text()
}

/// The value of a line.
fn value(told: &str, line: &str) -> Option<f64> {
    let found = told.lines().find_map(|told| told.strip_prefix(line)?.strip_prefix(' '))?;
    Some(found.parse().unwrap())
}

#[test]
fn a_scrape_says_what_pages_and_interface_say() {
    let broker = Broker::on(free_port());
    broker.publish("powerpi/hq/status", "online", true);
    let diag = format!(
        "{{\"t\":\"{}\",\"rejected\":3,\"lost_edges\":0,\"outbox_depth\":12,\"clock\":\"synchronised\",\
          \"broken\":\"exchanged\",\"broken_at\":\"2026-11-29T18:00:00Z\"}}",
        daemon_runtime::now()
    );
    broker.publish("powerpi/hq/main/diag", &diag, true);
    broker.state(333);
    let site = Site::with("\"Haupt\\zähler\"", broker.port);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut told = scrape(&site, &[]);
    while value(&told, "powerpi_power_watts{site=\"hq\",meter=\"main\"}") != Some(333.0) {
        assert!(Instant::now() < deadline, "{told}");
        std::thread::sleep(Duration::from_millis(200));
        told = scrape(&site, &[]);
    }
    let of_main = |name: &str| value(&told, &format!("{name}{{site=\"hq\",meter=\"main\"}}"));
    let state = site.json("/api/v1/meters/hq/main");
    let trust = site.json("/api/v1/meters/hq/main/trust");
    let kwh = state["total"]["kwh"].as_f64().unwrap();
    let joules = of_main("powerpi_energy_joules_total").unwrap();
    assert!((joules / 3_600_000.0 - kwh).abs() < 0.001, "{joules} J, {kwh} kWh");
    let newest: jiff::Timestamp = state["last_minute"]["start"].as_str().unwrap().parse().unwrap();
    let end = newest.as_second() + 60;
    assert_eq!(of_main("powerpi_last_minute_timestamp_seconds"), Some(end as f64));
    assert_eq!(of_main("powerpi_unwatched_seconds"), trust["unwatched_s"].as_f64());
    assert_eq!(of_main("powerpi_gaps"), trust["gaps"].as_f64());
    assert_eq!(of_main("powerpi_outbox_depth"), Some(12.0));
    assert_eq!(of_main("powerpi_rejected_edges_total"), Some(3.0));
    let info = "powerpi_meter_info{site=\"hq\",meter=\"main\",medium=\"electricity\",measures=\"import\"}";
    assert_eq!(value(&told, info), Some(1.0), "{told}");
    assert_eq!(value(&told, "powerpi_web_broker_connected"), Some(1.0));
    assert!(value(&told, "process_resident_memory_bytes").unwrap() > 1_000_000.0);
    is_by_the_grammar(&told);
    the_dashboard_asks_for_what_is_there(&told);
    let plain = site.ask("GET", "/metrics", &[]);
    assert!(plain.header("content-type").starts_with("text/plain; version=0.0.4"), "{}", plain.text());
    let energy = "# TYPE powerpi_energy_joules_total counter\npowerpi_energy_joules_total{site=\"hq\",meter=\"main\"} ";
    assert!(plain.text().contains(energy) && !plain.text().contains("# EOF"), "{}", plain.text());
    let status = site.get("/status?lang=en").text();
    assert!(status.contains("the meter was replaced; counting continues from the new reading ("), "{status}");
    // A value of a publisher that is gone is none of now: the line is not there, rather than 0.
    broker.publish("powerpi/hq/status", "offline", true);
    while told.contains("powerpi_power_watts{") {
        assert!(Instant::now() < deadline, "{told}");
        std::thread::sleep(Duration::from_millis(200));
        told = scrape(&site, &[]);
    }
}

/// But for those of the other programs, and for gas and water, which there are none of.
fn the_dashboard_asks_for_what_is_there(told: &str) {
    let dashboard = include_str!("../../deploy/grafana/powerpi.json");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let asked: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    assert!(asked.len() > 10);
    let words = asked.iter().flat_map(|asked| asked.split(|c: char| !(c.is_alphanumeric() || c == '_')));
    for name in words.filter(|word| word.starts_with("powerpi_") || word.starts_with("process_")) {
        let others = ["powerpi_broker_", "powerpi_recorder_", "powerpi_publisher_", "powerpi_volume_"];
        let is_elsewhere = others.iter().any(|other| name.starts_with(other));
        let is_there = told.lines().any(|line| line.split(['{', ' ']).next() == Some(name));
        assert!(is_there || is_elsewhere, "{name} is not there");
    }
}

/// As OpenMetrics has it: each figure described once, before its values, which stand together; no value twice; and the
/// end is marked.
fn is_by_the_grammar(told: &str) {
    assert!(told.ends_with("\n# EOF\n"));
    let (mut described, mut seen, mut now, mut kind) = (Vec::new(), Vec::new(), "", "");
    for line in told.lines().take_while(|line| *line != "# EOF") {
        if let Some(said) = line.strip_prefix("# ") {
            let mut words = said.splitn(3, ' ');
            let (what, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match what {
                "HELP" => {
                    assert!(!described.contains(&name), "{name} is described twice");
                    described.push(name);
                    now = name;
                }
                "TYPE" => kind = rest,
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                other => panic!("{other}"),
            }
            assert_eq!(name, now, "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(!seen.contains(&series), "{line} is there twice");
        seen.push(series);
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let expected = if kind == "counter" { format!("{now}_total") } else { now.to_owned() };
        assert_eq!(name, expected, "{line}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()));
        assert!(labels.ends_with('}') && labels.matches('"').count() % 2 == 0, "{line}");
    }
    assert!(described.len() > 10, "{described:?}");
}

/// As for pages: strangers see what is public, and nothing of the server.
#[test]
fn a_scrape_tells_each_visitor_what_it_may_see() {
    let dir = TempDir::new().unwrap();
    record_meter(dir.path(), &meter(), "Hauptzähler");
    record_meter(dir.path(), &"flat/cellar".parse().unwrap(), "Keller");
    let mut file = UsersFile::open(&dir.path().join("users.toml")).unwrap();
    let hash = PasswordHash::of(b"of prometheus").unwrap();
    file.set(&"prometheus".parse().unwrap(), Some(&hash), Some(Role::Look));
    file.save().unwrap();
    let users = dir.path().join("users.toml").display().to_string();
    let site = Site::set_up(dir, 1, &format!("[access]\nusers = '{users}'\npublic_meters = ['hq/main']"));
    let of_stranger = scrape(&site, &[]);
    assert!(of_stranger.contains("site=\"hq\"") && !of_stranger.contains("flat"), "{of_stranger}");
    assert!(!of_stranger.contains("process_") && !of_stranger.contains("powerpi_build_info"));
    let login = format!("Basic {}", STANDARD.encode("prometheus:of prometheus"));
    let of_user = scrape(&site, &[("Authorization", &login)]);
    assert!(
        of_user.contains("site=\"flat\",meter=\"cellar\"") && of_user.contains("process_cpu_seconds_total")
    );
    let wrong = format!("Basic {}", STANDARD.encode("prometheus:wrong"));
    assert_eq!(site.ask("GET", "/metrics", &[("Authorization", &wrong)]).status, 401);
}

/// Somebody has spoilt what the ledger holds of one meter.
#[test]
fn a_meter_whose_rows_are_damaged_takes_only_its_own_figures_away() {
    let dir = TempDir::new().unwrap();
    record_meter(dir.path(), &meter(), "Hauptzähler");
    record_meter(dir.path(), &"flat/cellar".parse().unwrap(), "Keller");
    let ledger = rusqlite::Connection::open(dir.path().join("ledger.sqlite")).unwrap();
    let spoil =
        "UPDATE minute SET total = -1 WHERE meter = 2; UPDATE day SET runs = 'x' || runs WHERE meter = 2";
    ledger.execute_batch(spoil).unwrap();
    let told = scrape(&Site::over(dir, 1), &[]);
    for name in
        ["powerpi_energy_joules_total", "powerpi_last_minute_timestamp_seconds", "powerpi_unwatched_seconds"]
    {
        let of = |labels: &str| told.contains(&format!("{name}{{{labels}}}"));
        assert!(of("site=\"hq\",meter=\"main\"") && !of("site=\"flat\",meter=\"cellar\""), "{name}: {told}");
    }
    is_by_the_grammar(&told);
}

/// Of many meters it says all at once but what takes years of days to work out: that comes with the next scrapes.
#[test]
fn what_a_scrape_works_out_is_bounded() {
    let dir = TempDir::new().unwrap();
    for number in 0..60 {
        record_meter(dir.path(), &format!("hq/m{number}").parse().unwrap(), "Wohnung");
    }
    let site = Site::over(dir, 1);
    let count = |told: &str, name: &str| told.lines().filter(|line| line.starts_with(name)).count();
    for known in [20, 40, 60, 60] {
        let told = scrape(&site, &[]);
        assert_eq!(count(&told, "powerpi_energy_joules_total{"), 60);
        assert_eq!(count(&told, "powerpi_unwatched_seconds{"), known);
        is_by_the_grammar(&told);
        // The same answer is good for a second.
        std::thread::sleep(Duration::from_millis(1_100));
    }
}
