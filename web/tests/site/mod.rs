//! A real server over a ledger and an RRD of made-up minutes.
#![allow(dead_code, reason = "each test file uses its part of it")]

pub(crate) mod program;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use daemon_runtime::MqttSettings;
use jiff::tz::TimeZone;
use meter_ledger::Ledger;
use meter_messages::{Info, Meter, MeterConstant, Minute, PulseCount};
use meter_rrd::MeterDatabase;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use web::{Settings, Web, Zone};

pub(crate) const ZONE: &str = "Europe/Berlin";

pub(crate) fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

pub(crate) fn berlin() -> TimeZone {
    TimeZone::get(ZONE).unwrap()
}

pub(crate) fn minute(text: &str) -> Minute {
    text.parse().unwrap()
}

/// Pulses of a minute: any pattern that no error reproduces.
pub(crate) fn pulses(minute: Minute) -> u32 {
    (minute.epoch_minutes() * 7919 % 61) as u32
}

/// A leap day, the beginning of summer time 2025, two days with a gap over
/// midnight, the days around the end of summer time, and the last fortnight
/// without three hours of the day before yesterday.
pub(crate) fn minutes() -> Vec<Minute> {
    let span = |from: &str, to: &str| minute(from).epoch_minutes()..minute(to).epoch_minutes();
    let past = span("2024-02-28T20:00:00Z", "2024-03-01T02:00:00Z")
        .chain(span("2025-03-29T20:00:00Z", "2025-03-31T02:00:00Z"))
        .chain(span("2025-06-09T22:00:00Z", "2025-06-10T18:00:00Z"))
        .chain(span("2025-06-11T01:00:00Z", "2025-06-11T22:00:00Z"))
        .chain(span("2025-10-20T00:00:00Z", "2025-11-02T00:00:00Z"));
    let now = daemon_runtime::now().as_second() / 60;
    let recent = (now - 14 * 1440..now).filter(|at| !(now - 2 * 1440..now - 2 * 1440 + 180).contains(at));
    past.chain(recent).map(Minute::nearest).collect()
}

/// What a meter says of itself.
pub(crate) fn info(name: &str) -> Info {
    Info {
        name: name.into(),
        constant: MeterConstant::try_from(1000).unwrap(),
        medium: Default::default(),
        source: "test".into(),
        version: "0".into(),
        outbox: "box".parse().unwrap(),
        oldest_seq: 1,
        history: Vec::new(),
        relation: Default::default(),
        readings: None,
        unclear: None,
    }
}

/// Writes minutes into the ledger as the recorder does.
pub(crate) fn record_minutes(dir: &Path, info: &Info, minutes: &[Minute]) {
    record_minutes_of(&meter(), dir, info, minutes);
}

fn record_minutes_of(meter: &Meter, dir: &Path, info: &Info, minutes: &[Minute]) {
    let mut ledger = Ledger::open(&dir.join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(meter, info).unwrap();
    let mut total = 10_000_000;
    for (seq, minute) in (1..).zip(minutes) {
        let pulses = pulses(*minute);
        total += u64::from(pulses);
        batch.record(&mark, &PulseCount { minute: *minute, watched_s: 60, seq, pulses, total }).unwrap();
    }
    batch.commit().unwrap();
}

/// Writes the ledger and the RRD as the recorder does.
pub(crate) fn record(dir: &Path, name: &str) -> Vec<Minute> {
    record_meter(dir, &meter(), name)
}

/// The same of another meter.
pub(crate) fn record_meter(dir: &Path, meter: &Meter, name: &str) -> Vec<Minute> {
    record_as(dir, meter, &info(name))
}

/// The same of a meter that says this of itself.
pub(crate) fn record_as(dir: &Path, meter: &Meter, info: &Info) -> Vec<Minute> {
    let minutes = minutes();
    record_minutes_of(meter, dir, info, &minutes);
    let recent = &minutes[minutes.partition_point(|at| *at < minute("2025-11-03T00:00:00Z"))..];
    let counted = recent.iter().map(|minute| (*minute, pulses(*minute)));
    MeterDatabase::rebuild(&dir.join("rrd"), meter, recent[0], counted).unwrap();
    minutes
}

/// The sum of some minutes in kWh.
pub(crate) fn kwh(minutes: &[Minute], wanted: impl Fn(Minute) -> bool) -> f64 {
    let pulses: u64 = minutes.iter().filter(|at| wanted(**at)).map(|at| u64::from(pulses(*at))).sum();
    pulses as f64 / 1000.0
}

/// A running server.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) dir: TempDir,
    pub(crate) minutes: Vec<Minute>,
    shutdown: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Site {
    /// With a recorded meter and no broker.
    pub(crate) fn start() -> Self {
        Self::with("Hauptzähler", 1)
    }

    /// With a meter's name and the broker's port.
    pub(crate) fn with(name: &str, mqtt_port: u16) -> Self {
        let dir = TempDir::new().unwrap();
        let minutes = record(dir.path(), name);
        let mut site = Self::over(dir, mqtt_port);
        site.minutes = minutes;
        site
    }

    /// Over a folder in which there may be nothing yet.
    pub(crate) fn over(dir: TempDir, mqtt_port: u16) -> Self {
        Self::at_cost(dir, mqtt_port, "")
    }

    /// With tariffs, in TOML.
    pub(crate) fn at_cost(dir: TempDir, mqtt_port: u16, tariffs: &str) -> Self {
        Self::set_up(dir, mqtt_port, tariffs)
    }

    /// With more settings, in TOML.
    pub(crate) fn set_up(dir: TempDir, mqtt_port: u16, more: &str) -> Self {
        let settings: Settings = daemon_runtime::parse(more).unwrap();
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            ledger: dir.path().join("ledger.sqlite").into(),
            rrd_dir: dir.path().join("rrd"),
            settings_dir: dir.path().join("settings"),
            state_dir: dir.path().to_owned(),
            time_zone: settings.time_zone.clone().or_else(|| Zone::try_from(ZONE.to_owned()).ok()),
            mqtt: MqttSettings { port: Some(mqtt_port), ..MqttSettings::default() },
            ..settings
        };
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let (tell, told) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let web = Web::bind(settings).await.unwrap();
                tell.send(web.address()).unwrap();
                web.serve(token).await.unwrap();
            });
        });
        let address = told.recv().unwrap();
        Self { address, dir, minutes: Vec::new(), shutdown, server: Some(server) }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = self.send(method, path, headers);
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).unwrap();
        Answer::parse(&raw, method)
    }

    /// Sends a form.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], form: &str) -> Answer {
        let length = form.len().to_string();
        let mut all = vec![("Content-Length", length.as_str())];
        if !headers.iter().any(|(name, _)| *name == "Content-Type") {
            all.push(("Content-Type", "application/x-www-form-urlencoded"));
        }
        all.extend(headers);
        let mut stream = self.send("POST", path, &all);
        // A server that does not want it may have closed the connection.
        let _ = stream.write_all(form.as_bytes());
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).unwrap();
        Answer::parse(&raw, "POST")
    }

    /// Sends a request and leaves the answer to be read.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream
    }

    pub(crate) fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Stops the server and says how long that took.
    pub(crate) fn stop(mut self) -> Duration {
        let started = std::time::Instant::now();
        self.shutdown.cancel();
        self.server.take().unwrap().join().unwrap();
        started.elapsed()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// Asks a server, and waits for its answer; a form is sent if there is one.
pub(crate) fn request(
    address: SocketAddr,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    form: Option<&str>,
) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    if let Some(form) = form {
        let length = form.len();
        head.push_str(&format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"
        ));
    }
    // A server that does not want all of it may have closed the connection.
    let _ = stream.write_all(format!("{head}\r\n{}", form.unwrap_or_default()).as_bytes());
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).unwrap();
    Answer::parse(&raw, method)
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(raw: &[u8], method: &str) -> Self {
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&raw[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let headers: HashMap<String, String> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let chunked = headers.get("transfer-encoding").is_some_and(|it| it == "chunked") && method != "HEAD";
        let body = &raw[end + 4..];
        Self { status, headers, body: if chunked { joined(body) } else { body.to_vec() } }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// The body of chunks; it must end with the empty one.
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").expect("a chunk's length");
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 2 + length + 2..];
    }
}
