//! `powerpi backup`, `restore` and `verify`: everything that makes a server, in one file, while it runs.
//!
//! That is the ledger, the alarms' state, all settings with their versions, users, certificates and secrets. RRD files are made anew
//! from the ledger, and the broker's store heals with the next connections.

mod archive;
mod contents;
mod restoring;
mod taking;

use std::path::PathBuf;

use anyhow::Context;
use indicatif::HumanBytes;

pub(crate) use self::restoring::{RestoreOptions, restore};
pub(crate) use self::taking::{BackupOptions, backup};

/// The command line of `verify`.
#[derive(clap::Args)]
pub(crate) struct VerifyOptions {
    /// The backup
    file: PathBuf,
}

/// Reads a whole backup and compares all of it with its checksums.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn verify(options: &VerifyOptions) -> anyhow::Result<()> {
    let contents = archive::verify(&options.file)
        .with_context(|| format!("{} is no sound backup", options.file.display()))?;
    println!("Taken {} by powerpi {}.", contents.taken, contents.powerpi);
    for file in &contents.files {
        println!("{:>12}  {}", HumanBytes(file.bytes).to_string(), file.path);
    }
    println!("All files agree with their checksums.");
    Ok(())
}
