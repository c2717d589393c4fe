//! A real broker: Debian's.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Debian's mosquitto.
pub(crate) struct Broker {
    pub(crate) port: u16,
    process: Child,
}

impl Broker {
    pub(crate) fn on(port: u16) -> Self {
        let process = Command::new("mosquitto")
            .args(["-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "mosquitto does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, process }
    }

    pub(crate) fn publish(&self, topic: &str, payload: &str, retain: bool) {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-p", &self.port.to_string(), "-t", topic, "-m", payload]);
        if retain {
            command.arg("-r");
        }
        assert!(command.status().unwrap().success());
    }

    pub(crate) fn live(&self, watts: u32, total: u64) {
        let payload = format!("{{\"t\":\"{}\",\"w\":{watts},\"total\":{total}}}", daemon_runtime::now());
        self.publish("powerpi/hq/main/live", &payload, false);
    }

    /// A value that is there for whoever subscribes later.
    pub(crate) fn state(&self, watts: u32) {
        let now = daemon_runtime::now();
        let payload = format!("{{\"t\":\"{now}\",\"power_w\":{watts},\"energy_kwh\":0.005,\"total\":5}}");
        self.publish("powerpi/hq/main/state", &payload, true);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
