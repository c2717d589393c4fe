//! What is wrong with settings, and what is only strange.

use std::path::Path;

use anyhow::{Context, bail};
use meter_ledger::Ledger;
use serde_json::json;
use site_settings::{SettingNames, SiteSettings, checked};

use super::{OfServer, text_of};

impl OfServer {
    pub(super) fn check(&self, file: Option<&Path>) -> anyhow::Result<()> {
        self.fixed.check().context("powerpi-web.toml or powerpi-alarms.toml")?;
        let (name, text) = match file {
            Some(file) => (file.display().to_string(), text_of(file)?),
            None => match self.store.newest()? {
                0 => ("what stands in the programs' TOML".to_owned(), String::new()),
                number => (format!("version {number}"), self.store.version(number)?.text),
            },
        };
        let stored = match checked(&text, &self.fixed) {
            Ok(stored) => stored,
            Err(error) => bail!("{name}: {error}"),
        };
        if !self.json {
            println!("{name}: nothing is wrong.");
        }
        self.warn_of(&stored);
        Ok(())
    }

    /// Names that nobody has, and what the programs' TOML goes before.
    pub(super) fn warn_of(&self, stored: &SiteSettings) {
        for hidden in stored.hidden_by(&self.fixed) {
            match self.json {
                true => println!("{}", json!({ "fixed": hidden })),
                false => println!("Fixed by the programs' TOML, which goes first: {hidden}"),
            }
        }
        let read = || anyhow::Ok(Ledger::open_read_only(&self.server.ledger()?)?.names()?);
        let known = match read() {
            Ok(known) => known,
            Err(error) => {
                eprintln!("powerpi: names were not compared: {error:#}");
                return;
            }
        };
        let applied = self.fixed.clone().before(stored.clone());
        for unknown in SettingNames::new(&applied).unknown(&known) {
            match self.json {
                true => println!("{}", json!({ "unknown": unknown.name, "nearest": unknown.nearest })),
                false => println!("{unknown}"),
            }
        }
    }
}
