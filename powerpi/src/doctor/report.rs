//! A bundle for a bug report: what was found, the settings without secrets, and the services' last lines.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::finding::Finding;
use crate::server::Server;

/// How many lines of the log.
const LINES: &str = "500";

/// Keys of settings whose values are nobody's business, by a part of their names.
const SECRETS: [&str; 6] = ["password", "secret", "token", "url", "key", "credential"];

/// Writes it; there must be no such file yet.
pub(super) fn write(file: &Path, server: &Server, findings: &[Finding]) -> anyhow::Result<()> {
    let to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let to = to.with_context(|| format!("writing {}", file.display()))?;
    let mut bundle = Builder::new(GzEncoder::new(to, Compression::default()));
    let mut add = |name: &str, text: &str| -> std::io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        bundle.append_data(&mut header, name, text.as_bytes())
    };
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    add("findings.txt", &format!("powerpi {}\n{}\n", env!("CARGO_PKG_VERSION"), lines.join("\n")))?;
    for (name, text) in server.settings_texts() {
        add(&format!("settings/{name}"), &without_secrets(&text))?;
    }
    let log = Command::new("journalctl").args(["-n", LINES, "--no-pager", "-u", "powerpi-*"]).output();
    if let Ok(log) = log {
        add("log.txt", &String::from_utf8_lossy(&log.stdout))?;
    }
    bundle.into_inner()?.finish()?.sync_all()?;
    Ok(())
}

/// Settings with the values of such keys replaced. Line by line: comments may hold old passwords, too.
fn without_secrets(text: &str) -> String {
    let line = |line: &str| {
        let Some((key, value)) = line.split_once('=') else { return line.to_owned() };
        let name = key.to_lowercase();
        // The address of a database may hold a password.
        match value.contains("postgres") || SECRETS.iter().any(|secret| name.contains(secret)) {
            true => format!("{key}= \"(not shown)\""),
            false => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let text = "[mqtt]\nuser = \"web\"\npassword_file = \"/etc/x\"\n# password = \"old\"\n[webhook]\nurl = \"https://x/t\"\n\
                    port = 1\n# ledger = \"postgresql://web:old@db/powerpi\"";
        assert_eq!(
            without_secrets(text),
            "[mqtt]\nuser = \"web\"\npassword_file = \"(not shown)\"\n# password = \"(not shown)\"\n[webhook]\n\
             url = \"(not shown)\"\nport = 1\n# ledger = \"(not shown)\""
        );
    }
}
