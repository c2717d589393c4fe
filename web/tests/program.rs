//! The program: its exit codes and its one line when something is wrong.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

fn settings(toml: &str) -> NamedTempFile {
    let mut file = NamedTempFile::with_suffix(".toml").unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    file
}

fn program(settings: &NamedTempFile) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_powerpi-web"));
    command.arg("--config").arg(settings.path()).stderr(Stdio::piped());
    command
}

fn error_lines(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect()
}

#[test]
fn wrong_settings_are_said_in_one_line() {
    for (toml, said) in [
        ("time_zone = \"Mars/Olympus\"", "unknown time zone \"Mars/Olympus\""),
        ("lisen = \"127.0.0.1:0\"", "did you mean \"listen\"?"),
        ("listen = \"everywhere\"", "listen: "),
        ("[mqtt]\nport = 70000", "mqtt.port: "),
    ] {
        let output = program(&settings(toml)).output().unwrap();
        let lines = error_lines(&output);
        assert_eq!((output.status.code(), lines.len()), (Some(2), 1), "{toml}: {lines:?}");
        assert!(lines[0].contains(said), "{}", lines[0]);
    }
}

#[test]
fn a_port_in_use_is_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = program(&settings(&format!("listen = \"{address}\""))).output().unwrap();
    let lines = error_lines(&output);
    assert_eq!((output.status.code(), lines.len()), (Some(1), 1), "{lines:?}");
    assert!(
        lines[0].contains(&format!("listening on {address}; is another program using it?")),
        "{}",
        lines[0]
    );
}

#[test]
fn it_adopts_the_time_zone_and_stops_on_sigterm() {
    let folder = tempfile::TempDir::new().unwrap();
    let ready = UnixDatagram::bind(folder.path().join("ready")).unwrap();
    ready.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let settings = settings("listen = \"127.0.0.1:0\"\ntime_zone = \"Europe/Berlin\"\n[mqtt]\nport = 1");
    let child = program(&settings).env("NOTIFY_SOCKET", folder.path().join("ready")).spawn().unwrap();
    let mut said = [0; 64];
    let length = ready.recv(&mut said).unwrap();
    assert!(said[..length].starts_with(b"READY=1"), "{:?}", String::from_utf8_lossy(&said[..length]));
    // librrd labels its time axis by it.
    let environment = std::fs::read(format!("/proc/{}/environ", child.id())).unwrap();
    assert!(environment.split(|byte| *byte == 0).any(|variable| variable == b"TZ=Europe/Berlin"));
    let asked = Instant::now();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // Milliseconds by itself; a loaded machine takes more.
    assert!(asked.elapsed() < Duration::from_secs(30));
}
