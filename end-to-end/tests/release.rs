//! What is delivered. `deploy/release.sh`: apt itself reads the repository that it makes, and the same packages make the
//! same files. Packages: what they start they stop.
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
    fs::write(packages.join(format!("powerpi-pi_{VERSION}_linux_amd64.tar.gz")), "static").unwrap();
    let page = folder.path().join("page");
    let made = release(&packages, &page);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let sums = fs::read_to_string(page.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 5, "{sums}");
    assert!(sums.contains("linux_amd64.tar.gz"), "{sums}");
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

/// `deploy/raspberry-pi/prepare-card.sh`. That cloud-init understands the card is tried by `make test-packages`.
#[test]
fn a_card_is_prepared_only_if_it_is_one_and_of_what_yaml_takes() {
    let folder = TempDir::new().unwrap();
    let card = folder.path().join("card");
    fs::create_dir(&card).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.deb", "");
    write("key.pub", "ssh-ed25519 AAAA anna: \"x\"\n");
    let prepare = |more: &[&str], line: &str| {
        write("line", line);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/raspberry-pi/prepare-card.sh");
        let usual = ["--boot", "card", "--package", "a.deb", "--pin", "11", "--pulses-per-kwh", "1000"];
        let line = fs::File::open(folder.path().join("line")).unwrap();
        let run = Command::new(script).args(usual).args(more).current_dir(folder.path()).stdin(line).output();
        let run = run.unwrap();
        (run.status.success(), String::from_utf8(run.stderr).unwrap())
    };
    let line = "powerpi://server.lan:8883/home\n";
    assert!(prepare(&[], line).1.contains("is not the first partition"));
    write("card/config.txt", "");
    assert!(prepare(&[], line).1.contains("has no cloud-init"));
    write("card/user-data", "# nobody has written anything\n");
    for (more, line, why) in [
        (&["--name", "a: b"][..], line, "--name"),
        (&["--pin", "11; reboot"], line, "--pin"),
        (&["--user", "anna", "--key", "a.deb"], line, "--key"),
        (&["--wifi", "x", "--wifi-password-file", "a.deb"], line, "--country"),
        (&[], "", "there is no invitation"),
        (&[], "powerpi://x y\n", "that is no invitation"),
    ] {
        let (is_done, said) = prepare(more, line);
        assert!(!is_done && said.contains(why), "{more:?}: {said}");
    }
    let (is_done, said) = prepare(&["--user", "anna", "--key", "key.pub"], line);
    assert!(is_done, "{said}");
    let written = fs::read_to_string(card.join("user-data")).unwrap();
    assert!(
        written.starts_with("#cloud-config\n") && written.contains("[\"ssh-ed25519 AAAA\"]"),
        "{written}"
    );
    assert_eq!(fs::read_to_string(card.join("powerpi-invitation")).unwrap(), line);
    assert!(prepare(&[], line).1.contains("has settings already"));
}

/// The units of a package, those that somebody can switch on.
fn units(package: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd");
    let mut found = Vec::new();
    for unit in fs::read_dir(root).unwrap().map(|unit| unit.unwrap()) {
        let name = unit.file_name().into_string().unwrap();
        let is_of_pi = name.starts_with("pi-publisher");
        let text = fs::read_to_string(unit.path()).unwrap();
        if text.contains("\n[Install]\n") && is_of_pi == (package == "powerpi-pi") {
            found.push(name);
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn what_a_package_can_start_goes_with_it() {
    for package in ["powerpi-pi", "powerpi-server"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/packages").join(package);
        for script in ["postinst", "prerm", "postrm"] {
            let text = fs::read_to_string(folder.join(script)).unwrap();
            for unit in units(package) {
                assert!(text.contains(&unit), "{package}/{script} does not know {unit}");
            }
        }
    }
}

/// A server that ran before, perhaps with another package of it, is not stopped by what tests need.
#[test]
fn only_servers_that_come_along_are_stopped() {
    let folder = TempDir::new().unwrap();
    let stub = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    stub("dpkg-query", "exit 1");
    stub("sudo", "exec \"$@\"");
    stub("apt-get", "[ \"$1\" = update ] || touch installed");
    stub(
        "systemctl",
        "case $1 in
         is-system-running) echo running ;;
         list-unit-files) echo 'nginx.service enabled enabled'
            [ ! -e installed ] || printf '%s enabled enabled\\n' mosquitto.service postgresql.service ;;
         *) echo \"$*\" >> told ;;
         esac",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/install-packages.sh");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let run = Command::new(script).arg("test").env("PATH", path).current_dir(folder.path()).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    let told = fs::read_to_string(folder.path().join("told")).unwrap();
    assert_eq!(told, "disable --now mosquitto.service\ndisable --now postgresql.service\n");
}
