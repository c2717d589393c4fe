//! Readings that somebody types in: who may, what is sent, and what the page makes of them.
#![allow(clippy::unwrap_used)]

mod mosquitto;
mod site;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker_users::{PasswordHash, Role, UsersFile};
use meter_ledger::{Entering, Ledger, TakingBack};
use meter_messages::{MeterReading, TakenBack, Unit};
use mosquitto::Broker;
use site::program::free_port;
use site::{Answer, Site, kwh, meter, minute, record};
use tempfile::TempDir;

const PAGE: &str = "/m/hq/main/readings";
const GOOD: &str = "time=2025-10-26T12%3A00&shown=12345%2C6";

fn site(mqtt_port: u16) -> Site {
    let dir = TempDir::new().unwrap();
    record(dir.path(), "Hauptzähler");
    let path = dir.path().join("users.toml");
    let mut file = UsersFile::open(&path).unwrap();
    for (name, role) in [("anna", Role::Look), ("ernst", Role::EnterReadings)] {
        let hash = PasswordHash::of(format!("of {name}").as_bytes()).unwrap();
        file.set(&name.parse().unwrap(), Some(&hash), Some(role));
    }
    file.save().unwrap();
    let more = format!("[access]\nusers = '{}'\npublic_meters = ['hq/main']", path.display());
    Site::set_up(dir, mqtt_port, &more)
}

fn basic(user: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:of {user}")))
}

fn post(site: &Site, user: Option<&str>, more: &[(&str, &str)], form: &str) -> Answer {
    let login = user.map(basic);
    let mut headers: Vec<(&str, &str)> = login.iter().map(|it| ("Authorization", it.as_str())).collect();
    headers.extend(more);
    site.post(PAGE, &headers, form)
}

fn get(site: &Site, user: Option<&str>, path: &str) -> String {
    let login = user.map(basic);
    let headers: Vec<(&str, &str)> = login.iter().map(|it| ("Authorization", it.as_str())).collect();
    let answer = site.ask("GET", path, &headers);
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

const OURS: (&str, &str) = ("Origin", "http://test");

#[test]
fn only_users_with_the_right_enter_readings_and_only_from_our_page() {
    let site = site(1);
    assert_eq!(post(&site, None, &[OURS], GOOD).status, 401);
    let refused = post(&site, Some("anna"), &[OURS], GOOD);
    assert_eq!((refused.status, refused.header("www-authenticate")), (403, ""));
    for foreign in [
        vec![],
        vec![("Origin", "http://evil")],
        vec![("Origin", "null")],
        vec![OURS, ("Sec-Fetch-Site", "cross-site")],
        vec![OURS, ("Sec-Fetch-Site", "same-site")],
    ] {
        let refused = post(&site, Some("ernst"), &foreign, GOOD);
        assert_eq!(refused.status, 403, "{foreign:?}");
    }
    // No broker is there: but that far only these come.
    for ours in [
        vec![OURS],
        vec![("Sec-Fetch-Site", "same-origin"), ("Origin", "https://outside")],
        vec![("Origin", "https://outside"), ("X-Forwarded-Host", "outside")],
    ] {
        assert_eq!(post(&site, Some("ernst"), &ours, GOOD).status, 503, "{ours:?}");
    }
}

#[test]
fn where_there_is_no_form_the_page_says_what_is_lacking() {
    let site = site(1);
    for (user, said) in [(None, "please log in first"), (Some("anna"), "the role enter-readings")] {
        let page = get(&site, user, PAGE);
        assert!(!page.contains("<form") && page.contains(said), "{page}");
    }
    let page = get(&site, Some("ernst"), PAGE);
    assert!(page.contains("method=\"post\"") && !page.contains("id=\"no-form\""), "{page}");
    // Without users nobody is known, so nobody enters anything.
    let open = Site::start();
    let refused = open.post(PAGE, &[OURS], GOOD);
    assert_eq!(refused.status, 403);
    for page in [refused.text(), open.get(PAGE).text()] {
        assert!(!page.contains("<form") && page.contains("powerpi invite NAME --browser"), "{page}");
    }
}

#[test]
fn a_form_that_is_not_taken_is_refused_in_the_language_of_the_page() {
    let site = site(1);
    let (german, login) = (("Accept-Language", "de"), basic("ernst"));
    let foreign = ("Origin", "http://evil");
    let json = ("Content-Type", "application/json");
    let long = "x".repeat(5000);
    for (headers, form, status, said) in [
        (vec![foreign], GOOD, 403, "Es wurde nicht von einer Seite dieses Servers gesendet"),
        (vec![OURS, json], "{}", 415, "Es lässt sich nicht lesen"),
        (vec![OURS], long.as_str(), 413, "Es ist zu lang"),
    ] {
        let answer = post(&site, Some("ernst"), &[headers, vec![german]].concat(), form);
        let page = answer.text();
        assert_eq!(answer.status, status, "{said}");
        assert!(
            page.contains("<h1>Das Formular wurde nicht angenommen</h1>") && page.contains(said),
            "{page}"
        );
    }
    let english = site.post(PAGE, &[foreign, ("Authorization", &login)], GOOD).text();
    assert!(english.contains("<h1>The form was not accepted</h1>"), "{english}");
}

#[test]
fn what_cannot_be_entered_is_told_and_what_was_typed_in_stays() {
    let site = site(1);
    for (form, said) in [
        ("time=soon&shown=5", "That is not a valid time."),
        ("time=2099-01-01T12%3A00&shown=5", "in the future"),
        ("time=2025-10-26T12%3A00&shown=12.345%2C6", "at most one decimal point"),
        ("", "That is not a valid time."),
    ] {
        let answer = post(&site, Some("ernst"), &[OURS], form);
        let page = answer.text();
        assert_eq!(answer.status, 400, "{form}");
        assert!(page.contains(said) && page.contains("role=\"alert\""), "{form}: {page}");
        assert!(page.contains("aria-invalid=\"true\""), "{form}");
    }
    let typed = post(&site, Some("ernst"), &[OURS], "time=2025-10-26T12%3A00&shown=%22%3E1").text();
    assert!(
        typed.contains("value=\"2025-10-26T12:00\"") && typed.contains("value=\"&#34;&#62;1\""),
        "{typed}"
    );

    let away = post(&site, Some("ernst"), &[OURS, ("Accept-Language", "de")], GOOD);
    let page = away.text();
    assert!(away.status == 503 && page.contains("konnte nicht gesendet werden"), "{page}");
    assert!(page.contains("value=\"12345,6\""), "{page}");

    let login = basic("ernst");
    let nobody = site.post("/m/hq/nobody/readings", &[OURS, ("Authorization", &login)], GOOD);
    assert_eq!(nobody.status, 404);
    for elsewhere in ["/", "/m/hq/main", "/api/v1/meters/hq/main/readings", "/m/hq/main/readings/x"] {
        let refused = site.post(elsewhere, &[OURS, ("Authorization", &login)], GOOD);
        assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"), "{elsewhere}");
    }
}

#[test]
fn the_broker_gets_it_with_qos_1_and_it_is_under_way_until_the_recorder_has_it() {
    let (site, sent, heard) = told(GOOD, |_| ());
    let payload = r#"{"t":"2025-10-26T11:00:00Z","kwh":12345.6,"by":"ernst"}"#;
    assert_eq!(heard, format!("powerpi/hq/main/reading 1 0 {payload}"));
    let page = get(&site, Some("ernst"), sent.header("location"));
    assert!(page.contains("The reading is on its way") && page.contains("No readings yet"), "{page}");
}

fn enter(site: &Site, at: &str, kwh: f64, by: &str) {
    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let reading = MeterReading {
        at: at.parse().unwrap(),
        shown: kwh,
        unit: Unit::KilowattHour,
        by: by.into(),
        replaced: false,
    };
    assert_ne!(batch.enter(&meter(), &reading, daemon_runtime::now()).unwrap(), Entering::UnknownMeter);
    batch.commit().unwrap();
}

/// What a broker is told while somebody sends a form that is taken: topic, QoS, retained, payload.
fn told(form: &str, before: impl Fn(&Site)) -> (Site, Answer, String) {
    let broker = Broker::on(free_port());
    let port = broker.port.to_string();
    // It tells what it does, line by line: that it is subscribed, and what it has received.
    let mut listening = Command::new("stdbuf")
        .args(["-oL", "mosquitto_sub", "-d", "-p", &port, "-q", "1", "-t", "powerpi/#"])
        .args(["-C", "1", "-W", "60", "-F", "heard %t %q %r %p"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(listening.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("Subscribed")), "it ended without a subscription");
    let site = site(broker.port);
    before(&site);
    let sent = post(&site, Some("ernst"), &[OURS], form);
    assert_eq!(sent.status, 303, "{}", sent.text());
    let heard = lines.find_map(|line| line.strip_prefix("heard ").map(str::to_owned));
    listening.wait().unwrap();
    (site, sent, heard.unwrap_or_default())
}

#[test]
fn a_reading_is_taken_back_by_those_who_may_enter_some() {
    const AT: &str = "2025-10-26T11:00:00Z";
    const FORM: &str = "take_back=2025-10-26T11%3A00%3A00Z";
    let (site, sent, heard) = told(FORM, |site| enter(site, AT, 5.0, "anna"));
    let payload = format!(r#"{{"t":"{AT}","taken_back":true,"by":"ernst"}}"#);
    assert_eq!(heard, format!("powerpi/hq/main/reading 1 0 {payload}"));
    let under_way = get(&site, Some("ernst"), sent.header("location"));
    assert!(under_way.contains("is being deleted: it disappears from here"), "{under_way}");
    let field = format!("name=\"take_back\" value=\"{AT}\"");
    assert!(under_way.contains(&field), "{under_way}");
    assert!(!get(&site, Some("anna"), PAGE).contains("take_back"), "who may only look");
    take_back(&site, AT);
    let gone = get(&site, Some("ernst"), &format!("{}&lang=de", sent.header("location")));
    assert!(gone.contains("Die Ablesung wurde gelöscht.") && !gone.contains(&field), "{gone}");

    // The broker is away now.
    assert_eq!(post(&site, Some("anna"), &[OURS], FORM).status, 403);
    assert_eq!(post(&site, Some("ernst"), &[("Origin", "http://evil")], FORM).status, 403);
    assert_eq!(post(&site, Some("ernst"), &[OURS], "take_back=yesterday").status, 400);
    let refused = post(&site, Some("ernst"), &[OURS], FORM);
    assert!(refused.status == 503 && refused.text().contains("This could not be sent"));
}

fn take_back(site: &Site, at: &str) {
    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let taken_back = TakenBack { at: at.parse().unwrap(), by: "ernst".into() };
    assert_eq!(batch.take_back(&meter(), &taken_back).unwrap(), TakingBack::Gone);
    batch.commit().unwrap();
}

#[test]
fn the_page_says_how_far_the_pulses_are_off() {
    let mut site = site(1);
    site.minutes = site::minutes();
    // Over the night in which the clock went back; the meter counts a hundredth more than its pulses.
    let (from, to) = ("2025-10-25T10:00:00Z", "2025-10-26T12:00:00Z");
    let pulses = kwh(&site.minutes, |at| (minute(from)..minute(to)).contains(&at));
    assert!(pulses > 30.0, "{pulses}");
    enter(&site, to, 5000.0 + pulses / 0.99, "<ernst>");
    enter(&site, from, 5000.0, "anna");
    let data = |user: Option<&str>| -> serde_json::Value {
        serde_json::from_str(&get(&site, user, "/api/v1/meters/hq/main/readings")).unwrap()
    };
    let readings = data(Some("anna"))["readings"].clone();
    let since = &readings[0]["since_previous"];
    let close = |value: &serde_json::Value, expected: f64| {
        assert!((value.as_f64().unwrap() - expected).abs() < 0.000_51, "{value} instead of {expected}");
    };
    close(&since["kwh_by_pulses"], pulses);
    close(&since["kwh_by_meter"], pulses / 0.99);
    close(&since["drift_kwh"], pulses - pulses / 0.99);
    close(&since["drift_percent"], -1.0);
    assert_eq!((&readings[0]["by"], &since["unwatched_s"]), (&"<ernst>".into(), &0.into()));
    assert!(readings[1]["since_previous"].is_null() && readings[1]["kwh"] == 5000.0);

    let page = get(&site, Some("anna"), &format!("{PAGE}?lang=de"));
    let german = format!("{pulses:.3}").replace('.', ",");
    for shown in ["−1,00\u{a0}%", &format!("<td>{german}</td>"), "&#60;ernst&#62;", "Abweichung", ">5.000<"]
    {
        assert!(page.contains(shown), "{shown} is not on {page}");
    }
    assert!(get(&site, Some("anna"), &format!("{PAGE}?lang=en")).contains("−1.00\u{a0}%"));
    // Users' names are for users.
    assert!(!get(&site, None, PAGE).contains("ernst"));
    assert!(data(None)["readings"][0]["by"].is_null());
    assert!(get(&site, None, "/m/hq/main?lang=en").contains(&format!("href=\"{PAGE}?lang=en\"")));

    // Corrected, it is the same reading; another meter's begins anew; a gap is told.
    enter(&site, to, 5000.0 + pulses, "ernst");
    enter(&site, "2025-11-01T00:00:00Z", 7.0, "ernst");
    let readings = data(Some("anna"))["readings"].clone();
    close(&readings[1]["since_previous"]["drift_percent"], 0.0);
    let another = &readings[0]["since_previous"];
    assert!(another["drift_percent"].is_null() && another["drift_kwh"].is_null());
    assert_eq!(
        (&another["backwards"], &readings[1]["since_previous"]["backwards"]),
        (&"replaced".into(), &serde_json::Value::Null)
    );
    assert!(get(&site, Some("anna"), &format!("{PAGE}?lang=de&x")).contains("anderer Zähler oder verlesen"));
    enter(&site, "2025-11-03T00:00:00Z", 27.0, "ernst");
    assert_eq!(data(Some("anna"))["readings"][0]["since_previous"]["unwatched_s"], 86_400);
    assert_eq!(data(Some("anna"))["readings"].as_array().unwrap().len(), 4);
}

#[test]
fn a_reading_is_on_the_meters_page_at_once() {
    let site = site(1);
    let shown = |site: &Site| {
        let page = get(site, None, "/m/hq/main?lang=en");
        page.split_once("data-kwh=\"total\">").unwrap().1.split('<').next().unwrap().to_owned()
    };
    let before = shown(&site);
    let at = jiff::Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 120).unwrap();
    enter(&site, &at.to_string(), 4321.0, "ernst");
    let began = std::time::Instant::now();
    // The page itself is kept for a second.
    while shown(&site) == before {
        assert!(began.elapsed().as_secs() < 20, "the tile still shows {before}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert!(shown(&site).starts_with("4,32"), "{}", shown(&site));
}
