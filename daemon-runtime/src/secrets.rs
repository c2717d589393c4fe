//! Secrets in settings, and the files in which they lie.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::Mode;
use serde::Deserialize;

/// The bits of a mode that let every user of the machine in.
const OTHERS: u32 = 0o007;

/// Text that nobody is to read in a log: a password, an address with a token in it. Does not print
/// itself.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The first line of a file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        Ok(Self(text.lines().next().unwrap_or_default().to_owned()))
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Says so in the log if every user of the machine can read a file with secrets. What else is wrong
/// with it is said by whoever reads it.
pub fn warn_if_others_can_read(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS != 0) {
        let path = path.display();
        tracing::warn!("every user of this machine can read {path}: chmod o= {path}");
    }
}

/// Who may read the files that a daemon creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// Its user only.
    OfUser,
    /// Its group as well: other daemons read them.
    OfGroup,
}

impl Files {
    /// Makes it so for all files from now on, however they are created.
    pub(crate) fn keep_private(self) {
        let mine = match self {
            Self::OfUser => 0o077,
            Self::OfGroup => 0o027,
        };
        let before = rustix::process::umask(Mode::from_raw_mode(mine));
        rustix::process::umask(before | Mode::from_raw_mode(mine));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_not_shown() {
        #[derive(Debug, Deserialize)]
        struct Settings {
            url: Secret,
        }
        let settings: Settings = crate::parse("url = 'https://example.org/token'").unwrap();
        assert_eq!(settings.url.reveal(), "https://example.org/token");
        assert_eq!(format!("{settings:?}"), "Settings { url: (secret) }");
        let error = crate::parse::<Settings>("url = ['https://example.org/token']").unwrap_err();
        assert!(!error.to_string().contains("token"), "{error}");
    }
}
