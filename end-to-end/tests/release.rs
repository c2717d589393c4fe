//! `deploy/release.sh`: apt itself reads the repository that it makes, and the same packages make the same files.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The smallest packages that there are.
fn packages(folder: &Path) -> PathBuf {
    let packages = folder.join("packages");
    fs::create_dir(&packages).unwrap();
    for architecture in ["amd64", "arm64"] {
        let root = folder.join(architecture);
        fs::create_dir_all(root.join("DEBIAN")).unwrap();
        let control = format!(
            "Package: powerpi-pi\nVersion: {VERSION}\nArchitecture: {architecture}\n\
             Maintainer: PowerPi <powerpi@example.org>\nDescription: counts pulses\n"
        );
        fs::write(root.join("DEBIAN/control"), control).unwrap();
        let file = packages.join(format!("powerpi-pi_{VERSION}_{architecture}.deb"));
        let mut build = Command::new("dpkg-deb");
        build.args(["--root-owner-group", "--build"]).arg(&root).arg(file);
        assert!(build.output().unwrap().status.success());
    }
    packages
}

fn release(packages: &Path, page: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/release.sh");
    Command::new(script).arg(packages).arg(page).output().unwrap()
}

/// What apt finds in a repository, with all of its own files in a folder of the test.
fn apt(folder: &Path, repository: &Path, arguments: &[&str]) -> String {
    for own in ["lists/partial", "cache/archives/partial", "etc"] {
        fs::create_dir_all(folder.join("apt").join(own)).unwrap();
    }
    fs::write(folder.join("apt/status"), "").unwrap();
    let source = format!("deb [trusted=yes] file:{} ./\n", repository.display());
    fs::write(folder.join("apt/etc/sources.list"), source).unwrap();
    let own = |name: &str| folder.join("apt").join(name).display().to_string();
    let settings = format!(
        "Dir::State \"{}\"; Dir::State::lists \"{}\"; Dir::State::status \"{}\"; Dir::Cache \"{}\";\n\
         Dir::Etc \"{}\"; Dir::Etc::sourceparts \"-\"; APT::Architecture \"amd64\";\n\
         APT::Architectures {{ \"amd64\"; \"arm64\"; }}; APT::Sandbox::User \"\";\n",
        own(""),
        own("lists"),
        own("status"),
        own("cache"),
        own("etc")
    );
    fs::write(folder.join("apt.conf"), settings).unwrap();
    let mut command = Command::new(arguments[0]);
    let run = command.args(&arguments[1..]).env("APT_CONFIG", folder.join("apt.conf")).output().unwrap();
    let said = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
    assert!(run.status.success(), "{arguments:?}: {said}");
    said
}

#[test]
fn apt_reads_the_repository_and_the_same_packages_make_the_same_files() {
    let folder = TempDir::new().unwrap();
    let packages = packages(folder.path());
    let page = folder.path().join("page");
    let made = release(&packages, &page);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let sums = fs::read_to_string(page.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 4, "{sums}");
    let check =
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&page).output();
    assert!(check.unwrap().status.success());
    let list = fs::read(page.join(format!("powerpi_{VERSION}.cdx.json"))).unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    let crates = list["components"].as_array().unwrap();
    assert!(crates.iter().any(|one| one["name"] == "rumqttd") && crates.len() > 300, "{}", crates.len());
    assert!(fs::read_to_string(page.join("NOTES.md")).unwrap().starts_with("### "));

    apt(folder.path(), &page.join("apt"), &["apt-get", "update"]);
    let found =
        apt(folder.path(), &page.join("apt"), &["apt-cache", "policy", "powerpi-pi", "powerpi-pi:arm64"]);
    assert_eq!(found.matches(&format!("Candidate: {VERSION}")).count(), 2, "{found}");

    assert!(release(&packages, &page).status.success(), "what was there is replaced");
    assert_eq!(fs::read_to_string(page.join("SHA256SUMS")).unwrap(), sums);
}

#[test]
fn it_refuses_what_would_be_no_release() {
    let folder = TempDir::new().unwrap();
    let packages = packages(folder.path());
    let full = folder.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("photo.jpg"), "mine").unwrap();
    let refused = release(&packages, &full);
    assert!(!refused.status.success() && full.join("photo.jpg").is_file());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds something else"));
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let refused = release(&empty, &folder.path().join("page"));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("run make packages"), "{refused:?}");
}
