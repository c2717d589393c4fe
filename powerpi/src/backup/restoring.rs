//! `powerpi restore`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use site_settings::Store;

use super::archive;
use super::contents::BackedUp;
use crate::progress;
use crate::server::Server;
use daemon_runtime::OwnerNames;

/// Behind a file's name while it is written.
const NEW: &str = ".restored";
/// Behind that of the one that was there.
const BEFORE: &str = ".before-restore";

/// The command line.
#[derive(clap::Args)]
pub(crate) struct RestoreOptions {
    /// The backup
    file: PathBuf,
    /// The root of the server's files
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Puts everything back that is in a backup, on this server or a new one. What differs is kept beside it.
///
/// # Errors
/// If the backup is not sound, or the ledger is in use: then nothing has changed.
pub(crate) fn restore(options: &RestoreOptions) -> anyhow::Result<()> {
    let named = || format!("{} is no sound backup; nothing was changed", options.file.display());
    let names = ["etc/passwd", "etc/group"].map(|file| OwnerNames::read(&options.root.join(file)));
    let here = |file: &BackedUp| options.root.join(&file.path);
    let total = archive::verify(&options.file).with_context(named)?.files.iter().map(|file| file.bytes).sum();
    let bar = progress::bar(total, &format!("restoring {}", progress::BYTES));
    let contents = archive::read(&options.file, |file, from| {
        let path = here(file);
        let to = write_new(&path, file, &names).with_context(|| format!("writing {}", path.display()))?;
        io::copy(&mut bar.wrap_read(from), &mut &to)
            .with_context(|| format!("writing {}", path.display()))?;
        to.sync_all().with_context(|| format!("writing {}", path.display()))
    });
    let contents =
        contents.with_context(|| format!("restoring {}; nothing was replaced", options.file.display()))?;
    bar.finish_and_clear();
    // Its settings come with the backup, and say where it belongs.
    let ledgers = contents.files.iter().filter(|file| file.path.ends_with(".sqlite"));
    for ledger in ledgers {
        check_ledger(&here(ledger))?;
    }
    for file in &contents.files {
        replace(&here(file)).with_context(|| format!("writing {}", here(file).display()))?;
        println!("/{}", file.path);
    }
    let server = Server::read(&options.root)?;
    set_aside_later_versions(&server, &contents.files)?;
    let pictures = server.here(&server.rrd_dir());
    if pictures.is_dir() {
        std::fs::remove_dir_all(&pictures).with_context(|| format!("deleting {}", pictures.display()))?;
        println!("RRD files are made anew from the ledger when the recorder starts.");
    }
    println!("Restored what was taken {}; publishers send what came after it by themselves.", contents.taken);
    println!("Now start the services: systemctl start powerpi-broker powerpi-recorder powerpi-web");
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A new file beside the one that it will replace, with its owner and permissions.
fn write_new(path: &Path, file: &BackedUp, [users, groups]: &[OwnerNames; 2]) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = beside(path, NEW);
    let _left_over = std::fs::remove_file(&new);
    let to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let owner = file.owner.as_deref().and_then(|name| users.number(name));
    let group = file.group.as_deref().and_then(|name| groups.number(name));
    // Only root may give files away; for everybody else they are their own.
    if rustix::process::geteuid().is_root() {
        chown(&new, owner, group)?;
    }
    to.set_permissions(std::fs::Permissions::from_mode(file.mode))?;
    Ok(to)
}

/// Whether the ledger that comes is sound, and nobody uses the one that it replaces.
fn check_ledger(path: &Path) -> anyhow::Result<()> {
    meter_ledger::check_copy(&beside(path, NEW)).context("the ledger of the backup; nothing was changed")?;
    if path.exists() && !meter_ledger::is_unused(path) {
        bail!(
            "{} is in use; nothing was changed. Stop what uses it first: \
             systemctl stop powerpi-web powerpi-alarms powerpi-recorder powerpi-broker",
            path.display()
        );
    }
    Ok(())
}

/// Puts the new file in the place of the one that is there, which is kept if it is another one.
fn replace(path: &Path) -> io::Result<()> {
    let new = beside(path, NEW);
    // What a ledger has left of its log must not get into the one that comes, also where a restore was killed between the two.
    let logs = ["-wal", "-shm"].map(|ending| beside(path, ending)).into_iter().filter(|log| log.exists());
    let logs: Vec<PathBuf> = logs.collect();
    if path.exists() && (!logs.is_empty() || !is_same(path, &new)?) {
        std::fs::rename(path, beside(path, BEFORE))?;
    }
    for log in logs {
        std::fs::rename(&log, beside(&log, BEFORE))?;
    }
    std::fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Versions of the site's settings that the backup does not have were saved after it.
fn set_aside_later_versions(server: &Server, files: &[BackedUp]) -> anyhow::Result<()> {
    let folder = server.settings_dir();
    let numbers = Store::new(server.here(&folder)).numbers().unwrap_or_default();
    for name in numbers.into_iter().map(|number| format!("{folder}/{number}.toml")) {
        if !files.iter().any(|file| file.path == name) {
            let path = server.here(&name);
            std::fs::rename(&path, beside(&path, BEFORE))
                .with_context(|| format!("setting {} aside", path.display()))?;
        }
    }
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    Ok(archive::sha256(File::open(one)?)? == archive::sha256(File::open(other)?)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_a_ledger_does_not_get_into_the_one_that_comes() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let write = |ending: &str, text: &str| std::fs::write(beside(&path, ending), text).unwrap();
        let read = |ending: &str| std::fs::read_to_string(beside(&path, ending)).ok();
        // The second time as if one had been killed that had put the ledger aside, and not yet its log.
        for there in [Some("old"), None] {
            if let Some(there) = there {
                write("", there);
            }
            write("-wal", "log of the old one");
            write(NEW, "new");
            replace(&path).unwrap();
            assert_eq!((read("").as_deref(), read("-wal"), read(NEW)), (Some("new"), None, None));
            assert_eq!(read("-wal.before-restore").as_deref(), Some("log of the old one"));
            assert_eq!(read(BEFORE).as_deref(), Some("old"));
            std::fs::remove_file(&path).unwrap();
        }
    }
}
