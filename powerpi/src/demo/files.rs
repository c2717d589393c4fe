//! The settings of the demo's programs, and where their data is.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::house::toml_text;

/// A program and its settings.
pub(super) type Settings = (&'static str, PathBuf);

/// The demo's folder, and who can be reached where.
#[derive(Debug, Clone)]
pub(super) struct DemoFiles {
    /// An absolute path.
    pub(super) dir: PathBuf,
    pub(super) web: SocketAddr,
    pub(super) mqtt: SocketAddr,
}

impl DemoFiles {
    pub(super) fn ledger(&self) -> PathBuf {
        self.dir.join("ledger.sqlite")
    }

    /// Writes the server's settings, in the order in which its programs start; alarms are watched where there are any.
    pub(super) fn server(&self, tariffs: &str, [zone, alarms]: [&str; 2]) -> anyhow::Result<Vec<Settings>> {
        let text = |name: &str| path_text(&self.dir.join(name));
        let (ledger, rrd_dir, mqtt) = (path_text(&self.ledger()), text("rrd"), self.broker());
        let broker = format!(
            "[mqtt]\nlisten = \"{}\"\n[access]\nanonymous = \"everywhere\"\n[store]\npath = {}\n",
            self.mqtt,
            text("broker.sqlite")
        );
        let recorder = format!("ledger = {ledger}\nrrd_dir = {rrd_dir}\n{mqtt}");
        let settings_dir = text("settings");
        self.folder("settings")?;
        // Tariffs begin with what stands above all tables.
        let web = format!(
            "listen = \"{}\"\nledger = {ledger}\nrrd_dir = {rrd_dir}\nsettings_dir = {settings_dir}\n{tariffs}{mqtt}",
            self.web
        );
        let mut programs = vec![
            ("powerpi-broker", self.write("powerpi-broker", &broker)?),
            ("powerpi-recorder", self.write("powerpi-recorder", &recorder)?),
            ("powerpi-web", self.write("powerpi-web", &web)?),
        ];
        if !alarms.is_empty() {
            let alarms = format!(
                "ledger = {ledger}\nstate_file = {}\nsettings_dir = {settings_dir}\npages = \"http://{}\"\n{zone}{mqtt}{alarms}",
                text("alarms.json"),
                self.web
            );
            programs.push(("powerpi-alarms", self.write("powerpi-alarms", &alarms)?));
        }
        Ok(programs)
    }

    /// Writes a publisher's settings; its state lies in a folder of the demo's, or in that itself.
    pub(super) fn publisher(&self, file: &str, folder: &str, meters: &str) -> anyhow::Result<Settings> {
        let state = self.folder(folder)?;
        let (run, state, mqtt) = (path_text(&state.join("run")), path_text(&state), self.broker());
        let settings = format!("state_dir = {state}\nruntime_dir = {run}\n{meters}{mqtt}");
        Ok(("pi-publisher", self.write(file, &settings)?))
    }

    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.dir.join(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("creating the folder {}", folder.display()))?;
        Ok(folder)
    }

    fn broker(&self) -> String {
        format!("[mqtt]\nhost = {}\nport = {}\n", toml_text(&self.mqtt.ip().to_string()), self.mqtt.port())
    }

    fn write(&self, name: &str, settings: &str) -> anyhow::Result<PathBuf> {
        let path = self.dir.join(format!("{name}.toml"));
        std::fs::write(&path, settings).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

fn path_text(path: &Path) -> String {
    toml_text(&path.display().to_string())
}
