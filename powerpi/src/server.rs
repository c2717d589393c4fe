//! Where a server keeps what: its settings say so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use meter_ledger::LedgerHome;
use serde::de::DeserializeOwned;
use toml_edit::{DocumentMut, Item, Value};

use crate::ledger_file::USUAL_LEDGER;

/// A file that settings name belongs to the server if it is no larger: a certificate, a list of users.
const LARGEST_NAMED: u64 = 1 << 20;

/// A server below a folder: `/`, or the root of another machine's disk.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    root: PathBuf,
    settings: Vec<(PathBuf, DocumentMut)>,
}

impl Server {
    /// Reads its settings.
    ///
    /// # Errors
    /// If one of them is no TOML.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut settings = Vec::new();
        for file in files_in(&root.join("etc/powerpi")) {
            if file.extension().is_some_and(|ending| ending == "toml") {
                let text =
                    std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
                let parsed = text.parse().with_context(|| format!("reading {}", file.display()))?;
                settings.push((file, parsed));
            }
        }
        Ok(Self { root: root.to_owned(), settings })
    }

    /// A path of the server as it is here.
    pub(crate) fn here(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Where the ledger lives, as it is reached from here.
    ///
    /// # Errors
    /// If the settings name something else than a file or a database.
    pub(crate) fn ledger(&self) -> anyhow::Result<LedgerHome> {
        let (file, said) = self.said_of_ledger();
        match said.parse().map_err(anyhow::Error::msg).with_context(|| format!("`ledger` of {file}"))? {
            LedgerHome::File(_) => Ok(LedgerHome::File(self.here(said))),
            database @ LedgerHome::Database(_) => Ok(database),
        }
    }

    /// The ledger's file, without the slash at its beginning; `None` if it lives in a database.
    ///
    /// # Errors
    /// If the settings name something else.
    pub(crate) fn ledger_file(&self) -> anyhow::Result<Option<String>> {
        let is_file = self.ledger()?.file().is_some();
        Ok(is_file.then(|| self.said_of_ledger().1.trim_start_matches('/').to_owned()))
    }

    /// Which settings say where the ledger lives, and what they say: the recorder's, if it is on this machine.
    fn said_of_ledger(&self) -> (&'static str, &str) {
        let files = ["powerpi-recorder.toml", "powerpi-web.toml", "powerpi-alarms.toml"];
        let file = files.into_iter().find(|file| self.of_file(file).is_some()).unwrap_or(files[0]);
        (file, self.setting(file, "ledger").unwrap_or(USUAL_LEDGER))
    }

    /// The folder of RRD files.
    pub(crate) fn rrd_dir(&self) -> String {
        self.path("powerpi-recorder.toml", "rrd_dir", "/var/lib/powerpi/recorder/rrd")
    }

    /// The folder of the site's settings, without the slash at its beginning.
    pub(crate) fn settings_dir(&self) -> String {
        self.path("powerpi-web.toml", "settings_dir", site_settings::USUAL_FOLDER)
    }

    /// What stands in the programs' settings that could stand in those of the site, as TOML.
    pub(crate) fn of_site(&self) -> String {
        let mut of_web = self.of_file("powerpi-web.toml").cloned().unwrap_or_default();
        let access = of_web.get("access").and_then(|access| access.get("public_meters")).cloned();
        of_web.retain(|key, _| ["currency", "holidays", "tariff", "meter"].contains(&key));
        if let Some(public) = access {
            of_web["access"] = toml_edit::table();
            of_web["access"]["public_meters"] = public;
        }
        let mut of_alarms = self.of_file("powerpi-alarms.toml").cloned().unwrap_or_default();
        of_alarms.retain(|key, _| key == "alarm");
        format!("{of_web}{of_alarms}")
    }

    /// A text that the settings of a program say.
    pub(crate) fn setting(&self, file: &str, key: &str) -> Option<&str> {
        self.of_file(file)?.get(key)?.as_str()
    }

    /// A table of the settings of a program; `None` where it is not there.
    ///
    /// # Errors
    /// If it is not what it should be.
    pub(crate) fn table<T: DeserializeOwned>(
        &self,
        file: &str,
        key: &str,
    ) -> Result<Option<T>, toml_edit::de::Error> {
        let table = self.of_file(file).and_then(|settings| settings.get(key)?.as_table());
        table.map(|table| toml_edit::de::from_document(DocumentMut::from(table.clone()))).transpose()
    }

    /// Each program's settings as they stand there, with their names.
    pub(crate) fn settings_texts(&self) -> impl Iterator<Item = (String, String)> {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.settings.iter().map(move |(path, settings)| (name(path), settings.to_string()))
    }

    fn of_file(&self, file: &str) -> Option<&DocumentMut> {
        self.settings.iter().find(|(path, _)| path.ends_with(file)).map(|(_, settings)| settings)
    }

    fn path(&self, file: &str, key: &str, usual: &str) -> String {
        self.setting(file, key).unwrap_or(usual).trim_start_matches('/').to_owned()
    }

    /// All files but the ledger, without the slash at their beginning: settings with their versions, secrets, what settings
    /// name, and the alarms' state.
    pub(crate) fn small_files(&self) -> BTreeSet<String> {
        let mut found: Vec<PathBuf> = files_in(&self.root.join("etc/powerpi"));
        let is_ours = |file: &PathBuf| {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("powerpi-") || name.starts_with("pi-publisher")
        };
        found.extend(files_in(&self.root.join("etc/credstore")).into_iter().filter(is_ours));
        let state = self.path("powerpi-alarms.toml", "state_file", "/var/lib/powerpi/alarms/alarms.json");
        found.push(self.here(&state));
        let is_version = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "toml");
        found.extend(files_in(&self.here(&self.settings_dir())).into_iter().filter(is_version));
        let mut named = Vec::new();
        self.settings.iter().for_each(|(_, settings)| absolute_paths(settings.as_item(), &mut named));
        found.extend(named.iter().map(|path| self.here(path)).filter(|path| is_small_file(path)));
        let below = |path: &PathBuf| Some(path.strip_prefix(&self.root).ok()?.to_str()?.to_owned());
        let ledger = self.ledger_file().ok().flatten();
        found
            .iter()
            .filter(|path| path.is_file())
            .filter_map(below)
            .filter(|path| Some(path) != ledger.as_ref())
            .collect()
    }
}

fn is_small_file(path: &Path) -> bool {
    let is_database = path.extension().is_some_and(|ending| ending == "sqlite");
    !is_database && path.metadata().is_ok_and(|data| data.is_file() && data.len() <= LARGEST_NAMED)
}

/// Everything in settings that is an absolute path.
fn absolute_paths(item: &Item, found: &mut Vec<String>) {
    match item {
        Item::Value(value) => value_paths(value, found),
        Item::Table(table) => table.iter().for_each(|(_, item)| absolute_paths(item, found)),
        Item::ArrayOfTables(tables) => {
            tables.iter().flat_map(|table| table.iter()).for_each(|(_, item)| absolute_paths(item, found));
        }
        Item::None => {}
    }
}

fn value_paths(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.value().starts_with('/') => found.push(text.value().clone()),
        Value::Array(values) => values.iter().for_each(|value| value_paths(value, found)),
        Value::InlineTable(table) => table.iter().for_each(|(_, value)| value_paths(value, found)),
        _ => {}
    }
}

/// The files in a folder and those below it, in order; none if it is not there.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        match path.is_dir() {
            true => found.extend(files_in(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}
