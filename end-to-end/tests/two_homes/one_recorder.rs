//! All programs on one ledger in PostgreSQL.

use std::time::Duration;

use end_to_end::{Site, free_port, http_get, run_to_end, wait_until};
use jiff::Timestamp;

use crate::home::{Home, copy, household};

/// Ten minutes of the household's time in a second of ours.
const SPEED: i64 = 600;

/// What the household counts.
fn meter(from: Timestamp) -> String {
    format!(
        "[[meter]]\nid = 'main'\nname = 'Haus'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\nseed = 7\n\
         from = '{from}'\nspeed = {SPEED}\n"
    )
}

/// Alarms of a meter that nobody has.
fn write_alarms(site: &Site, address: &str) {
    let settings = format!(
        "ledger = '{address}'\nstate_file = 'alarms.json'\n[mqtt]\nport = {}\n\
         [[alarm]]\nname = 'mistyped'\nmeter = 'hq/mian'\nno_pulse_for = '9h'\n",
        site.mqtt
    );
    std::fs::write(site.path().join("powerpi-alarms.toml"), settings).unwrap();
}

/// The recorder goes on by itself after each kill of the server, and is killed itself. What the pages say does not tell the
/// homes apart, and a copy is the same.
#[test]
fn whatever_is_killed_every_minute_is_there_once_and_both_homes_answer_the_same() {
    let from = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 40 * 86_400).unwrap();
    let (mut home, site) = (Home::start(), Site::new(&meter(from)));
    home.give_to(&site);
    write_alarms(&site, &home.of_alarms());
    let _broker = site.start("powerpi-broker");
    let recorder = site.start("powerpi-recorder");
    let publisher = site.start("pi-publisher");
    let _web = site.start("powerpi-web");
    let more = |home: &Home, minutes: usize| {
        let before = home.recorded("hq/main").len();
        wait_until("more minutes are recorded", || home.recorded("hq/main").len() >= before + minutes);
    };
    let counts_on = || {
        let before = site.counted("main");
        wait_until("more minutes are counted", || site.counted("main") >= before + 20);
    };
    more(&home, 20);
    home.give_rights();
    let alarms = site.start("powerpi-alarms");
    wait_until("the alarms have read the ledger", || alarms.log().contains("did you mean \"hq/main\"?"));
    for _ in 0..3 {
        home.server.kill();
        counts_on();
        home.server.start_again();
        more(&home, 20);
    }
    recorder.kill();
    counts_on();
    let recorder = site.start("powerpi-recorder");
    more(&home, 20);
    home.is_exact("hq/main", site.counted("main"), &household(7));
    let (is_fine, said) = copy(site.path(), &home.address, "meanwhile.sqlite");
    assert!(is_fine && said.contains("they are the same"), "{said}");
    publisher.stop();
    recorder.stop();
    both_answer_the_same(&site, &home, from);
}

fn both_answer_the_same(site: &Site, home: &Home, from: Timestamp) {
    let (is_fine, said) = copy(site.path(), &home.address, "copy.sqlite");
    assert!(is_fine && said.contains("they are the same"), "{said}");
    let (is_fine, said) = copy(site.path(), &home.address, "copy.sqlite");
    assert!(!is_fine && said.contains("--replace"), "{said}");
    let (is_fine, said) = copy(site.path(), "copy.sqlite", &home.server.address("back"));
    assert!(is_fine, "{said}");
    let port = free_port();
    site.replace("powerpi-web", &home.of_web(), "copy.sqlite");
    site.replace("powerpi-web", &format!("127.0.0.1:{}", site.web), &format!("127.0.0.1:{port}"));
    let _of_file = site.start("powerpi-web");
    let day = from.to_zoned_datetime(jiff::tz::TimeZone::get("Europe/Berlin").unwrap()).date();
    let to = from + Duration::from_secs(86_400);
    for path in [
        "/api/v1/meters".to_owned(),
        format!("/api/v1/meters/hq/main/energy?from={from}&to={to}&step=hour"),
        format!("/api/v1/meters/hq/main/energy.csv?from={from}&to={to}&step=minute"),
        "/api/v1/meters/hq/main/corrections".to_owned(),
        format!("/m/hq/main/day/{day}?lang=en"),
        format!("/m/hq/main/month/{}?lang=de", day.strftime("%Y-%m")),
    ] {
        // What the broker says comes a little later.
        wait_until(&format!("both answer the same: {path}"), || {
            http_get(site.web, &path) == http_get(port, &path)
        });
        let (status, said) = http_get(site.web, &path);
        assert_eq!(status, 200, "{path}: {said}");
    }
}

/// What is wrong is said, and no password with it.
#[test]
fn an_address_that_is_wrong_is_named_without_its_password_and_pg_dump_makes_the_backup() {
    let site = Site::new("");
    let recorder = |ledger: &str| {
        std::fs::write(site.path().join("r.toml"), format!("ledger = '{ledger}'\n")).unwrap();
        let output = run_to_end("powerpi-recorder", site.path(), &["--config", "r.toml"]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (ledger, code, words) in [
        ("postgresql://recorder:hush@127.0.0.1:1/powerpi", 1, "make sure that the server runs"),
        ("postgresql://recorder:hush@127.0.0.1:1", 2, "names no database"),
        ("postgresql://recorder:hush@a/powerpi?sslmod=require", 2, "sslmod"),
        ("mysql://recorder:hush@a/powerpi", 2, "but not mysql:"),
        ("postgresql://recorder@127.0.0.1:1/powerpi?passfile=nowhere", 1, "reading nowhere"),
    ] {
        let (given, said) = recorder(ledger);
        assert_eq!((given, said.contains(words), said.contains("hush")), (Some(code), true, false), "{said}");
    }
    let settings = site.path().join("etc/powerpi");
    std::fs::create_dir_all(&settings).unwrap();
    let ledger = "ledger = 'postgresql://recorder:hush@127.0.0.1:1/powerpi'\n";
    // A machine may have pages and no recorder.
    std::fs::write(settings.join("powerpi-web.toml"), ledger).unwrap();
    let backup = |more: &[&str]| {
        let output =
            run_to_end("powerpi", site.path(), &[&["backup", "--root", ".", "--to", "b"], more].concat());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), said)
    };
    for more in [&[][..], &["--without-ledger"]] {
        let (is_fine, said) = backup(more);
        assert!(is_fine && said.contains("pg_dump") && !said.contains("hush"), "{said}");
        std::fs::write(settings.join("powerpi-recorder.toml"), ledger).unwrap();
    }
}
