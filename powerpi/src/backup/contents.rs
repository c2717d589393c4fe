//! What a backup says of itself: its first entry.

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The name of that entry.
pub(super) const NAME: &str = "powerpi-backup.json";

/// It may not be longer.
pub(super) const LONGEST: u64 = 4 << 20;

/// The newest form that this program reads.
const FORMAT: u64 = 1;

/// What there is in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    /// When it was taken.
    pub(super) taken: Timestamp,
    /// By which version.
    pub(super) powerpi: String,
    /// In their order.
    pub(super) files: Vec<BackedUp>,
}

/// A file of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BackedUp {
    /// Below `/`, without that.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// SHA-256, in hex.
    pub(super) sha256: String,
    /// Permissions, like 0o640.
    pub(super) mode: u32,
    /// The names of its user and group; they have other numbers on other machines.
    pub(super) owner: Option<String>,
    pub(super) group: Option<String>,
}

impl Contents {
    pub(super) fn to_json(&self) -> Value {
        let file = |file: &BackedUp| {
            json!({
                "path": file.path, "bytes": file.bytes, "sha256": file.sha256, "mode": file.mode,
                "owner": file.owner, "group": file.group,
            })
        };
        let files: Vec<Value> = self.files.iter().map(file).collect();
        json!({"format": FORMAT, "powerpi": self.powerpi, "taken": self.taken, "files": files})
    }

    /// Reads it. A path that leads out of the folder that it is restored into is refused.
    pub(super) fn from_json(text: &[u8]) -> anyhow::Result<Self> {
        let said: Value = serde_json::from_slice(text).context("its first entry cannot be read")?;
        match said["format"].as_u64() {
            Some(1..=FORMAT) => {}
            Some(newer) => bail!("it is of format {newer}, made by a newer PowerPi; update this one"),
            None => bail!("its first entry does not say a format"),
        }
        let files = said["files"].as_array().context("it names no files")?;
        Ok(Self {
            taken: text_of(&said, "taken")?.parse().context("when it was taken")?,
            powerpi: text_of(&said, "powerpi")?,
            files: files.iter().map(file).collect::<anyhow::Result<_>>()?,
        })
    }
}

fn file(said: &Value) -> anyhow::Result<BackedUp> {
    let path = text_of(said, "path")?;
    let is_below = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !is_below || path.contains('\0') {
        bail!("it holds a file with the path \"{}\", which leads elsewhere", path.escape_debug());
    }
    let number = |name: &str| said[name].as_u64().with_context(|| format!("{path} has no {name}"));
    Ok(BackedUp {
        bytes: number("bytes")?,
        sha256: text_of(said, "sha256")?,
        mode: u32::try_from(number("mode")?).unwrap_or_default() & 0o777,
        owner: said["owner"].as_str().map(str::to_owned),
        group: said["group"].as_str().map(str::to_owned),
        path,
    })
}

fn text_of(said: &Value, name: &str) -> anyhow::Result<String> {
    Ok(said[name].as_str().with_context(|| format!("\"{name}\" is missing"))?.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn contents(path: &str) -> Contents {
        let file = BackedUp {
            path: path.into(),
            bytes: 3,
            sha256: "00".into(),
            mode: 0o640,
            owner: Some("powerpi-web".into()),
            group: None,
        };
        Contents {
            taken: "2026-11-29T03:00:00Z".parse().unwrap(),
            powerpi: "0.1.0".into(),
            files: vec![file],
        }
    }

    #[test]
    fn it_is_read_as_it_was_written_and_leads_nowhere_else() {
        let read = |contents: &Contents| Contents::from_json(contents.to_json().to_string().as_bytes());
        let good = contents("etc/powerpi/users.toml");
        assert_eq!(read(&good).unwrap(), good);
        for path in ["/etc/passwd", "../etc/passwd", "etc/../../x", "", "etc//x", "etc/./x", "a\0b"] {
            let error = read(&contents(path)).unwrap_err().to_string();
            assert!(error.contains("which leads elsewhere"), "{path}: {error}");
        }
        let newer = good.to_json().to_string().replace("\"format\":1", "\"format\":2");
        let error = Contents::from_json(newer.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("newer PowerPi"), "{error}");
    }
}
