//! An oven that is on from before the storm until after it, and what is told of it.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::hooks::{Told, hooks};

/// What powerpi-alarms watches for.
pub(super) const ALARM: &str =
    "[[alarm]]\nname = 'oven'\nmeter = 'kitchen/oven'\nabove_w = 5000\nfor = '2s'\n";

/// Says the oven's power once a second, at one node after the other: some of them are away.
#[derive(Debug)]
pub(super) struct Oven {
    hook: u16,
    told: Told,
    is_off: Arc<AtomicBool>,
    saying: Option<JoinHandle<()>>,
}

impl Oven {
    /// It is switched on later.
    pub(super) fn new() -> Self {
        let (hook, told) = hooks();
        Self { hook, told, is_off: Arc::default(), saying: None }
    }

    /// Settings that post what is told.
    pub(super) fn webhook(&self) -> String {
        format!("[webhook]\nurl = 'http://127.0.0.1:{}/hook'\n", self.hook)
    }

    /// Switches it on.
    pub(super) fn switch_on(&mut self, nodes: Vec<u16>) {
        let is_off = self.is_off.clone();
        self.saying = Some(std::thread::spawn(move || {
            for (total, port) in nodes.iter().cycle().enumerate() {
                if is_off.load(Ordering::Relaxed) {
                    return;
                }
                let live = format!(r#"{{"t":"{}","w":7000,"total":{total}}}"#, daemon_runtime::now());
                let _is_away = Command::new("timeout")
                    .args(["2", "mosquitto_pub", "-h", "127.0.0.1", "-t", "powerpi/kitchen/oven/live"])
                    .args(["-p", &port.to_string(), "-m", &live, "-q", "1"])
                    .output();
                std::thread::sleep(Duration::from_secs(1));
            }
        }));
    }

    /// Whether anything was told.
    pub(super) fn is_told(&self) -> bool {
        !self.told.lock().unwrap().is_empty()
    }

    /// Nobody says anything any more; what was told.
    pub(super) fn end(&mut self) -> Vec<String> {
        self.is_off.store(true, Ordering::Relaxed);
        self.saying.take().into_iter().for_each(|saying| saying.join().unwrap());
        self.told.lock().unwrap().clone()
    }
}
