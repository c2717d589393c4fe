//! A real broker: Debian's.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

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
        let deadline = Instant::now() + Duration::from_secs(10);
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
        let payload = format!("{{\"t\":\"{}\",\"w\":{watts},\"total\":{total}}}", Timestamp::now());
        self.publish("powerpi/hq/main/live", &payload, false);
    }

    /// A value that is there for whoever subscribes later.
    pub(crate) fn state(&self, watts: u32) {
        let now = Timestamp::now();
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

/// A port that nobody uses now.
pub(crate) fn free_port() -> u16 {
    // Below the range from which the kernel takes ports for connections, and no two
    // of one process alike: what is free now has to be free a moment later.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 1000) as u16 * 11;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
