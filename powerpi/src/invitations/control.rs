//! Telling services that something has changed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// The service of the broker.
pub(super) const BROKER: &str = "powerpi-broker";

/// The service of the pages.
pub(super) const PAGES: &str = "powerpi-web";

/// The service that answers whoever is invited: `powerpi pair`.
pub(super) const ANSWERING: &str = "powerpi-pairing";

/// The program that starts and reloads services.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Control<'a>(pub(super) &'a Path);

impl Control<'_> {
    /// Does `verb` ("reload", "restart", "start") with a service, and waits until it is done.
    ///
    /// # Errors
    /// What it said, and what to do by hand.
    pub(crate) fn tell(self, verb: &str, service: &str) -> anyhow::Result<()> {
        self.call(&[verb, service])
    }

    /// The same without waiting: for a service that is being stopped itself. Systemd does nothing with one that is ordered
    /// before it until it has stopped.
    pub(super) fn tell_while_stopping(self, verb: &str, service: &str) -> anyhow::Result<()> {
        self.call(&[verb, service, "--no-block"])
    }

    fn call(self, arguments: &[&str]) -> anyhow::Result<()> {
        let program = self.0.display();
        let by_hand = || format!("`{program} {}` did not work; do this by hand", arguments.join(" "));
        let output = Command::new(self.0).args(arguments).output().with_context(by_hand)?;
        if !output.status.success() {
            bail!("{}: {}", by_hand(), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}
