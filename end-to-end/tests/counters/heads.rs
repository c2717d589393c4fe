//! An electronic meter under a reading head, on a real pseudo-terminal, with the real programs.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use end_to_end::{Site, run_to_end, wait_until};
use serde_json::{Value, json};

use crate::counted::{counted, wait_for_count};
use crate::serial::SerialEnd;
use crate::telegrams::{damaged, export, import, power, telegram};

const SERVER_ID: [u8; 10] = [0x0a, 1, b'P', b'W', b'R', 0, 1, 2, 3, 4];

/// A meter that sends what it shows ten times a second.
struct Meter {
    line: Arc<Mutex<SerialEnd>>,
    /// Taken and fed in, in Wh, and the power in W.
    shows: Arc<Mutex<(i64, i64, i64)>>,
    /// What it calls itself.
    name: Arc<Mutex<[u8; 10]>>,
    ends: Arc<AtomicBool>,
    sending: Option<JoinHandle<()>>,
}

impl Meter {
    fn new(device: &Path, shows: (i64, i64, i64)) -> Self {
        let line = Arc::new(Mutex::new(SerialEnd::new(device)));
        let (shows, ends) = (Arc::new(Mutex::new(shows)), Arc::new(AtomicBool::new(false)));
        let name = Arc::new(Mutex::new(SERVER_ID));
        let sending = thread::spawn({
            let (line, shows, ends, name) = (line.clone(), shows.clone(), ends.clone(), name.clone());
            move || {
                while !ends.load(Ordering::Relaxed) {
                    let telegram = said_by(&*name.lock().unwrap(), *shows.lock().unwrap());
                    line.lock().unwrap().send(&telegram);
                    thread::sleep(Duration::from_millis(100));
                }
            }
        });
        Self { line, shows, name, ends, sending: Some(sending) }
    }

    fn show(&self, shows: (i64, i64, i64)) {
        *self.shows.lock().unwrap() = shows;
    }

    /// It is another one from now on.
    fn be(&self, name: [u8; 10]) {
        *self.name.lock().unwrap() = name;
    }

    /// Sends something between two telegrams.
    fn send(&self, bytes: &[u8]) {
        self.line.lock().unwrap().send(bytes);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.sending.take().unwrap().join();
    }
}

fn said(shows: (i64, i64, i64)) -> Vec<u8> {
    said_by(&SERVER_ID, shows)
}

fn said_by(name: &[u8], (taken, fed_in, watts): (i64, i64, i64)) -> Vec<u8> {
    telegram(name, &[import(taken * 10), export(fed_in * 10), power(watts)])
}

fn settings(device: &Path) -> String {
    let device = device.display();
    format!(
        "[[meter]]\nid = 'import'\nsource = {{ kind = 'sml', device = '{device}' }}\n\
         [[meter]]\nid = 'export'\nsource = {{ kind = 'sml', device = '{device}', obis = '2.8.0' }}\n"
    )
}

#[test]
fn a_meter_under_a_reading_head_is_counted_exactly() {
    let site = Site::new("");
    let device = site.path().join("head");
    site.set_meters(&settings(&device));
    site.prepend("pi-publisher", "wait_for_clock = false\n");
    let meter = Meter::new(&device, (5_000_000, 70_000, 250));
    let publisher = site.start("pi-publisher");
    wait_until("it says what is missing", || publisher.log().contains("is it plugged in?"));

    meter.line.lock().unwrap().plug();
    wait_until("counting begins", || {
        counted(&site, "import").is_some() && counted(&site, "export").is_some()
    });
    meter.show((5_000_010, 70_000, 250));
    wait_for_count(&site, "import", 5_000_010.0, 10);
    meter.show((5_000_010, 70_005, -800));
    wait_for_count(&site, "export", 70_005.0, 5);

    // Whatever comes between good telegrams is none.
    for bad in [
        damaged(&said((5_000_500, 70_500, 0))),
        said((5_000_500, 70_500, 0))[..100].to_vec(),
        said((5_000_500, 70_500, 0))[40..].to_vec(),
        said((0, 0, 0)),
        said((9_000_000, 9_000_000, 0)),
        telegram(&SERVER_ID, &[import(-1), export(i64::MAX)]),
        vec![0x55; 3000],
        vec![0x1b; 1000],
    ] {
        meter.send(&bad);
        thread::sleep(Duration::from_millis(150));
    }
    meter.show((5_000_020, 70_010, 250));
    wait_for_count(&site, "import", 5_000_020.0, 20);
    wait_for_count(&site, "export", 70_010.0, 10);

    // Pulled out, the meter counts on, and so do we once it is back.
    meter.line.lock().unwrap().unplug();
    wait_until("it is missed", || publisher.log().contains("was it unplugged?"));
    meter.show((5_000_040, 70_010, 250));
    meter.line.lock().unwrap().plug();
    wait_for_count(&site, "import", 5_000_040.0, 40);
    publisher.kill();
    meter.show((5_000_050, 70_020, 250));
    let publisher = site.start("pi-publisher");
    wait_for_count(&site, "import", 5_000_050.0, 50);
    wait_for_count(&site, "export", 70_020.0, 20);

    // Another meter under the head: what it shows was not used here, though it is a little more.
    meter.be(*b"OTHER-ONE!");
    meter.show((5_000_060, 70_030, 250));
    wait_until("it is said", || publisher.log().matches("another counter than before").count() == 2);
    meter.show((5_000_065, 70_037, 250));
    wait_for_count(&site, "import", 5_000_065.0, 55);
    wait_for_count(&site, "export", 70_037.0, 27);

    // Nobody else reads along: both would get parts.
    let check = ["--config", "pi-publisher.toml", "check", "--seconds", "2"];
    let report = run_to_end("pi-publisher", site.path(), &check);
    let said = String::from_utf8(report.stdout).unwrap();
    assert!(!report.status.success() && said.contains("Stop that first"), "{said}");
    publisher.stop();
}

#[test]
fn check_and_watch_say_what_the_meter_says() {
    let site = Site::new("");
    let device = site.path().join("head");
    let other = format!(
        "[[meter]]\nid = 'other'\nsource = {{ kind = 'sml', device = '{}', obis = '1.8.2' }}\n",
        device.display()
    );
    site.set_meters(&format!("{}{other}", settings(&device)));
    let meter = Meter::new(&device, (5_000_000, 70_000, -321));
    let report = |seconds| -> Vec<Value> {
        let check = ["--config", "pi-publisher.toml", "check", "--json", "--seconds", seconds];
        let report = run_to_end("pi-publisher", site.path(), &check);
        let lines = String::from_utf8(report.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let missing = report("1");
    assert!(missing[0]["error"].as_str().unwrap().contains("is it plugged in?"), "{missing:?}");

    meter.line.lock().unwrap().plug();
    let seen = report("2");
    assert_eq!(seen[0]["name"], "0a015057520001020304", "{seen:?}");
    assert_eq!((&seen[0]["last"], &seen[0]["power_w"]), (&json!(5000.0), &json!(0)), "{seen:?}");
    assert_eq!((&seen[1]["last"], &seen[1]["power_w"]), (&json!(70.0), &json!(321)), "{seen:?}");
    assert_eq!((&seen[0]["findings"], &seen[1]["findings"]), (&json!([]), &json!([])));
    assert_eq!(seen[2]["findings"][0]["code"], "another_value", "{seen:?}");
    let text = seen[2]["findings"][0]["text"].as_str().unwrap();
    assert!(text.contains("it has 1.8.0, 2.8.0, 16.7.0"), "{text}");

    let arguments = ["--config", "pi-publisher.toml", "watch", "--json"].map(String::from);
    let watch = end_to_end::Program::spawn("pi-publisher", site.path(), &arguments, &[]);
    wait_until("totals are shown", || {
        let log = watch.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.any(|line| line["meter"] == "export" && line["total"] == 70.0 && line["power_w"] == 321)
    });
    watch.stop();
}
