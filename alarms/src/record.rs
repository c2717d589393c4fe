//! What survives a restart: each alarm's state, and what is still to be sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Display};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alarm::Standing;
use crate::notice::Notice;

/// Notices that may wait for one way of sending; beyond that, the oldest is discarded.
const MOST_UNSENT: usize = 100;

/// A way of sending that is retried until it succeeds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Way {
    /// By e-mail.
    Email,
    /// By the webhook of this name.
    Webhook(String),
}

impl From<String> for Way {
    fn from(text: String) -> Self {
        match text.strip_prefix("webhook ") {
            Some(name) => Self::Webhook(name.to_owned()),
            None if text == "email" => Self::Email,
            // There was one only, which had no name.
            None => Self::Webhook(text),
        }
    }
}

impl From<Way> for String {
    fn from(way: Way) -> Self {
        way.to_string()
    }
}

impl Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email => f.write_str("email"),
            Self::Webhook(name) if name == "webhook" => f.write_str("webhook"),
            Self::Webhook(name) => write!(f, "webhook {name}"),
        }
    }
}

/// What is kept of one alarm.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AlarmRecord {
    /// Its state.
    pub standing: Standing,
    /// The last notice: what the retained topic says.
    pub notice: Option<Notice>,
    /// The time of the last pulse, and the total after it.
    pub last_pulse: Option<(Timestamp, u64)>,
}

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// By the alarms' names.
    pub alarms: BTreeMap<String, AlarmRecord>,
    /// Notices to send, oldest first.
    pub unsent: BTreeMap<Way, VecDeque<Notice>>,
    /// The topics on which something is retained, also of alarms that are no longer there: only who has said it may take
    /// it back.
    #[serde(default)]
    pub topics: BTreeSet<String>,
}

impl Record {
    /// Reads the file; without one, starts empty.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        match std::fs::read(path) {
            Ok(json) => serde_json::from_slice(&json)
                .with_context(|| format!("{} is damaged; remove it to start over", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Replaces the file; when this returns, it is on disk.
    ///
    /// # Errors
    /// What the file system said.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
        let write = || -> anyhow::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            std::fs::File::open(&folder)?.sync_all()?;
            Ok(())
        };
        write().with_context(|| format!("writing {} (does this user have permission?)", path.display()))
    }

    /// Queues a notice for a way of sending.
    pub fn queue(&mut self, way: &Way, notice: Notice) {
        let unsent = self.unsent.entry(way.clone()).or_default();
        if unsent.len() >= MOST_UNSENT {
            unsent.pop_front();
            tracing::warn!(%way, "more than {MOST_UNSENT} notices are waiting; the oldest is discarded");
        }
        unsent.push_back(notice);
    }
}
