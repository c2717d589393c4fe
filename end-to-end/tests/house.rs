//! A main meter, a heat pump behind it and a feed-in go the whole way: what is said of them in the publisher's
//! settings decides what the pages add up.
#![allow(clippy::unwrap_used)]

use end_to_end::{Site, http_get, mosquitto_sub, wait_until};
use jiff::Timestamp;
use meter_messages::{Info, Measures, Minute};
use serde_json::Value;

fn meter(id: &str, kwh_per_year: u32, said: &str, from: Timestamp) -> String {
    format!(
        "[[meter]]\nid = '{id}'\npulses_per_kwh = 1000\n{said}\n[meter.source]\nkind = 'simulated'\n\
         seed = {kwh_per_year}\nkwh_per_year = {kwh_per_year}.0\nfrom = '{from:.0}'\n"
    )
}

/// The energy of a meter in an hour, from its minutes.
fn kwh(site: &Site, meter: &str, hour: i64) -> f64 {
    let minutes = site.recorded(meter);
    let of_hour = minutes.iter().filter(|(minute, _)| minute.epoch_minutes().div_euclid(60) == hour);
    of_hour.map(|(_, pulses)| f64::from(*pulses)).sum::<f64>() / 1000.0
}

#[test]
fn a_house_of_three_meters_adds_up_what_its_publisher_says() {
    let now = daemon_runtime::now().as_second();
    // Two whole hours, and the beginning of the one in progress.
    let from = Timestamp::from_second((now - 2 * 3600).div_euclid(3600) * 3600).unwrap();
    let meters = [
        meter("main", 17_520, "name = 'Main meter'", from),
        meter("heat", 8_760, "name = 'Heat pump'\npart_of = 'main'", from),
        meter("feed", 26_280, "measures = 'export'", from),
    ];
    let site = Site::new(&meters.concat());
    let _broker = site.start("powerpi-broker");
    let _recorder = site.start("powerpi-recorder");
    let web = site.start("powerpi-web");
    let _publisher = site.start("pi-publisher");
    for meter in ["hq/main", "hq/heat", "hq/feed"] {
        wait_until("two hours are recorded", || site.recorded(meter).len() >= 120);
    }
    let info = |meter: &str| {
        let (_, payload) =
            mosquitto_sub(site.mqtt, &format!("powerpi/hq/{meter}/info"), 1, 60).pop().unwrap();
        Info::from_json(payload.as_bytes()).unwrap().relation
    };
    assert_eq!(info("heat").part_of.unwrap().to_string(), "hq/main");
    assert_eq!(info("feed").measures, Some(Measures::Export));

    let json = |path: &str| -> Value { serde_json::from_str(&http_get(site.web, path).1).unwrap() };
    let hour = from.as_second() / 3600;
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let name =
        Minute::nearest(hour * 60).timestamp().to_zoned_datetime(berlin).strftime("%Y-%m-%dT%H").to_string();
    let path = format!("/api/v1/site/hour/{name}");
    let near = |value: &Value, expected: f64| {
        let found = value.as_f64().unwrap_or_else(|| panic!("{value}"));
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    };
    let electricity = json(&path)["media"][0].take();
    let [main, heat, feed] = ["hq/main", "hq/heat", "hq/feed"].map(|meter| kwh(&site, meter, hour));
    assert!(main > 0.0 && heat > 0.0 && feed > 0.0, "{main}, {heat}, {feed}");
    near(&electricity["comes_in"]["kwh"], main);
    near(&electricity["goes_out"]["kwh"], feed);
    let cost = electricity["cost"].as_f64().unwrap();
    assert!(
        (main * 0.31 - 0.01..main * 0.31 + 0.05).contains(&cost),
        "the main meter's, and some of the fee: {cost}"
    );
    if main > heat {
        near(&electricity["not_measured"]["kwh"], main - heat);
    }
    let page = http_get(site.web, "/?lang=en").1;
    assert!(page.contains("Fed in · Today") && page.matches("data-counts").count() == 1, "{page}");
    assert!(json("/api/v1/meters/hq/feed")["cost"].is_null(), "what is fed in costs nothing");

    // What the site's settings say goes before it.
    drop(web);
    site.append("powerpi-web", "[[meter]]\nid = 'hq/heat'\npart_of = ''\nmeasures = 'import'\n");
    let _web = site.start("powerpi-web");
    near(&json(&path)["media"][0]["comes_in"]["kwh"], main + heat);
}
