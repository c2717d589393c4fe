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
    assert_eq!((info.medium, info.constant.get()), (Medium::Gas, 1000));
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
