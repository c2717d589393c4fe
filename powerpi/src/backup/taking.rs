//! `powerpi backup`.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::HumanBytes;
use meter_ledger::Ledger;

use super::archive;
use super::contents::{BackedUp, Contents};
use crate::progress;
use crate::server::Server;
use daemon_runtime::OwnerNames;

/// How backups are called, around the moment they were taken.
const NAME: (&str, &str) = ("powerpi-", ".tar.gz");

/// The command line.
#[derive(clap::Args)]
pub(crate) struct BackupOptions {
    /// The folder for backups
    #[arg(long, value_name = "DIR", default_value = "/var/backups/powerpi")]
    to: PathBuf,
    /// How many backups stay in the folder; older ones are deleted
    #[arg(long, value_name = "NUMBER", default_value = "14", value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
    /// The root of the server's files
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Leaves the ledger out, as always where it lives in PostgreSQL: there `pg_dump` backs it up
    #[arg(long)]
    without_ledger: bool,
}

/// Takes a backup while everything runs.
///
/// # Errors
/// If there is no ledger, or something cannot be read or written.
pub(crate) fn backup(options: &BackupOptions) -> anyhow::Result<()> {
    let server = Server::read(&options.root)?;
    let (home, ledger) = (server.ledger()?, server.ledger_file()?);
    let ledger = ledger.filter(|_| !options.without_ledger);
    let has_ledger = ledger.is_some();
    std::fs::create_dir_all(&options.to).with_context(|| format!("creating {}", options.to.display()))?;
    // A copy of the ledger needs as much room as the ledger, and better there than where it may fill up.
    let (work, _alone) =
        work_in(&options.to).with_context(|| format!("writing into {}", options.to.display()))?;
    let copy = work.join("ledger.sqlite");

    let names = ["etc/passwd", "etc/group"].map(|file| OwnerNames::read(&options.root.join(file)));
    let mut files = Vec::new();
    if let Some(ledger) = ledger {
        Ledger::open_read_only(&home)?.copy_to(&copy).context("copying the ledger")?;
        let of_ledger = archive::sha256(File::open(&copy)?).context("reading the copy of the ledger")?;
        files.push(backed_up(ledger, of_ledger, &server, &names)?);
    }
    // Read once: a file that is replaced meanwhile would not agree with its checksum.
    let mut small = HashMap::new();
    for path in server.small_files() {
        let here = server.here(&path);
        let bytes = std::fs::read(&here).with_context(|| format!("reading {}", here.display()))?;
        files.push(backed_up(path.clone(), archive::sha256(bytes.as_slice())?, &server, &names)?);
        small.insert(path, bytes);
    }
    let open = |file: &BackedUp| -> anyhow::Result<Box<dyn Read + '_>> {
        Ok(match small.get(&file.path) {
            Some(bytes) => Box::new(bytes.as_slice()),
            None => Box::new(File::open(&copy).context("reading the copy of the ledger")?),
        })
    };
    let taken = daemon_runtime::now();
    let contents = Contents { taken, powerpi: env!("CARGO_PKG_VERSION").into(), files };

    let part = work.join("backup");
    let to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    let bytes = contents.files.iter().map(|file| file.bytes).sum();
    let bar = progress::bar(bytes, &format!("packing {}", progress::BYTES));
    archive::write(to, &contents, &bar, open)?;
    bar.finish_and_clear();
    let name = options.to.join(format!("{}{}{}", NAME.0, taken.strftime("%Y%m%dT%H%M%SZ"), NAME.1));
    std::fs::rename(&part, &name).with_context(|| format!("writing {}", name.display()))?;
    File::open(&options.to)?.sync_all()?;
    std::fs::remove_dir_all(&work).with_context(|| format!("deleting {}", work.display()))?;
    let bytes = HumanBytes(name.metadata()?.len());
    println!("{}: {} files, {bytes}", name.display(), contents.files.len());
    match home.file() {
        None => println!(
            "The ledger is not among them, nor what lies beside it (settings in versions, the alarms' state): it lives in \
             {home}, where `pg_dump` backs it up."
        ),
        Some(_) if !has_ledger => println!("The ledger is not among them."),
        Some(_) => {}
    }
    forget_old(&options.to, options.keep as usize)
}

/// A folder for what is not finished, emptied of what a try that was killed has left; and what keeps others out of it.
fn work_in(folder: &Path) -> anyhow::Result<(PathBuf, File)> {
    let alone =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join(".lock"))?;
    if alone.try_lock().is_err() {
        bail!("another backup is being taken");
    }
    let work = folder.join(".taking");
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    DirBuilder::new().mode(0o700).create(&work)?;
    Ok((work, alone))
}

fn backed_up(
    path: String,
    (sha256, bytes): (String, u64),
    server: &Server,
    [users, groups]: &[OwnerNames; 2],
) -> anyhow::Result<BackedUp> {
    // Of the ledger, too, and not of its copy.
    let data = server.here(&path).metadata().with_context(|| format!("reading {path}"))?;
    let (owner, group) = (users.name(data.uid()), groups.name(data.gid()));
    Ok(BackedUp { path, bytes, sha256, mode: data.mode() & 0o777, owner, group })
}

/// Deletes the oldest backups beyond so many; nothing else that lies in the folder.
fn forget_old(folder: &Path, keep: usize) -> anyhow::Result<()> {
    let is_one = |name: &str| {
        let taken = name.strip_prefix(NAME.0).and_then(|name| name.strip_suffix(NAME.1));
        taken.is_some_and(|taken| taken.len() == "20261129T030000Z".len() && taken.ends_with('Z'))
    };
    let names = std::fs::read_dir(folder)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut backups: Vec<String> = names.filter(|name| is_one(name)).collect();
    // Their names sort by time.
    backups.sort();
    for old in &backups[..backups.len().saturating_sub(keep)] {
        std::fs::remove_file(folder.join(old)).with_context(|| format!("deleting {old}"))?;
        println!("deleted {old}");
    }
    Ok(())
}
