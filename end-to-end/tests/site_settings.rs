//! Settings that are saved while everything runs: pages and alarms take them over without a restart, wrong ones are
//! refused, an earlier version comes back, a backup holds them, and a kill leaves them whole.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;
use std::thread;
use std::time::Duration;

use end_to_end::{Program, Site, http_get, mosquitto_pub, mosquitto_sub, run_to_end, wait_until};
use serde_json::Value;
use site_settings::Store;

const FOLDER: &str = "root/var/lib/powerpi/settings";
const LEDGER: &str = "root/var/lib/powerpi/recorder/ledger.sqlite";

/// What stands in the TOML of the pages: the meter's colour and budget are fixed.
const FIXED: &str = "[[meter]]\nid = \"hq/main\"\ncolour = \"violet\"\n";

/// A server below a root of its own, with pages and alarms that read its store.
struct Server(Site);

impl Server {
    fn new() -> Self {
        let site = Site::new("");
        for folder in [FOLDER, "root/var/lib/powerpi/recorder", "root/etc/powerpi"] {
            fs::create_dir_all(site.path().join(folder)).unwrap();
        }
        for (name, text) in [("passwd", "root:x:0:0::/root:/bin/sh\n"), ("group", "root:x:0:\n")] {
            fs::write(site.path().join("root/etc").join(name), text).unwrap();
        }
        fs::write(site.path().join("root/etc/powerpi/powerpi-web.toml"), FIXED).unwrap();
        let files = format!("ledger = '{LEDGER}'\nsettings_dir = '{FOLDER}'\n");
        for program in ["powerpi-recorder", "powerpi-web"] {
            site.replace(program, "'ledger.sqlite'", &format!("'{LEDGER}'"));
        }
        site.prepend("powerpi-web", &format!("settings_dir = '{FOLDER}'\n"));
        let alarms = format!("{files}state_file = 'alarms.json'\n[mqtt]\nport = {}\n", site.mqtt);
        fs::write(site.path().join("powerpi-alarms.toml"), alarms).unwrap();
        Self(site)
    }

    fn settings(&self, arguments: &[&str]) -> (bool, String) {
        let arguments = [&["settings", "--root", "root"], arguments].concat();
        let Output { status, stdout, stderr } = run_to_end("powerpi", self.0.path(), &arguments);
        (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }

    fn import(&self, text: &str, more: &[&str]) -> (bool, String) {
        fs::write(self.0.path().join("new.toml"), text).unwrap();
        self.settings(&[&["import", "new.toml"], more].concat())
    }

    fn state(&self) -> Value {
        let (_, body) = http_get(self.0.web, "/api/v1/meters/hq/main");
        serde_json::from_str(&body).unwrap_or_default()
    }

    fn store(&self) -> Store {
        Store::new(self.0.path().join(FOLDER))
    }

    fn record_a_minute(&self) {
        let info = r#"{"name":"Haus","pulses_per_kwh":1000,"source":"test","version":"1","outbox":"a","oldest_seq":1}"#;
        mosquitto_pub(self.0.mqtt, "powerpi/hq/main/info", info, &["-r"]);
        let minute = daemon_runtime::now() - jiff::SignedDuration::from_secs(120);
        let count = format!(
            r#"{{"t":"{}:00Z","s":60,"seq":1,"pulses":600,"total":600}}"#,
            minute.strftime("%Y-%m-%dT%H:%M")
        );
        mosquitto_pub(self.0.mqtt, "powerpi/hq/main/minute", &count, &[]);
        wait_until("the meter is there", || self.state()["name"] == "Haus");
    }
}

#[test]
fn pages_and_alarms_take_over_what_is_saved_without_a_restart() {
    let server = Server::new();
    let _broker = server.0.start("powerpi-broker");
    let _recorder = server.0.start("powerpi-recorder");
    let web = server.0.start("powerpi-web");
    let alarms = server.0.start("powerpi-alarms");
    server.record_a_minute();
    let (done, said) = server.settings(&["export"]);
    assert!(!done && said.contains("nothing is saved yet"), "{said}");
    let (_, said) = server.settings(&["export", "--fixed"]);
    assert_eq!(said, FIXED);

    // What is wrong is refused, and what is strange is said.
    let (done, said) = server.import("[[meter]]\nid = 'hq/main'\ncolor = 'red'\n", &[]);
    assert!(!done && said.contains("unknown key \"color\"; did you mean \"colour\"?"), "{said}");
    let first = "# Ours\n[[meter]]\nid = 'hq/main'\nname = 'Werkstatt'\ncolour = 'red'\n\
                 [[alarm]]\nname = 'gone'\nmeter = 'hq/mian'\noffline_for = '5m'\n";
    let (done, said) = server.import(first, &["--dry-run"]);
    assert!(
        done && said.contains("it would be version 1") && server.store().newest().unwrap() == 0,
        "{said}"
    );
    let (done, said) = server.import(first, &["--why", "moved in"]);
    assert!(done && said.contains("Saved as version 1"), "{said}");
    assert!(said.contains("did you mean \"hq/main\"?") && said.contains("hq/main: colour"), "{said}");

    wait_until("the page has the new name", || server.state()["name"] == "Werkstatt");
    let gone = |alarm: &str| {
        let topic = format!("powerpi/hq/alarm/{alarm}/state");
        mosquitto_sub(server.0.mqtt, &topic, 1, 3).pop()
    };
    let page = http_get(server.0.web, "/m/hq/main").1;
    assert!(page.contains("colour-violet") && !page.contains("colour-red"), "the TOML goes first");
    let mistyped = "[[alarm]] meter = \"hq/mian\"";
    wait_until("the alarms compare it", || alarms.log().contains(mistyped));
    let status = http_get(server.0.web, "/status?lang=en").1;
    assert!(status.contains("hq/mian") && status.contains("hq/main"), "{status}");

    let second = "[[alarm]]\nname = 'gone'\nmeter = 'hq/main'\noffline_for = '5m'\n";
    let (done, said) = server.import(second, &["--after", "0"]);
    assert!(!done && said.contains("version 1 was saved meanwhile"), "{said}");
    assert!(server.import(second, &["--after", "1"]).0);
    wait_until("the name is the publisher's again", || server.state()["name"] == "Haus");
    wait_until("the alarm is told", || gone("gone").is_some());

    // The first one comes back as the third, as it was written.
    let (done, said) = server.settings(&["undo"]);
    assert!(done && said.contains("version 3"), "{said}");
    wait_until("it holds", || server.state()["name"] == "Werkstatt");
    assert_eq!(server.settings(&["export"]).1, first);
    let (_, history) = server.settings(&["history", "--json"]);
    let versions: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |key: &str| versions.iter().map(|version| version[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("version"), [3, 2, 1]);
    assert_eq!(of("why"), [Value::from("as version 1"), Value::Null, Value::from("moved in")]);
    assert!(server.settings(&["check"]).0);

    // Somebody spoils a file: what held goes on.
    fs::write(server.0.path().join(FOLDER).join("4.toml"), "nonsense").unwrap();
    wait_until("the log names it", || web.log().contains("version 4 of the site's settings is left out"));
    assert_eq!(server.state()["name"], "Werkstatt");
    alarms.stop();
    web.stop();
}

#[test]
fn a_kill_while_it_is_saved_leaves_every_version_whole() {
    let server = Server::new();
    let text = format!("# {}\n[[meter]]\nid = 'hq/oven'\n", "x".repeat(200_000));
    fs::write(server.0.path().join("new.toml"), &text).unwrap();
    let arguments = ["settings", "--root", "root", "import", "new.toml"].map(String::from);
    for round in 0..25 {
        let import = Program::spawn("powerpi", server.0.path(), &arguments, &[]);
        thread::sleep(Duration::from_millis(round * 2));
        import.kill();
        let numbers = server.store().numbers().unwrap();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        for number in numbers {
            assert_eq!(server.store().version(number).unwrap().text, text);
        }
    }
    let before = server.store().newest().unwrap();
    let (done, said) = server.import(&text, &[]);
    assert!(done && said.contains(&format!("version {}", before + 1)), "{said}");
    let names = fs::read_dir(server.0.path().join(FOLDER)).unwrap();
    assert_eq!(names.count() as u64, before + 1, "nothing unfinished is left");
}

#[test]
fn a_backup_holds_the_versions_and_puts_them_back() {
    let server = Server::new();
    let broker = server.0.start("powerpi-broker");
    let recorder = server.0.start("powerpi-recorder");
    wait_until("there is a ledger", || server.0.path().join(LEDGER).exists());
    let texts = ["currency = 'CHF'\n", "holidays = ['12-25']\n", "currency = 'EUR'\n"];
    assert!(texts[..2].iter().all(|text| server.import(text, &[]).0));
    let powerpi = |arguments: &[&str]| {
        let Output { status, stdout, stderr } = run_to_end("powerpi", server.0.path(), arguments);
        let said = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert!(status.success(), "{said}");
        said
    };
    let said = powerpi(&["backup", "--root", "root", "--to", "backups"]);
    let file = said.split_once(": ").unwrap().0.to_owned();
    assert!(server.import(texts[2], &[]).0);
    recorder.stop();
    broker.stop();
    powerpi(&["restore", &file, "--root", "root"]);
    let folder: PathBuf = server.0.path().join(FOLDER);
    assert_eq!(server.store().numbers().unwrap(), [1, 2]);
    assert_eq!(server.store().version(2).unwrap().text, texts[1]);
    assert!(folder.join("3.toml.before-restore").exists(), "it is kept beside");
    assert_eq!(fs::metadata(folder.join("2.toml")).unwrap().permissions().mode() & 0o777, 0o640);
    powerpi(&["restore", &file, "--root", "empty"]);
    assert_eq!(Store::new(server.0.path().join("empty/var/lib/powerpi/settings")).newest().unwrap(), 2);
}
