//! Writing files that others read at any moment.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use anyhow::Context;

/// Writes a file as a whole or not at all. One that is replaced keeps its mode, its owner and its group; a new one gets this
/// mode and this group. Who may not give files away becomes their owner.
///
/// # Errors
/// If it cannot be written; the old one is then unchanged.
pub fn replace_file(path: &Path, text: &str, mode: u32, group: Option<u32>) -> anyhow::Result<()> {
    // The target of a symbolic link, so that the link stays.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = match target.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let write = || -> anyhow::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        let (mode, owner, group) = match target.metadata() {
            Ok(old) => (old.mode() & 0o777, Some(old.uid()), Some(old.gid())),
            Err(_) => (mode, None, group),
        };
        let mode = match give(file.as_file(), owner, group).or_else(|_| give(file.as_file(), None, group)) {
            Ok(()) => mode,
            // The group that it has may do no more than anybody.
            Err(_) => (mode & 0o707) | (mode & 0o007) << 3,
        };
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(&target)?;
        Ok(File::open(folder)?.sync_all()?)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// Gives a file away. Where it is that owner's already, nothing is called that a sandbox may forbid.
fn give(file: &File, owner: Option<u32>, group: Option<u32>) -> std::io::Result<()> {
    let now = file.metadata()?;
    let (owner, group) = (owner.filter(|it| *it != now.uid()), group.filter(|it| *it != now.gid()));
    if owner.is_none() && group.is_none() { Ok(()) } else { fchown(file, owner, group) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_new_file_takes_the_old_ones_place_with_its_mode_and_owner() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        replace_file(&path, "one", 0o644, None).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace_file(&link, "two", 0o600, None).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o644);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        // Only root may give files away.
        let is_given = std::os::unix::fs::chown(&path, Some(12), Some(34)).is_ok();
        replace_file(&path, "three", 0o644, Some(0)).unwrap();
        let now = path.metadata().unwrap();
        assert_eq!(now.mode() & 0o777, 0o640);
        assert!(!is_given || (now.uid(), now.gid()) == (12, 34));
        assert!(link.is_symlink() && std::fs::read_dir(folder.path()).unwrap().count() == 2);
        let error = replace_file(&folder.path().join("no/file"), "", 0o600, None).unwrap_err();
        assert!(format!("{error:#}").contains("no/file"), "{error:#}");
    }
}
