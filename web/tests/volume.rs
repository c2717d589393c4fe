//! Meters of gas and water: cubic metres and litres an hour, wherever a meter of electricity has
//! kilowatt-hours and watts.
#![allow(clippy::unwrap_used)]

mod site;

use meter_ledger::{Entering, Ledger};
use meter_messages::{Info, Medium, Meter, MeterReading, Unit};
use site::{Site, berlin, info, kwh, record_as};
use tempfile::TempDir;

const SETTINGS: &str = "[[tariff]]\nprice_per_kwh = 0.30\n\
                        [[tariff]]\nmedium = 'gas'\nprice_per_m3 = 1.20\nco2_g_per_m3 = 2000\n\
                        [[meter]]\nid = 'hq/gas'\nbudget_m3_per_month = 5000\n";

fn gas() -> Meter {
    "hq/gas".parse().unwrap()
}

/// A meter of gas beside one of electricity; a pulse is a litre, or a Wh.
fn site() -> Site {
    let dir = TempDir::new().unwrap();
    record_as(dir.path(), &site::meter(), &info("Strom"));
    let minutes = record_as(dir.path(), &gas(), &Info { medium: Medium::Gas, ..info("Gas") });
    let mut ledger = Ledger::open(&dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let reading = MeterReading {
        at: daemon_runtime::now(),
        shown: 10_512.3,
        unit: Unit::CubicMetre,
        by: "anna".into(),
        replaced: false,
    };
    assert_eq!(batch.enter(&gas(), &reading, daemon_runtime::now()).unwrap(), Entering::Entered);
    batch.commit().unwrap();
    let mut site = Site::set_up(dir, 1, SETTINGS);
    site.minutes = minutes;
    site
}

/// The day that all of the recording's first hours lie in.
fn day(site: &Site) -> f64 {
    let on = |at: meter_messages::Minute| at.timestamp().to_zoned_datetime(berlin()).date().to_string();
    kwh(&site.minutes, |at| on(at) == "2025-10-26")
}

#[test]
fn no_page_of_gas_speaks_of_energy() {
    let site = site();
    for page in ["", "/day/2025-10-26", "/week/2025-W43", "/month/2025-10", "/year/2025", "/all", "/readings"]
    {
        for (language, foreign) in [("en", ["Power", "Energy"]), ("de", ["Leistung", "Energie"])] {
            let answer = site.get(&format!("/m/hq/gas{page}?lang={language}"));
            assert_eq!(answer.status, 200, "{page}");
            let text = answer.text();
            assert!(text.contains("m³"), "{page}");
            for word in ["kWh", " W<", "(W)", foreign[0], foreign[1]] {
                // The name of the project, and of its script's files, is another matter.
                let text = text.replace("PowerPi", "");
                let at = text.find(word).map(|at| text[..at].chars().rev().take(80).collect::<String>());
                let before = at.map(|before| before.chars().rev().collect::<String>());
                assert_eq!(before, None, "{page} in {language} has {word:?}");
            }
        }
    }
    let page = site.get("/m/hq/gas?lang=de").text();
    assert!(page.contains("Nachtdurchfluss") && page.contains("data-unit>l/h</span>"), "{page}");
}

#[test]
fn a_day_has_as_many_cubic_metres_on_its_page_as_in_every_other_form() {
    let site = site();
    let expected = day(&site);
    let rows = "/api/v1/meters/hq/gas/energy?from=2025-10-26&to=2025-10-27&step=day";
    let json = site.json(rows);
    assert_eq!((&json["pulses_per_m3"], &json["pulses_per_kwh"]), (&1000.into(), &serde_json::Value::Null));
    assert_eq!(json["rows"][0]["m3"], expected);
    assert!(json["rows"][0]["mean_l_h"].is_f64() && json["rows"][0]["kwh"].is_null());
    let csv = site.get(&rows.replace("energy?", "energy.csv?")).text();
    assert!(
        csv.starts_with(
            "start,local,minutes,watched_s,pulses,m3,mean_l_h,cost,fee,co2_g,corrected_minutes\r\n"
        ),
        "{csv}"
    );
    let cost = json["rows"][0]["cost"].as_f64().unwrap();
    assert!((cost - expected * 1.2).abs() < 1e-5, "{cost}");
    let page = site.get("/m/hq/gas/day/2025-10-26?lang=en").text();
    assert!(
        page.contains(&format!("<span class=\"value\" data-kwh=\"whole\">{expected:.3}</span> <small>m³")),
        "{page}"
    );
    let series = site.json("/api/v1/meters/hq/gas/series?from=1761429600&to=1761519600&points=100");
    assert_eq!(series["m3"], expected, "25 hours: {series}");
    let statistics = site.get("/api/v1/meters/hq/gas/statistics.csv").text();
    assert!(statistics.contains("powerpi:hq_gas,m³,"), "{}", &statistics[..200]);
}

#[test]
fn programs_are_told_the_unit() {
    let site = site();
    let meters = site.json("/api/v1/meters");
    let of =
        |meter: usize| (meters["meters"][meter]["medium"].clone(), meters["meters"][meter]["unit"].clone());
    assert_eq!(of(0), ("gas".into(), "m³".into()), "{meters}");
    assert_eq!(of(1), ("electricity".into(), "kWh".into()));
    let state = site.json("/api/v1/meters/hq/gas");
    assert!(state["today"]["m3"].is_f64() && state["today"]["kwh"].is_null(), "{state}");
    assert_eq!(state["month_budget_m3"], 5000.0);
    let known = state["cost"]["month"].as_f64().unwrap();
    assert!((known - state["month"]["m3"].as_f64().unwrap() * 1.2).abs() < 0.006, "{state}");
    let readings = site.json("/api/v1/meters/hq/gas/readings");
    assert_eq!(readings["readings"][0]["m3"], 10_512.3, "{readings}");
    assert!(site.json("/api/v1/meters/hq/main")["today"]["kwh"].is_f64());
}

#[test]
fn litres_are_not_added_to_watts() {
    let site = site();
    let overview = site.get("/?lang=en").text();
    assert!(!overview.contains("data-sum"), "one meter of electricity is no sum");
    assert!(overview.contains("<small>m³</small>") && overview.contains("<small>kWh</small>"));
}

#[test]
fn a_picture_of_gas_is_another_one() {
    let site = site();
    let picture = |meter: &str| {
        let answer = site.get(&format!("/m/hq/{meter}/day.svg?lang=en&theme=light&size=wide"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body
    };
    // The same pulses, other words.
    assert_ne!(picture("gas"), picture("main"));
}
