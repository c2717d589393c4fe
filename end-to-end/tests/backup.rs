//! Backups are taken while minutes come in, found sound or not, and restored on an empty server and on the same one.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use end_to_end::{Program, Site, run_to_end, wait_until};
use jiff::{Timestamp, ToSpan};
use meter_ledger::Ledger;
use meter_messages::Minute;
use rustix::process::Signal;

const LEDGER: &str = "var/lib/powerpi/recorder/ledger.sqlite";

/// A server with a broker, a recorder and a publisher below a root of its own.
struct Server {
    site: Site,
    root: PathBuf,
}

impl Server {
    fn new(meter: &str) -> Self {
        let site = Site::new(meter);
        let root = site.path().join("root");
        for (path, text) in [
            ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
            ("etc/group", "root:x:0:\n"),
            ("etc/powerpi/powerpi-broker.toml", "[tls]\ncertificate = \"/etc/ssl/powerpi/broker.crt\"\n"),
            ("etc/powerpi/users.toml", "[user.hq]\nrole = \"publisher\"\n"),
            ("etc/ssl/powerpi/broker.crt", "-----BEGIN CERTIFICATE-----\n"),
            ("etc/ssl/private/other.key", "of somebody else\n"),
            ("var/lib/powerpi/alarms/alarms.json", "{}\n"),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let secret = root.join("etc/powerpi/users.toml");
        fs::set_permissions(secret, fs::Permissions::from_mode(0o640)).unwrap();
        fs::create_dir_all(root.join(LEDGER).parent().unwrap()).unwrap();
        site.replace("powerpi-recorder", "'ledger.sqlite'", &format!("'root/{LEDGER}'"));
        site.replace("powerpi-web", "'ledger.sqlite'", &format!("'root/{LEDGER}'"));
        Self { site, root }
    }

    fn powerpi(&self, arguments: &[&str]) -> (bool, String) {
        let Output { status, stdout, stderr } = run_to_end("powerpi", self.site.path(), arguments);
        (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }

    fn backup(&self, keep: &str) -> (bool, String) {
        self.powerpi(&["backup", "--root", "root", "--to", "backups", "--keep", keep])
    }

    fn backups(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.site.path().join("backups")).unwrap();
        let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.extension().is_some_and(|ending| ending == "gz"));
        found.sort();
        found
    }
}

fn recorded(root: &Path) -> Vec<(Minute, u32)> {
    let Ok(ledger) = Ledger::open_read_only(&root.join(LEDGER)) else { return Vec::new() };
    let Some(meter) = ledger.meters().unwrap().pop() else { return Vec::new() };
    let all = Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX);
    ledger.minutes(&meter, all).unwrap().iter().map(|minute| (minute.minute, minute.pulses)).collect()
}

fn backed_up(said: &str) -> String {
    said.split_once(": ").unwrap().0.to_owned()
}

#[test]
fn what_is_backed_up_while_it_runs_comes_back() {
    let from = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60).unwrap() - 200.hours();
    let meter = format!(
        "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\nspeed = 60000\n\
         from = '{from}'\nuntil = '{}'\n",
        from + 199.hours()
    );
    let server = Server::new(&meter);
    let _broker = server.site.start("powerpi-broker");
    let recorder = server.site.start("powerpi-recorder");
    let (done, said) = server.powerpi(&["backup", "--root", "nowhere", "--to", "backups"]);
    assert!(!done && said.contains("nowhere"), "{said}");
    let publisher = server.site.start("pi-publisher");
    wait_until("minutes come in", || recorded(&server.root).len() > 500);
    // One that is killed leaves nothing that the next one minds.
    let arguments = ["backup", "--root", "root", "--to", "backups"].map(String::from);
    let killed = Program::spawn("powerpi", server.site.path(), &arguments, &[]);
    wait_until("it has begun", || server.site.path().join("backups/.lock").exists());
    killed.kill();
    let before = server.backups().len();
    let (done, said) = server.backup("14");
    assert!(done, "{said}");
    assert_eq!(server.backups().len(), before + 1);
    let file = backed_up(&said);
    assert_eq!(fs::metadata(server.site.path().join(&file)).unwrap().permissions().mode() & 0o777, 0o600);
    let (sound, said) = server.powerpi(&["verify", &file]);
    assert!(
        sound && said.contains("All files agree") && said.contains("etc/ssl/powerpi/broker.crt"),
        "{said}"
    );
    assert!(!said.contains("other.key"), "{said}");

    // On an empty server, what was recorded then is there.
    let (done, said) = server.powerpi(&["restore", &file, "--root", "empty"]);
    assert!(done, "{said}");
    let empty = server.site.path().join("empty");
    let restored = recorded(&empty);
    wait_until("all minutes are recorded", || recorded(&server.root).len() == 199 * 60);
    assert!(restored.len() >= 500 && recorded(&server.root).starts_with(&restored), "{}", restored.len());
    let users = empty.join("etc/powerpi/users.toml");
    assert_eq!(fs::metadata(&users).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read(users).unwrap(), fs::read(server.root.join("etc/powerpi/users.toml")).unwrap());

    // On the same one nothing is replaced that is in use, and publishers send the rest again.
    let (done, said) = server.powerpi(&["restore", &file, "--root", "root"]);
    assert!(!done && said.contains("is in use; nothing was changed"), "{said}");
    let whole = recorded(&server.root);
    recorder.stop();
    // One that is killed at any moment can be said again.
    let arguments = ["restore", &file, "--root", "root"].map(String::from);
    for wait in 0..12 {
        let killed = Program::spawn("powerpi", server.site.path(), &arguments, &[]);
        std::thread::sleep(std::time::Duration::from_millis(4 * wait));
        killed.kill();
        let now = recorded(&server.root);
        assert!(now.is_empty() || now == whole || now == restored, "after {} ms: {}", 4 * wait, now.len());
    }
    let (done, said) = server.powerpi(&["restore", &file, "--root", "root"]);
    assert!(done && said.contains(LEDGER), "{said}");
    assert_eq!(recorded(&server.root), restored);
    assert!(server.root.join(format!("{LEDGER}.before-restore")).exists());
    assert!(!server.root.join("etc/powerpi/users.toml.before-restore").exists(), "it was the same");
    let _recorder = server.site.start("powerpi-recorder");
    wait_until("the rest has come again", || recorded(&server.root) == whole);
    publisher.stop();
}

#[test]
fn a_damaged_backup_is_refused_and_old_ones_are_deleted() {
    let server = Server::new("");
    let recorder = server.site.start("powerpi-recorder");
    wait_until("there is a ledger", || server.root.join(LEDGER).exists());
    let mut recorder = recorder;
    recorder.signal(Signal::TERM);
    let _ended = recorder.wait(std::time::Duration::from_secs(60));
    let mut files = Vec::new();
    for taken in ["20200101T000000Z", "20200102T000000Z"] {
        let old = server.site.path().join(format!("backups/powerpi-{taken}.tar.gz"));
        fs::create_dir_all(old.parent().unwrap()).unwrap();
        fs::write(&old, "old").unwrap();
        files.push(old);
    }
    fs::write(server.site.path().join("backups/holiday.tar.gz"), "mine").unwrap();
    let (done, said) = server.backup("2");
    assert!(done, "{said}");
    assert!(!files[0].exists() && files[1].exists(), "{:?}", server.backups());
    assert!(server.site.path().join("backups/holiday.tar.gz").exists(), "it is nobody's backup");

    let file = server.site.path().join(backed_up(&said));
    let sound = fs::read(&file).unwrap();
    let before = fs::read(server.root.join("etc/powerpi/users.toml")).unwrap();
    fs::write(server.root.join("etc/powerpi/users.toml"), "changed since").unwrap();
    let cut = sound[..sound.len() / 2].to_vec();
    let mut turned = sound;
    // Not one byte alone: one that only says from where zeros are copied may turn without any harm.
    let middle = turned.len() / 2;
    turned[middle..middle + 32].iter_mut().for_each(|byte| *byte ^= 0x55);
    for damaged in [cut, turned, b"no backup at all".to_vec(), Vec::new()] {
        let path = server.site.path().join("damaged.tar.gz");
        fs::write(&path, damaged).unwrap();
        for arguments in
            [vec!["verify", "damaged.tar.gz"], vec!["restore", "damaged.tar.gz", "--root", "root"]]
        {
            let (done, said) = server.powerpi(&arguments);
            assert!(!done && said.contains("is no sound backup"), "{said}");
        }
        assert_eq!(fs::read(server.root.join("etc/powerpi/users.toml")).unwrap(), b"changed since");
    }
    let (done, said) = server.powerpi(&["restore", file.to_str().unwrap(), "--root", "root"]);
    assert!(done, "{said}");
    assert_eq!(fs::read(server.root.join("etc/powerpi/users.toml")).unwrap(), before);
    let replaced = server.root.join("etc/powerpi/users.toml.before-restore");
    assert_eq!(fs::read(replaced).unwrap(), b"changed since");
}

#[test]
fn the_doctor_says_what_is_wrong_and_bundles_it_without_passwords() {
    let from = daemon_runtime::now() - 10.minutes();
    let server = Server::new(&format!(
        "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\nsource = {{ kind = 'simulated', from = '{from:.0}' }}\n"
    ));
    let doctor = |more: &[&str]| server.powerpi(&[&["doctor", "--root", "root"], more].concat());
    let web = format!(
        "listen = \"127.0.0.1:{}\"\n[mqtt]\nport = {}\n[webhook]\nurl = \"https://x.example/token\"\n",
        server.site.web, server.site.mqtt
    );
    fs::write(server.root.join("etc/powerpi/powerpi-web.toml"), web).unwrap();
    let (fine, said) = doctor(&[]);
    assert!(!fine, "{said}");
    for wrong in ["the broker on 127.0.0.1", "the pages do not answer", "ledger.sqlite"] {
        assert!(
            said.lines().any(|line| line.starts_with("WRONG") && line.contains(wrong)),
            "{wrong}: {said}"
        );
    }
    assert!(said.contains("; what to do stands behind each"), "{said}");

    let _programs =
        ["powerpi-broker", "powerpi-recorder", "pi-publisher"].map(|name| server.site.start(name));
    let _pages = server.site.start("powerpi-web");
    wait_until("a meter is known", || !recorded(&server.root).is_empty());
    let (_, said) = doctor(&["--thorough"]);
    for good in
        ["the broker on 127.0.0.1", "the pages answer", "hq/main: recorded up to now", "the ledger is sound"]
    {
        assert!(said.lines().any(|line| line.starts_with("good") && line.contains(good)), "{good}: {said}");
    }
    let key = server.root.join("etc/powerpi/broker.key");
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (fine, said) = doctor(&["--json", "--bundle", "bundle.tar.gz"]);
    assert!(!fine, "{said}");
    let found: Vec<serde_json::Value> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(found.iter().any(|it| it["code"] == "secret" && it["level"] == "wrong"), "{said}");
    let bundle = server.site.path().join("bundle.tar.gz");
    assert_eq!(fs::metadata(&bundle).unwrap().permissions().mode() & 0o777, 0o600);
    let listed = std::process::Command::new("tar").args(["-xzOf"]).arg(&bundle).output().unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains("the pages answer") && text.contains("(not shown)"), "{text}");
    assert!(!text.contains("x.example"), "{text}");
}
