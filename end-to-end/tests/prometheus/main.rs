//! Debian's Prometheus beside a running site: it scrapes every program, promtool has nothing to say against what they
//! tell, and what it is asked for is what the ledger has. So is the dashboard, and what docs/MONITORING.md shows.
#![allow(clippy::unwrap_used)]

mod documented;
mod server;

use end_to_end::{Program, Site, free_port, http_get, wait_until};
use jiff::Timestamp;
use serde_json::Value;

use documented::{dashboard, yaml};
use server::{Prometheus, promtool};

/// Joules of a kWh.
const KWH: f64 = 3_600_000.0;

/// Where each program tells its figures, in this order.
const PROGRAMS: [&str; 4] = ["powerpi-broker", "powerpi-recorder", "powerpi-web", "pi-publisher"];

struct Running {
    site: Site,
    ports: [u16; 4],
    programs: Vec<Program>,
}

/// A house with electricity and gas whose last three hours come at once and which then goes on.
fn start() -> Running {
    let from = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 3 * 3600).unwrap();
    let meter = |id: &str, of: &str| {
        format!(
            "[[meter]]\nid = '{id}'\n{of}\n[meter.source]\nkind = 'simulated'\nseed = 7\nfrom = '{from}'\n"
        )
    };
    let gas = "medium = 'gas'\npulses_per_m3 = 100";
    let meters = meter("main", "pulses_per_kwh = 10000") + &meter("gas", gas) + "meter = 'gas'\n";
    let site = Site::new(&meters);
    let ports = [free_port(), free_port(), site.web, free_port()];
    site.append("powerpi-broker", &format!("[health]\nlisten = '127.0.0.1:{}'\n", ports[0]));
    for (program, port) in [("powerpi-recorder", ports[1]), ("pi-publisher", ports[3])] {
        site.append(program, &format!("[metrics]\nlisten = '127.0.0.1:{port}'\n"));
    }
    let programs = PROGRAMS.map(|name| site.start(name)).into();
    wait_until("three hours are recorded", || site.recorded("hq/main").len() >= 180);
    Running { site, ports, programs }
}

/// One value, of one series.
fn value(prometheus: &Prometheus, query: &str) -> Option<f64> {
    match prometheus.query(query).as_slice() {
        [only] => Some(only.1),
        [] => None,
        several => panic!("{query}: {several:?}"),
    }
}

#[test]
fn it_scrapes_every_program_and_knows_what_the_ledger_has() {
    let Running { site, ports, mut programs } = start();
    let prometheus = Prometheus::start(&PROGRAMS.into_iter().zip(ports).collect::<Vec<_>>());
    wait_until("all programs are scraped", || value(&prometheus, "sum(up)") == Some(4.0));
    every_query_of_the_dashboard_has_an_answer(&prometheus);

    for (name, port) in PROGRAMS.into_iter().zip(ports) {
        let (status, told) = http_get(port, "/metrics");
        assert_eq!(status, 200, "{name}: {told}");
        let (is_fine, said) = promtool(&["check", "metrics"], Some(&told));
        assert!(is_fine && said.is_empty(), "{name}: {said}\n{told}");
        assert!(told.contains(&format!("powerpi_build_info{{program=\"{name}\",")), "{told}");
    }

    // Nothing comes any more, so that there is one truth.
    programs.pop().unwrap().stop();
    let counted = || ["main", "gas"].map(|id| site.counted(id));
    let recorded = || ["hq/main", "hq/gas"].map(|meter| site.recorded(meter).len() as u64);
    wait_until("everything is recorded", || recorded() == counted());
    let total = |meter: &str| site.ledger().reading(&site.meter(meter).unwrap()).unwrap().unwrap();
    let (kwh, m3) = (total("hq/main"), total("hq/gas"));
    let is_known = |query: &str, expected: f64| {
        value(&prometheus, query).is_some_and(|found| (found - expected).abs() <= expected * 1e-9)
    };
    wait_until("Prometheus knows the energy of the ledger", || {
        is_known("powerpi_energy_joules_total{site=\"hq\",meter=\"main\"}", kwh * KWH)
    });
    wait_until("and the volume", || is_known("powerpi_volume_cubic_meters_total", m3));
    assert!(kwh > 0.1 && m3 >= 0.0, "{kwh} kWh, {m3} m³");

    let all: u64 = recorded().iter().sum();
    wait_until("it knows the minutes", || is_known("powerpi_recorder_recorded_total", all as f64));
    let end = site.recorded("hq/main").last().unwrap().0.end() as f64;
    wait_until("it knows the mark", || {
        is_known("powerpi_recorder_mark_timestamp_seconds{meter=\"main\"}", end)
    });
    let trust = http_get(site.web, "/api/v1/meters/hq/main/trust").1;
    let trust: Value = serde_json::from_str(&trust).unwrap();
    for name in ["powerpi_recorder_unwatched_seconds", "powerpi_unwatched_seconds"] {
        let told = value(&prometheus, &format!("{name}{{meter=\"main\"}}"));
        assert_eq!(told, trust["unwatched_s"].as_f64(), "{name}");
    }
    assert_eq!(value(&prometheus, "powerpi_recorder_meters"), Some(2.0));
    // A recorder that hears of a meter for the first time has its minutes sent again.
    let repeated = |meter: &str| {
        let (ledger, known) = (site.ledger(), site.meter(meter).unwrap());
        ledger.trust(&known, 0).unwrap().unwrap().repeated as f64
    };
    let repeated = repeated("hq/main") + repeated("hq/gas");
    wait_until("it knows what came again", || is_known("powerpi_recorder_repeated_total", repeated));
    assert!(value(&prometheus, "powerpi_recorder_commit_duration_seconds_count").unwrap() >= 1.0);
    let most = "histogram_quantile(1, powerpi_recorder_commit_duration_seconds_bucket)";
    assert!(value(&prometheus, most).unwrap() <= 10.0);
    let size = value(&prometheus, "powerpi_recorder_ledger_bytes").unwrap();
    assert!(size >= site.path().join("ledger.sqlite").metadata().unwrap().len() as f64 / 2.0, "{size}");
}

/// Each query of the dashboard, and of its lists to choose from.
fn every_query_of_the_dashboard_has_an_answer(prometheus: &Prometheus) {
    let dashboard = dashboard();
    assert!(dashboard.queries.len() > 12, "{:?}", dashboard.queries);
    for query in &dashboard.queries {
        wait_until(query, || !prometheus.query(query).is_empty());
    }
    let of_processes = "process_resident_memory_bytes * on(instance) group_left(program) powerpi_build_info";
    assert!(dashboard.queries.iter().any(|query| query == of_processes));
    assert_eq!(prometheus.query(of_processes).len(), PROGRAMS.len());
    for (label, series, values) in
        [("site", "powerpi_meter_info", 1), ("meter", "powerpi_meter_info{site=~\".*\"}", 2)]
    {
        assert!(dashboard.lists.contains(&(series.to_owned(), label.to_owned())), "{:?}", dashboard.lists);
        assert_eq!(prometheus.label_values(label, series).len(), values);
    }
}

#[test]
fn the_publisher_says_what_it_counts_and_who_is_away() {
    let Running { site, ports, mut programs } = start();
    let prometheus =
        Prometheus::start(&[("broker", ports[0]), ("recorder", ports[1]), ("publisher", ports[3])]);
    wait_until("all is recorded", || value(&prometheus, "sum(powerpi_publisher_outbox_depth)") == Some(0.0));
    let both = "powerpi_recorder_connected + on() powerpi_publisher_connected";
    wait_until("both are connected", || value(&prometheus, both) == Some(2.0));
    let marks =
        "powerpi_publisher_mark_timestamp_seconds - on(site, meter) powerpi_recorder_mark_timestamp_seconds";
    wait_until("both know the same mark", || {
        let ahead = prometheus.query(marks);
        ahead.len() == 2 && ahead.iter().all(|(_, seconds)| *seconds == 0.0)
    });
    // What is counted is in the ledger, but for the minutes that are not over.
    let known = site.meter("hq/main").unwrap();
    let pulses = || value(&prometheus, "powerpi_publisher_pulses_total{meter=\"main\"}").unwrap();
    let recorded = || site.ledger().newest(&known).unwrap().unwrap().total as f64;
    let before = recorded();
    assert!(pulses() >= before, "{} pulses counted, {before} recorded", pulses());
    assert!(pulses() < before + 3_000.0, "{} pulses counted, {before} recorded", pulses());
    assert_eq!(prometheus.query("powerpi_publisher_outbox_writable == 1").len(), 2);

    let broker = programs.remove(0);
    broker.stop();
    wait_until("both say that the broker is away", || value(&prometheus, both) == Some(0.0));
    wait_until("minutes wait", || {
        value(&prometheus, "min(powerpi_publisher_outbox_depth)").is_some_and(|minutes| minutes >= 1.0)
    });
}

#[test]
fn what_the_document_shows_is_understood_by_promtool() {
    let [scraping, rules] = yaml();
    let folder = tempfile::TempDir::new().unwrap();
    let (config, rules_file) = (folder.path().join("prometheus.yml"), folder.path().join("rules.yml"));
    std::fs::write(&config, scraping).unwrap();
    // Its password lies elsewhere.
    let written = std::fs::read_to_string(&config).unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "secret").unwrap();
    let written = written.replace("/etc/prometheus/powerpi-password", &password.display().to_string());
    std::fs::write(&config, written).unwrap();
    std::fs::write(&rules_file, rules).unwrap();
    for arguments in
        [["check", "config", config.to_str().unwrap()], ["check", "rules", rules_file.to_str().unwrap()]]
    {
        let (is_fine, said) = promtool(&arguments, None);
        assert!(is_fine, "{arguments:?}: {said}");
    }
}
