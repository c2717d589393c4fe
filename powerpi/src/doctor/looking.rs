//! What can be seen on this machine: services, clock, disk, files, ledger.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meter_ledger::{Ledger, LedgerError, RecordedMeter};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::finding::{self, Finding, doubtful, good, wrong};
use crate::server::Server;

/// The services of a server; the last runs only where somebody wants it.
const SERVICES: [(&str, bool); 4] =
    [("powerpi-broker", true), ("powerpi-recorder", true), ("powerpi-web", true), ("powerpi-alarms", false)];

/// What tells that a file is a secret.
const SECRET_PARTS: [&str; 2] = ["PRIVATE KEY-----", "$argon2"];

/// How long the pages may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// All of it.
pub(super) fn look(server: &Server, thorough: bool) -> Vec<Finding> {
    let mut found = services();
    found.push(clock());
    found.extend(pages(server));
    found.extend(files(server));
    found.extend(ledger(server, thorough));
    found
}

fn services() -> Vec<Finding> {
    if !Path::new("/run/systemd/system").is_dir() {
        return Vec::new();
    }
    let look = |(name, needed): &(&str, bool)| {
        let said = Command::new("systemctl").args(["is-active", name]).output();
        let state =
            said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default();
        let advice = format!("`systemctl status {name}` and `journalctl -u {name} -n 50` tell why");
        match (state.as_str(), needed) {
            ("active", _) => Some(good("service", format!("{name} runs"))),
            ("inactive", false) | ("", _) => None,
            ("inactive", true) => Some(wrong(
                "service",
                format!("{name} does not run"),
                format!("systemctl enable --now {name}"),
            )),
            (state, _) => Some(wrong("service", format!("{name} is {state}"), advice)),
        }
    };
    SERVICES.iter().filter_map(look).collect()
}

fn clock() -> Finding {
    let synchronised = daemon_runtime::Clocks::now().is_ok_and(|clocks| clocks.synchronised);
    match synchronised {
        true => good("clock", "this machine's clock is synchronised"),
        false => doubtful(
            "clock",
            "this machine's clock is not synchronised",
            "`timedatectl set-ntp true`; without it, minutes that seem to come from the future are put aside",
        ),
    }
}

fn pages(server: &Server) -> Option<Finding> {
    let listen = server.setting("powerpi-web.toml", "listen").unwrap_or("127.0.0.1:8080").to_owned();
    let address = listen.parse().ok()?;
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(10_000).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let advice = "`journalctl -u powerpi-web -n 50` tells why";
    Some(match ask() {
        Ok(answer) if answer.split(' ').nth(1) == Some("200") => {
            good("pages", format!("the pages answer on {listen}"))
        }
        Ok(answer) => {
            let said = answer.lines().last().unwrap_or_default().chars().take(200).collect::<String>();
            wrong("pages", format!("the pages on {listen} say: {said}"), advice)
        }
        Err(error) => wrong("pages", format!("the pages do not answer on {listen}: {error}"), advice),
    })
}

/// Secrets that others may read, and certificates that end.
fn files(server: &Server) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in server.small_files() {
        let here = server.here(&path);
        let Ok(text) = std::fs::read_to_string(&here) else { continue };
        let is_secret = path.contains("credstore/")
            || SECRET_PARTS.iter().any(|part| text.contains(part))
            || has_password(&text);
        if is_secret && here.metadata().is_ok_and(|data| data.mode() & 0o004 != 0) {
            found.push(wrong(
                "secret",
                format!("every user of this machine can read the secrets in /{path}"),
                format!("chmod o-rwx /{path}"),
            ));
        }
        if text.contains("BEGIN CERTIFICATE-----") {
            found.extend(days_left(&text).map(|days| finding::certificate(&format!("/{path}"), days)));
        }
    }
    found
}

/// Whether an address of a database in a text has a password.
fn has_password(text: &str) -> bool {
    let addresses =
        text.split("postgres").skip(1).filter_map(|rest| rest.trim_start_matches("ql").strip_prefix("://"));
    addresses.filter_map(|address| address.split(['"', '\'', '\n']).next()).any(|address| {
        let user =
            address.split(['/', '?']).next().unwrap_or_default().rsplit_once('@').map(|(user, _)| user);
        user.is_some_and(|user| user.contains(':')) || address.contains("password=")
    })
}

/// In how many days the first certificate of a file ends.
fn days_left(pem: &str) -> Option<i64> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (text, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let text: String = text.split_whitespace().collect();
    let certificate = Certificate::from_der(&STANDARD.decode(text).ok()?).ok()?;
    let ends = certificate.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    let now = daemon_runtime::now().as_second();
    Some((i64::try_from(ends).ok()? - now).div_euclid(86_400))
}

fn ledger(server: &Server, thorough: bool) -> Vec<Finding> {
    let home = match server.ledger() {
        Ok(home) => home,
        Err(error) => return vec![wrong("settings", format!("{error:#}"), "correct the settings")],
    };
    let mut found = Vec::new();
    if let Some(path) = home.file()
        && let Ok(disk) = rustix::fs::statvfs(path.parent().unwrap_or(Path::new("/")))
    {
        let bytes = path.metadata().map_or(0, |data| data.len());
        found.push(finding::disk(disk.f_bavail * disk.f_frsize, bytes));
    }
    if home.file().is_none() {
        let said = "`pg_dump` backs up the ledger and what lies beside it, `powerpi backup` everything else";
        found.push(good("backup", said.to_owned()));
    }
    let read = || -> Result<Vec<Finding>, LedgerError> {
        let ledger = Ledger::open_read_only(&home)?;
        let mut found = Vec::new();
        for meter in ledger.meters()? {
            found.extend(meter_of(&ledger, &meter)?);
        }
        for unheard in ledger.unheard_meters()? {
            found.push(doubtful(
                "unheard",
                format!("{}: it sends minutes, but its name and constant are not known", unheard.meter),
                "restart its publisher: it says both when it connects",
            ));
        }
        if thorough {
            found.push(check(&ledger)?);
        }
        Ok(found)
    };
    match read() {
        Ok(more) => found.extend(more),
        Err(error) => {
            let advice = match home.file() {
                Some(_) => "put a backup back: `powerpi restore FILE`",
                None => "does the server run, and may this user read the database? Its own log tells",
            };
            found.push(wrong("ledger", format!("{home}: {error}"), advice));
        }
    }
    found
}

fn meter_of(ledger: &Ledger, meter: &RecordedMeter) -> Result<Vec<Finding>, LedgerError> {
    let name = meter.meter.to_string();
    let trust = ledger.trust(meter, 1)?;
    let newest = trust.as_ref().map(|trust| trust.newest.timestamp());
    let mut found = vec![finding::newest(&name, newest, daemon_runtime::now())];
    if let Some(aside) = ledger.kept_aside(meter)? {
        found.push(doubtful(
            "kept_aside",
            format!("{name}: {} minutes of the future are put aside, up to {}", aside.minutes, aside.last),
            "the clock of its publisher was wrong; they are recorded when their time has come",
        ));
    }
    let Some(trust) = trust else { return Ok(found) };
    if trust.counted_twice > 0 {
        found.push(wrong(
            "counted_twice",
            format!(
                "{name}: two publishers count under this name; {} minutes of a day are added up",
                trust.counted_twice
            ),
            "give one of them another site or id in its settings",
        ));
    }
    if trust.given_up > 0 {
        found.push(doubtful(
            "lost",
            format!("{name}: {} minutes are lost, because their outbox no longer held them", trust.given_up),
            "if another copy of the card has them, they are taken from it; otherwise nothing can be done",
        ));
    }
    Ok(found)
}

fn check(ledger: &Ledger) -> Result<Finding, LedgerError> {
    let mut faults = ledger.check_file()?.len();
    for meter in ledger.meters_to_check()? {
        faults += ledger.check(&meter, || ())?.len();
    }
    Ok(match faults {
        0 => good("check", "the ledger is sound"),
        faults => {
            wrong("check", format!("the ledger has {faults} faults"), "`powerpi ledger check` names them")
        }
    })
}
