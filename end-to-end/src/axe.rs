//! axe-core, which looks for what keeps people from using a page. Only tests need
//! it, so it is fetched from npm, in one version, and not kept in the repository.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The version, and npm's own checksum of its package.
const PACKAGE: &str = "axe-core@4.11.0";

/// The text of the script.
pub(crate) fn source() -> &'static str {
    static SOURCE: OnceLock<String> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let file = folder().join("package/axe.min.js");
        if !file.is_file() {
            fetch();
        }
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    })
}

/// Beside the other things that are made and not kept.
fn folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().find(|folder| folder.ends_with("target"));
    target.expect("a test lies in target").join(PACKAGE.replace('@', "-"))
}

fn fetch() {
    // Two tests may do so at once: each in a folder of its own, and then moved.
    let work = tempfile::TempDir::new_in(folder().parent().unwrap()).unwrap();
    let packed = Command::new("npm")
        .args(["pack", "--silent", PACKAGE])
        .current_dir(work.path())
        .output()
        .expect("npm; it is in Debian's npm");
    assert!(packed.status.success(), "npm pack {PACKAGE}: {}", String::from_utf8_lossy(&packed.stderr));
    let archive = String::from_utf8(packed.stdout).unwrap().trim().to_owned();
    let unpacked = Command::new("tar").args(["xzf", &archive]).current_dir(work.path()).status().unwrap();
    assert!(unpacked.success(), "unpacking {archive}");
    let _ = std::fs::rename(work.keep(), folder());
}
