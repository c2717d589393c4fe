//! Debian's mosquitto as it comes: without persistence, so that it forgets everything whenever
//! it ends.

use std::path::PathBuf;

use crate::{Program, Site};

/// Starts mosquitto on the site's MQTT port.
pub fn spawn(site: &Site) -> Program {
    spawn_with(site, "persistence false\nlog_type error\n")
}

/// The same with more settings: lines of its file.
pub fn spawn_with(site: &Site, more: &str) -> Program {
    let settings = site.path().join("mosquitto.conf");
    let text = format!("listener {} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\n{more}", site.mqtt);
    std::fs::write(&settings, text).unwrap();
    let arguments = ["-c".to_owned(), settings.display().to_string()];
    Program::spawn_file("mosquitto", &file(), site.path(), &arguments, &[])
}

/// Where Debian puts it; a user's PATH often lacks that folder.
fn file() -> PathBuf {
    let file = PathBuf::from("/usr/sbin/mosquitto");
    assert!(file.is_file(), "{} is missing; it is in Debian's mosquitto", file.display());
    file
}
