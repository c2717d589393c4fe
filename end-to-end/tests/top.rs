//! `powerpi top`: the meters of a running server, as a table and as JSON.
#![allow(clippy::unwrap_used)]

use std::fs;

use end_to_end::{Site, run_to_end, wait_until};
use serde_json::Value;

/// A server whose pages are not there: their settings say where everything is.
fn server() -> Site {
    let from = daemon_runtime::now().as_second() - 600;
    let from = jiff::Timestamp::from_second(from - from.rem_euclid(60)).unwrap();
    let site = Site::new(&format!(
        "[[meter]]\nid = 'main'\nname = 'Haus'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\n\
         seed = 7\nkwh_per_year = 35000.0\nfrom = '{from:.0}'\n"
    ));
    let ledger = "root/var/lib/powerpi/recorder/ledger.sqlite";
    fs::create_dir_all(site.path().join(ledger).parent().unwrap()).unwrap();
    site.replace("powerpi-recorder", "'ledger.sqlite'", &format!("'{ledger}'"));
    let settings = site.path().join("root/etc/powerpi");
    fs::create_dir_all(&settings).unwrap();
    let of_web = format!("time_zone = 'Etc/UTC'\n[mqtt]\nport = {}\n", site.mqtt);
    fs::write(settings.join("powerpi-web.toml"), of_web).unwrap();
    site
}

fn top(site: &Site, how: &str) -> (Option<i32>, String, String) {
    let run = run_to_end("powerpi", site.path(), &["top", "--root", "root", how]);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (run.status.code(), text(run.stdout), text(run.stderr))
}

#[test]
fn all_meters_are_shown_with_their_power_and_their_publisher() {
    let site = server();
    let (code, _, error) = top(&site, "--once");
    assert_eq!(code, Some(1));
    assert!(error.contains("the broker cannot be asked"), "{error}");

    let _broker = site.start("powerpi-broker");
    let (code, _, error) = top(&site, "--once");
    assert_eq!(code, Some(1), "nobody has a meter");
    assert!(error.contains("the ledger cannot be read"), "{error}");

    let _recorder = site.start("powerpi-recorder");
    let publisher = site.start("pi-publisher");
    let asked = || {
        let (code, said, error) = top(&site, "--json");
        assert_eq!(code, Some(0), "{error}");
        serde_json::from_str::<Value>(said.lines().next().unwrap_or("null")).unwrap()
    };
    wait_until("it is live", || asked()["power_w"].is_u64() && asked()["outbox_depth"].is_u64());
    let meter = asked();
    assert_eq!((&meter["meter"], &meter["name"]), (&"hq/main".into(), &"Haus".into()));
    assert_eq!((&meter["state"], &meter["unit"]), (&"online".into(), &"kWh".into()));
    // In kWh, and no more than eleven minutes of the most that this household ever takes (`max_rate`, 43 kW),
    // whatever the hour. Nothing before midnight: a few minutes after it there may be no minute yet.
    assert!(meter["today"].is_null() || meter["today"].as_f64().unwrap() < 8.0, "{meter}");

    publisher.stop();
    wait_until("it has said that it goes", || asked()["state"] == "offline");
    let (_, table, _) = top(&site, "--once");
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("METER") && lines[1].starts_with("hq/main  Haus"), "{table}");
    assert!(lines[1].contains("offline") && asked()["power_w"].is_null(), "{table}");
}
