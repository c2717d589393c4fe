//! A meter of gas goes the whole way, from its pulses to what subscribers, programs and people see.
#![allow(clippy::unwrap_used)]

use end_to_end::{Browser, Site, Theme, http_get, mosquitto_pub, mosquitto_sub, wait_until};
use jiff::Timestamp;
use meter_messages::{Info, Medium, State};

/// Ten litres a pulse, and so much use that pulses come while the test looks on.
const METER: &str = "[[meter]]\nid = 'gas'\nname = 'Gas'\nmedium = 'gas'\npulses_per_m3 = 1000\n\
                     [meter.source]\nkind = 'simulated'\nkwh_per_year = 20000.0\n";

#[tokio::test(flavor = "multi_thread")]
async fn gas_is_counted_in_cubic_metres_by_everybody() {
    let from = Timestamp::from_second(daemon_runtime::now().as_second() - 3600).unwrap();
    let site = Site::new(&format!("{METER}from = '{from:.0}'\n"));
    let _broker = site.start("powerpi-broker");
    let recorder = site.start("powerpi-recorder");
    let _web = site.start("powerpi-web");
    let _publisher = site.start("pi-publisher");
    wait_until("an hour is recorded", || site.recorded("hq/gas").len() >= 59);

    let one = |topic: &str| mosquitto_sub(site.mqtt, topic, 1, 60).pop().unwrap().1;
    let info = Info::from_json(one("powerpi/hq/gas/info").as_bytes()).unwrap();
    assert_eq!((info.medium, info.constant.per_unit()), (Medium::Gas, 1000.0));
    let state = State::from_json(one("powerpi/hq/gas/state").as_bytes()).unwrap();
    assert_eq!((state.volume_m3, state.energy_kwh), (Some(state.total as f64 / 1000.0), None));
    assert!(state.flow_l_h.is_some() && state.power_w.is_none(), "{state:?}");
    let announced = one("homeassistant/device/powerpi_hq_gas/config");
    assert!(announced.contains("\"device_class\":\"gas\"") && announced.contains("\"m³\""), "{announced}");

    // Somebody reads the meter, and somebody else in the wrong unit.
    let read = |json: String| mosquitto_pub(site.mqtt, "powerpi/hq/gas/reading", &json, &["-q", "1"]);
    read(format!("{{\"t\":\"{from:.0}\",\"m3\":812.5,\"by\":\"anna\"}}"));
    read(format!("{{\"t\":\"{from:.0}\",\"kwh\":900,\"by\":\"ernst\"}}"));
    wait_until("the recorder says what is wrong", || recorder.log().contains("in the wrong unit"));
    let readings = http_get(site.web, "/api/v1/meters/hq/gas/readings").1;
    assert!(readings.contains("\"m3\":812.5") && !readings.contains("900"), "{readings}");

    let pulses: u64 = site.recorded("hq/gas")[..59].iter().map(|(_, pulses)| u64::from(*pulses)).sum();
    assert!(pulses > 59, "more than a pulse a minute: {pulses}");
    let browser = Browser::open(390, Theme::Dark).await;
    browser.page.goto(&site.url("/m/hq/gas?lang=de")).await.unwrap();
    browser.wait_for("document.querySelector('.now').dataset.freshness === 'live'").await;
    let now = browser.text(".now").await;
    assert!(now.contains("l/h"), "{now}");
    browser.wait_for("/[0-9]/.test(document.querySelector('[data-power]').textContent)").await;
    browser.close().await;
}

/// Behind a current transformer: five pulses are 26⅔ Wh.
#[test]
fn a_constant_that_is_not_whole_is_exact_on_the_whole_way() {
    let from = Timestamp::from_second(daemon_runtime::now().as_second() - 3600).unwrap();
    let site = Site::new(&format!(
        "[[meter]]\nid = 'shop'\npulses_per_kwh = 187.5\n\
         [meter.source]\nkind = 'simulated'\nkwh_per_year = 50000.0\nfrom = '{from:.0}'\n"
    ));
    let _daemons = ["powerpi-broker", "powerpi-recorder", "powerpi-web", "pi-publisher"]
        .map(|daemon| site.start(daemon));
    wait_until("an hour is recorded", || site.recorded("hq/shop").len() >= 59);
    let info = mosquitto_sub(site.mqtt, "powerpi/hq/shop/info", 1, 60).pop().unwrap().1;
    assert!(info.contains("\"pulses_per_kwh\":187.5"), "{info}");
    let json =
        |path: &str| -> serde_json::Value { serde_json::from_str(&http_get(site.web, path).1).unwrap() };
    assert_eq!(json("/api/v1/meters/hq/shop")["pulses_per_kwh"], 187.5);
    let minutes = json("/api/v1/meters/hq/shop/energy?step=minute");
    let rows = minutes["rows"].as_array().unwrap();
    let counted = rows.iter().filter(|row| row["pulses"].as_u64().is_some_and(|pulses| pulses > 0));
    let mut pulses = 0;
    for row in counted {
        let of_minute = row["pulses"].as_u64().unwrap();
        assert!((row["kwh"].as_f64().unwrap() - of_minute as f64 / 187.5).abs() < 1e-6, "{row}");
        pulses += of_minute;
    }
    assert!(pulses > 59, "more than a pulse a minute: {pulses}");
}
