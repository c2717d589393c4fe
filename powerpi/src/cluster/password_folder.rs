//! Passwords for a broker that has hashes of its own: each in a file, as the programs' `password_file` reads it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use broker_users::UserName;
use daemon_runtime::random_id;

/// How much work it is to try a password that a person has thought of, and one of ours, which nobody finds by trying: after an
/// outage all clients log in at once.
const COST_OF_CHOSEN: u32 = 10;
const COST_OF_RANDOM: u32 = 4;

/// bcrypt looks at no more of a password, in bytes.
const MOST_BYTES: usize = 72;

/// A folder with a file for each user.
pub(super) struct PasswordFolder<'a>(&'a Path);

impl<'a> PasswordFolder<'a> {
    /// Makes it, for nobody else to see, where it is missing.
    pub(super) fn open(folder: &'a Path) -> anyhow::Result<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("making the folder {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// The bcrypt hash of a user's password, which is drawn if there is none yet, and whether that was so.
    pub(super) fn hash(&self, name: &UserName) -> anyhow::Result<(String, bool)> {
        let path = self.file(name)?;
        let is_new = !path.exists();
        if is_new {
            draw(&path).with_context(|| format!("writing {}", path.display()))?;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let password = text.lines().next().unwrap_or_default();
        if password.is_empty() || password.len() > MOST_BYTES {
            bail!("{}: NATS takes a password of 1 to {MOST_BYTES} bytes, in the first line", path.display());
        }
        let cost = if is_random(password) { COST_OF_RANDOM } else { COST_OF_CHOSEN };
        let hash = bcrypt::hash(password, cost)
            .with_context(|| format!("hashing the password in {}", path.display()))?;
        Ok((hash, is_new))
    }

    fn file(&self, name: &UserName) -> anyhow::Result<PathBuf> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !name.as_str().chars().all(fits) {
            bail!(
                "user \"{name}\": here a name may only have letters, digits, _ and -; add the user under another name"
            );
        }
        Ok(self.0.join(name.as_str()))
    }
}

fn draw(path: &Path) -> std::io::Result<()> {
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}{}", random_id(), random_id())
}

/// Whether it looks like one of ours: 128 random bits.
fn is_random(password: &str) -> bool {
    password.len() == 32 && password.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
