//! Two pages beside one ledger in PostgreSQL: what somebody types in on one of them is on the other, and each makes the
//! pictures' files itself.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use end_to_end::{Program, Site, free_port, mosquitto_pub, rrd_minutes, run_to_end, wait_until};
use postgres_for_tests::execute;

use crate::home::Home;

const INFO: &str =
    r#"{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;

/// The pages of one machine.
struct Web {
    folder: PathBuf,
    port: u16,
    program: Program,
}

impl Web {
    fn start(site: &Site, home: &Home, name: &str, saved: Option<&str>) -> Self {
        let (folder, port) = (site.path().join(name), free_port());
        ["settings", "state"].iter().for_each(|of_web| fs::create_dir_all(folder.join(of_web)).unwrap());
        if let Some(saved) = saved {
            let version = format!("saved = {{ at = \"2026-01-01T00:00:00Z\", by = \"anna\" }}\n{saved}");
            fs::write(folder.join("settings/1.toml"), version).unwrap();
        }
        let settings = format!(
            "listen = '127.0.0.1:{port}'\nledger = '{}'\nrrd_dir = 'nowhere'\nstate_dir = 'state'\n\
             settings_dir = 'settings'\ntime_zone = 'Europe/Berlin'\naccess.users = '../web-users.toml'\n\
             [mqtt]\nport = {}\n",
            home.of_web(),
            site.mqtt
        );
        fs::write(folder.join("powerpi-web.toml"), settings).unwrap();
        let program = Program::start("powerpi-web", &folder);
        Self { folder, port, program }
    }

    /// The answer to otto, of a page or of a form.
    fn ask(&self, path: &str, form: Option<&str>) -> String {
        let mut curl = Command::new("curl");
        curl.args(["-si", "--max-time", "30", "-u", "otto:of otto", "-H", "Origin: http://localhost"]);
        form.map(|form| curl.args(["-d", form]));
        let address = format!("http://127.0.0.1:{}{path}", self.port);
        let output = curl.args(["-H", "Host: localhost", &address]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn file(&self) -> PathBuf {
        self.folder.join("state/rrd/hq/main.rrd")
    }

    /// Has a picture drawn that nobody has asked for yet, and fails unless its file says what is recorded.
    fn draws_what_is_recorded(&self, home: &Home, picture: &str) {
        let drawn = self.ask(&format!("/m/hq/main/day/2026-03-01.{picture}"), None);
        assert!(drawn.starts_with("HTTP/1.1 200"), "{drawn}\n{}", self.program.log());
        let (from, to) = ("2026-03-01T12:00:00Z".parse().unwrap(), "2026-03-01T13:00:00Z".parse().unwrap());
        assert_eq!(rrd_minutes(&self.file(), from, to), home.recorded("hq/main"));
    }
}

fn count(site: &Site, home: &Home, number: u64) {
    let count = format!(
        r#"{{"t":"2026-03-01T12:{:02}:00Z","s":60,"seq":{number},"pulses":3,"total":{}}}"#,
        number - 1,
        3 * number
    );
    // Until the site is leased it is passed over, and a publisher would send it again.
    wait_until("the minute is recorded", || {
        mosquitto_pub(site.mqtt, "powerpi/hq/main/minute", &count, &[]);
        std::thread::sleep(std::time::Duration::from_millis(100));
        home.recorded("hq/main").len() as u64 == number
    });
}

/// Types something in on one of them, and waits until the other one says it.
fn is_seen(here: &Web, there: &Web, what: &str, (path, form): (&str, &str), (page, says): (&str, &str)) {
    assert!(!there.ask(page, None).contains(says), "{what}: it is there already");
    let answer = here.ask(path, Some(form));
    assert!(answer.starts_with("HTTP/1.1 303"), "{what}: {answer}\n{}", here.program.log());
    let began = Instant::now();
    wait_until(what, || there.ask(page, None).contains(says));
    println!("{what}: seen on the other one after {:.2} s", began.elapsed().as_secs_f64());
}

#[test]
fn what_is_typed_in_on_one_is_seen_on_the_other_and_each_draws_pictures() {
    let (site, home) = (Site::new(""), Home::start());
    home.give_to(&site);
    fs::write(site.path().join("otto.password"), "of otto\n").unwrap();
    let otto =
        ["passwd", "--file", "web-users.toml", "--role", "admin", "--password-file", "otto.password", "otto"];
    assert!(run_to_end("powerpi", site.path(), &otto).status.success());
    let _daemons = ["powerpi-broker", "powerpi-recorder"].map(|name| site.start(name));
    mosquitto_pub(site.mqtt, "powerpi/hq/main/info", INFO, &["-r"]);
    (1..=10).for_each(|number| count(&site, &home, number));
    home.give_rights();

    // What was saved before there was a database goes there.
    let one = Web::start(&site, &home, "one", Some("[[meter]]\nid = 'hq/main'\nname = 'Before'\n"));
    let two = Web::start(&site, &home, "two", Some("[[meter]]\nid = 'hq/main'\nname = 'Late'\n"));
    for web in [&one, &two] {
        assert!(web.ask("/api/v1/meters", None).contains("\"Before\""), "{}", web.program.log());
        web.draws_what_is_recorded(&home, "svg");
    }
    count(&site, &home, 11);
    two.draws_what_is_recorded(&home, "svg?theme=dark");
    // One that is lost is made anew.
    fs::remove_file(two.file()).unwrap();
    two.draws_what_is_recorded(&home, "png");

    let meter = ("/settings/meter/hq/main?lang=en", "after=1&do=save&name=Castle");
    is_seen(&one, &two, "a setting", meter, ("/api/v1/meters", "\"Castle\""));
    let stale = two.ask(meter.0, Some("after=1&do=save&name=Hut"));
    assert!(stale.starts_with("HTTP/1.1 409") && stale.contains("otto"), "{stale}");
    let reading = ("/m/hq/main/readings", "time=2026-03-01T13:05&shown=4711");
    is_seen(&two, &one, "a reading", reading, ("/m/hq/main/readings?lang=en", "4,711"));
    let correction = (
        "/m/hq/main/corrections?lang=en",
        "from=2026-03-01T13:04&to=2026-03-01T13:06&kind=void&reason=bounces",
    );
    is_seen(&one, &two, "a correction", correction, ("/api/v1/meters/hq/main/corrections", "bounces"));
    wait_until("the recorder's file says so, too", || home.recorded("hq/main").len() == 9);
    two.draws_what_is_recorded(&home, "png?theme=dark");

    // Who may not write is told what is needed, and what was saved goes on.
    execute(&home.address, "REVOKE INSERT ON settings_version FROM web");
    let refused = one.ask(meter.0, Some("after=2&do=save&name=Hut"));
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(one.program.log().contains("needs rights on settings_version"), "{}", one.program.log());
    assert!(two.ask("/api/v1/meters", None).contains("\"Castle\""));
}
