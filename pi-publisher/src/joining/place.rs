//! The files that joining writes, and whose they are.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon_runtime::{OwnerNames, replace_file};
use meter_messages::MeterId;
use pairing::{Invitation, InvitationSecret};
use rustls::pki_types::CertificateDer;

/// The user of the service.
const USER: &str = "powerpi-publisher";

/// Only root and the service read secrets.
const SECRET: u32 = 0o640;

/// Where the settings lie, and what lies beside them.
#[derive(Debug, Clone)]
pub(super) struct Place {
    settings: PathBuf,
    authority: PathBuf,
    password: PathBuf,
    /// The password until the server lets us in with it.
    coming: PathBuf,
    /// The service's user and group, where there is one.
    service: Option<(u32, u32)>,
}

impl Place {
    pub(super) fn of(settings: &Path, invitation: &Invitation) -> anyhow::Result<Self> {
        let folder = match settings.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let folder = std::path::absolute(folder).context("finding the settings' folder")?;
        let number = |file: &str| OwnerNames::read(file.as_ref()).number(USER);
        Ok(Self {
            settings: settings.to_owned(),
            authority: folder.join("server-ca.pem"),
            password: folder.join(format!("{}.password", invitation.site)),
            coming: folder.join(format!("{}.password", invitation.id.user())),
            service: number("/etc/passwd").zip(number("/etc/group")),
        })
    }

    pub(super) fn authority(&self) -> &Path {
        &self.authority
    }

    pub(super) fn password(&self) -> &Path {
        &self.password
    }

    /// The password that the server is told now. It is made here once for each invitation.
    pub(super) fn coming_password(&self) -> anyhow::Result<&Path> {
        if !self.coming.exists() {
            let password = InvitationSecret::random().password();
            self.write(&self.coming, &format!("{password}\n"), SECRET)?;
        }
        Ok(&self.coming)
    }

    /// Whether an earlier try with this invitation has come to the end.
    pub(super) fn has_password_only(&self) -> bool {
        self.password.exists() && !self.coming.exists()
    }

    pub(super) fn keep_authority(&self, der: &CertificateDer<'_>) -> anyhow::Result<()> {
        let text = STANDARD.encode(der);
        let lines: Vec<&str> =
            (0..text.len()).step_by(64).map(|at| &text[at..(at + 64).min(text.len())]).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        self.write(&self.authority, &pem, 0o644)
    }

    /// The server lets us in with it from now on.
    pub(super) fn keep_password(&self) -> anyhow::Result<()> {
        if self.coming.exists() {
            let kept = std::fs::rename(&self.coming, &self.password);
            kept.with_context(|| format!("writing {}", self.password.display()))?;
        }
        Ok(())
    }

    pub(super) fn keep_settings(&self, text: &str) -> anyhow::Result<()> {
        self.write(&self.settings, text, 0o644)
    }

    fn write(&self, path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
        let written = replace_file(path, text, mode, self.service.map(|(_, group)| group));
        written.context("are you root? sudo pi-publisher join …")
    }

    /// Says what a meter shows, as the service's user, to whom the outbox belongs.
    pub(super) fn set_reading(&self, meter: &MeterId, reading: f64, control: &Path) -> anyhow::Result<()> {
        // It has the outbox if it runs.
        let _ = Command::new(control).args(["stop", "pi-publisher"]).output();
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command.arg("--config").arg(&self.settings).args([
            "set-reading",
            meter.as_str(),
            &reading.to_string(),
        ]);
        if let (Some((user, group)), true) = (self.service, rustix::process::geteuid().is_root()) {
            command.uid(user).gid(group);
        }
        let output = command.output().context("setting the reading")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}
