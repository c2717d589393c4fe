//! Two alarms programs beside one ledger in PostgreSQL: each notice is sent once, whichever is killed or stopped, and goes on.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use end_to_end::hooks::{Told, hooks};
use end_to_end::{Program, Site, mosquitto_pub, mosquitto_sub, wait_until};
use rustix::process::Signal;
use serde_json::Value;

use crate::home::Home;

struct World {
    site: Site,
    home: Home,
    hook: u16,
    told: Told,
    pulses: Mutex<u64>,
}

impl World {
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.site.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn start_alarms(&self, name: &str) -> Program {
        let folder = self.folder(name);
        let settings = format!(
            "ledger = '{}'\nstate_file = 'alarms.json'\n[mqtt]\nport = {}\n\
             [webhook]\nurl = 'http://127.0.0.1:{}/hook'\n\
             [[alarm]]\nname = 'oven'\nmeter = 'hq/main'\nabove_w = 5000\nfor = '2s'\n",
            self.home.of_alarms(),
            self.site.mqtt,
            self.hook
        );
        fs::write(folder.join("powerpi-alarms.toml"), settings).unwrap();
        Program::start("powerpi-alarms", &folder)
    }

    /// The number of the watch, and what is kept of alarms.
    fn watch(&self) -> (u64, Value) {
        let row = self.home.rows("SELECT watcher, record FROM alarm_watch").remove(0);
        (row[0].parse().unwrap(), serde_json::from_str(&row[1]).unwrap_or_default())
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// The publisher says a power, as often as it takes.
    fn say_until(&self, power_w: u32, what: &str, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        wait_until(what, || {
            let mut total = self.pulses.lock().unwrap();
            *total += 1;
            let live = format!(r#"{{"t":"{}","w":{power_w},"total":{total}}}"#, daemon_runtime::now());
            mosquitto_pub(self.site.mqtt, "powerpi/hq/main/live", &live, &[]);
            std::thread::sleep(Duration::from_millis(200));
            holds()
        });
        println!("{what}: {:.1} s", began.elapsed().as_secs_f64());
    }

    /// Waits until this was told, and until it is kept that it was.
    fn wait_until_told(&self, power_w: u32, expected: &[&str]) {
        let is_kept = || self.watch().1["unsent"]["webhook"].as_array().is_none_or(Vec::is_empty);
        self.say_until(power_w, &format!("told: {expected:?}"), || {
            self.told().len() >= expected.len() && is_kept()
        });
        assert_eq!(self.told(), expected);
    }

    fn retained(&self) -> Value {
        let said = mosquitto_sub(self.site.mqtt, "powerpi/hq/alarm/oven/state", 1, 5).pop();
        said.map_or(Value::Null, |(_, payload)| serde_json::from_str(&payload).unwrap())
    }
}

#[test]
fn each_notice_is_sent_once_whichever_alarms_program_is_killed_or_stopped() {
    let (hook, told) = hooks();
    let world = World { site: Site::new(""), home: Home::start(), hook, told, pulses: Mutex::default() };
    world.home.give_to(&world.site);
    let _broker = world.site.start("powerpi-broker");
    let _recorder = world.site.start("powerpi-recorder");
    mosquitto_pub(world.site.mqtt, "powerpi/hq/status", "online", &["-r"]);
    let a = world.start_alarms("a");
    wait_until("what it may not do is said", || a.log().contains("needs UPDATE on alarm_watch"));
    world.home.give_rights();
    wait_until("one watches", || world.watch().0 == 1);
    let b = world.start_alarms("b");
    wait_until("the other one stands by", || b.log().contains("this one stands by"));

    // In the midst of an alarm the one that watches is killed.
    world.wait_until_told(7000, &["raised"]);
    a.kill();
    world.say_until(7000, "the other one watches", || world.watch().0 == 2);
    world.say_until(7000, "its topic says so still", || world.retained()["state"] == "raised");
    world.wait_until_told(100, &["raised", "over"]);

    // One that is stopped sends nothing twice when it goes on, and says nothing that is over.
    let a = world.start_alarms("a");
    b.signal(Signal::STOP);
    world.say_until(7000, "the first one watches again", || world.watch().0 == 3);
    world.wait_until_told(7000, &["raised", "over", "raised"]);
    b.signal(Signal::CONT);
    wait_until("the stopped one stands by", || b.log().contains("has taken this one for gone"));
    world.wait_until_told(100, &["raised", "over", "raised", "over"]);
    assert_eq!(world.retained()["state"], "over");

    // One that ends properly leaves the watch at once.
    a.stop();
    world.say_until(7000, "the watch is taken after a proper end", || world.watch().0 == 4);
    world.wait_until_told(7000, &["raised", "over", "raised", "over", "raised"]);
    wait_until("the topic says so", || world.retained()["state"] == "raised");
}
