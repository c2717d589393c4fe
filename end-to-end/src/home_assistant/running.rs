//! Home Assistant as a program.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use super::client::Client;
use crate::{Program, free_port, http_get, run_to_end, wait_for};

/// It imports a few hundred modules.
const STARTED_WITHIN: Duration = Duration::from_secs(300);

/// A running Home Assistant; killed when it is dropped.
#[derive(Debug)]
pub struct HomeAssistant {
    program: Program,
    /// Who talks to it.
    pub client: Client,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

impl HomeAssistant {
    /// The version that is there, if there is one.
    pub fn version() -> Option<String> {
        let version = std::fs::read_to_string(folder().join(".cache/home-assistant/version")).ok()?;
        Some(version.trim().to_owned())
    }

    /// Starts it in a folder of its own, for the first time, and makes its first user.
    pub fn begin(folder: &Path, clock: Option<&str>) -> Self {
        let port = free_port();
        let settings = format!(
            "homeassistant:\n  name: Home\n  time_zone: Europe/Berlin\nhttp:\n  server_host: 127.0.0.1\n  server_port: {port}\n\
             api:\nconfig:\nhistory:\nenergy:\nrecorder:\n  commit_interval: 1\nlogger:\n  default: warning\n"
        );
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("configuration.yaml"), settings).unwrap();
        let mut started = Self::start(folder, port, String::new(), clock);
        started.client = Client::first_user(port);
        started
    }

    /// Starts it once more, with all that it knew.
    pub fn again(folder: &Path, client: &Client, clock: Option<&str>) -> Self {
        Self::start(folder, client.port, client.token.clone(), clock)
    }

    fn start(config: &Path, port: u16, token: String, clock: Option<&str>) -> Self {
        let run = self::folder().join("end-to-end/home-assistant/run.sh");
        let arguments: Vec<String> =
            [Some(config.display().to_string()), clock.map(str::to_owned)].into_iter().flatten().collect();
        let mut program = Program::spawn_file("home-assistant", &run, config, &arguments, &[]);
        wait_for("Home Assistant answers", STARTED_WITHIN, || {
            assert!(program.ended().is_none(), "{}", program.last_words());
            TcpStream::connect(("127.0.0.1", port)).is_ok() && http_get(port, "/api/onboarding").0 < 500
        });
        Self { program, client: Client { port, token } }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.program.ended().is_none()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        self.program.log()
    }

    /// Asks it to stop, so that it writes all that it knows.
    pub fn stop(mut self) {
        self.client.stop();
        self.program.wait(Duration::from_secs(120));
    }
}

/// Runs `powerpi home-assistant` with the ledger in a folder.
pub fn repair(folder: &Path, of: &Client, more: &[&str]) -> Output {
    let settings = folder.join("etc/powerpi");
    std::fs::create_dir_all(&settings).unwrap();
    let token = folder.join("home-assistant.token");
    std::fs::write(&token, &of.token).unwrap();
    let said = format!("url = \"http://127.0.0.1:{}\"\ntoken_file = \"{}\"\n", of.port, token.display());
    std::fs::write(settings.join("powerpi-home-assistant.toml"), said).unwrap();
    std::fs::write(settings.join("powerpi-recorder.toml"), "ledger = \"/ledger.sqlite\"\n").unwrap();
    let root = folder.display().to_string();
    let arguments = [&["home-assistant", "--root", root.as_str()], more].concat();
    run_to_end("powerpi", folder, &arguments)
}
