//! Brings librrd to the site's time zone.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::settings::Settings;

/// Starts this program anew, in the same process, if the settings ask for
/// another time zone than the environment.
///
/// librrd labels its time axis by the environment variable `TZ`, and a process
/// cannot safely change its own environment. Call this first in `main`; wrong
/// settings are passed over, because whoever reads them next says so.
pub fn adopt_time_zone(config: Option<&Path>) {
    let Ok(settings) = daemon_runtime::load::<Settings>("powerpi-web", config) else { return };
    let zone = settings.time_zone.and_then(|zone| zone.0.iana_name().map(str::to_owned));
    let Some(zone) = zone.filter(|zone| std::env::var("TZ").ok().as_ref() != Some(zone)) else { return };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    // exec returns only if it failed: then the axis keeps the system's zone.
    let _ = Command::new("/proc/self/exe").arg0(name).args(arguments).env("TZ", zone).exec();
}
