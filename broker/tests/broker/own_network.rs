//! A network of a test's own, with as many addresses as it likes, which nobody else sees.

use std::process::Command;

/// In the process that has one.
const INSIDE: &str = "POWERPI_TEST_NETWORK";

/// Whether this process has a network of its own. Where it has none, the test of that name is run in one, prepared by
/// these commands of a shell, and the caller is done.
pub(crate) fn has(test: &str, prepared_by: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let inside = format!("{prepared_by} && exec \"$0\" --exact \"$1\" --nocapture");
    let ran = unshare
        .args(["--net", "sh", "-c", &inside])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INSIDE, "1")
        .output()
        .unwrap_or_else(|error| panic!("unshare (of util-linux) is needed: {error}"));
    let [said, errors] = [&ran.stdout, &ran.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(ran.status.success() && said.contains("1 passed"), "{said}{errors}");
    false
}
