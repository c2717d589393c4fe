//! The way of prices of the day: from whoever knows them, or from a file, through the ledger to the pages.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use end_to_end::{Site, http_get, mosquitto_pub, run_to_end, wait_until};
use meter_messages::Minute;

/// The prices of 1 March 2026 in the ledger, per kWh.
fn prices(site: &Site) -> Vec<f64> {
    let day: Minute = "2026-03-01T00:00:00Z".parse().unwrap();
    let day = day..Minute::nearest(day.epoch_minutes() + 24 * 60);
    let prices = site.ledger().day_prices(&"hq".parse().unwrap(), "EUR".parse().unwrap(), day).unwrap();
    prices.into_iter().map(|it| it.price.per_kwh()).collect()
}

fn say(site: &Site, t: &str, per_kwh: &str) {
    let json = format!(
        r#"{{"t":"{t}","currency":"EUR","spans":[{{"from":"2026-03-01T12:00:00Z","step_min":60,"per_kwh":[{per_kwh}]}}]}}"#
    );
    mosquitto_pub(site.mqtt, "powerpi/hq/price", &json, &["-r"]);
}

#[test]
fn prices_go_from_a_message_or_a_file_to_the_pages() {
    let site = Site::new("");
    let web = site.path().join("powerpi-web.toml");
    let settings = std::fs::read_to_string(&web).unwrap();
    let fixed = "price_per_kwh = 0.31\nbase_fee_per_month = 11.9\nco2_g_per_kwh = 363\n";
    assert!(settings.contains(fixed), "{settings}");
    std::fs::write(web, settings.replace(fixed, "price_of_the_day = true\n")).unwrap();
    let _broker = site.start("powerpi-broker");
    // The session of a recorder that knew of no prices.
    wait_until("an old session", || {
        let port = site.mqtt.to_string();
        let arguments = ["-p", &port, "-i", "powerpi-recorder", "-c", "-q", "1", "-E", "-t", "powerpi/+/+/+"];
        Command::new("mosquitto_sub").args(arguments).status().unwrap().success()
    });
    let recorder = site.start("powerpi-recorder");
    let info =
        r#"{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/main/info", info, &["-r"]);
    let count = r#"{"t":"2026-03-01T12:00:00Z","s":60,"seq":1,"pulses":500,"total":500}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/main/minute", count, &[]);
    say(&site, "2026-02-28T13:00:00Z", "0.3,0.2");
    wait_until("the minute is recorded", || site.recorded("hq/main").len() == 1);
    wait_until("the prices are entered", || prices(&site).len() == 8);

    // A correction, and nonsense.
    say(&site, "2026-02-28T14:00:00Z", "0.4");
    wait_until("the correction is entered", || prices(&site)[..5] == [0.4, 0.4, 0.4, 0.4, 0.2]);
    mosquitto_pub(site.mqtt, "powerpi/hq/price", r#"{"t":"never"}"#, &[]);
    wait_until("the log says so", || recorder.log().contains("prices of the day not entered"));

    // From a file, with more in it; twice, and first only looked at.
    let file = "Datum von;Preis [ct/kWh]\n01.03.2026 13:00;50,5\n01.03.2026 14:00;60\n01.03.2026 15:00;-\n";
    std::fs::write(site.path().join("prices.csv"), file).unwrap();
    let import = |more: &[&str]| {
        let arguments = ["prices", "import", "prices.csv", "--site", "hq", "--time-zone", "Europe/Berlin"];
        let ledger = ["--ledger", "ledger.sqlite"];
        let output = run_to_end("powerpi", site.path(), &[&arguments[..], &ledger, more].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = import(&["--dry-run"]);
    assert!(
        said.contains("column \"Datum von\" (Europe/Berlin)")
            && said.contains("would be new: 0, corrected: 8"),
        "{said}"
    );
    assert_eq!(prices(&site)[0], 0.4, "nothing was entered");
    assert!(import(&[]).contains("new: 0, corrected: 8"));
    assert!(import(&[]).contains("new: 0, corrected: 0"));
    assert_eq!(prices(&site), [[0.505; 4], [0.6; 4]].concat());

    // What is retained was said before that, and is heard again at each start.
    recorder.stop();
    let _recorder = site.start("powerpi-recorder");
    let count = r#"{"t":"2026-03-01T12:01:00Z","s":60,"seq":2,"pulses":500,"total":1000}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/main/minute", count, &[]);
    wait_until("the next minute is recorded", || site.recorded("hq/main").len() == 2);
    say(&site, "2026-02-28T15:00:00Z", "0.1,0.1,0.9");
    wait_until("a later hour is entered", || prices(&site).len() == 12);
    assert_eq!(prices(&site), [[0.505; 4], [0.6; 4], [0.9; 4]].concat());

    let _web = site.start("powerpi-web");
    wait_until("the pages are there", || std::net::TcpStream::connect(("127.0.0.1", site.web)).is_ok());
    let asked = "/api/v1/meters/hq/main/energy.json?from=2026-03-01T12:00:00Z&to=2026-03-01T13:00:00Z";
    let (status, energy) = http_get(site.web, asked);
    assert!(status == 200 && energy.contains("\"cost\":0.505000"), "{energy}");
    assert!(energy.contains("\"price\":0.505000,\"unpriced_kwh\":0.000000"), "{energy}");
}
