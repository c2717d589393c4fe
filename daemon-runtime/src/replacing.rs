//! Writing files that others read at any moment.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;

/// Writes a file as a whole or not at all, with this mode and, as far as we may give it away, this group.
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
        if group.is_some() {
            // Who is not root has all files for itself.
            let _ = std::os::unix::fs::fchown(&file, None, group);
        }
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(&target)?;
        Ok(File::open(folder)?.sync_all()?)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_new_file_takes_the_old_ones_place_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        replace_file(&path, "one", 0o644, None).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace_file(&link, "two", 0o600, None).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(link.is_symlink() && std::fs::read_dir(folder.path()).unwrap().count() == 2);
        let error = replace_file(&folder.path().join("no/file"), "", 0o600, None).unwrap_err();
        assert!(format!("{error:#}").contains("no/file"), "{error:#}");
    }
}
