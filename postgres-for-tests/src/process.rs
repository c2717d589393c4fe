//! The server's process.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Who runs it where the tests run as root, which PostgreSQL refuses: Debian's package makes this user.
const USER: &str = "postgres";

/// Runs a command until its own input ends, which it does when the test program is over.
const UNTIL_THE_END: &str = r#"
    "$@" & server=$!
    read -r word
    kill -QUIT $server 2>/dev/null
    wait $server
    [ "$word" = keep ] || rm -rf "$FOLDER"
"#;

/// A server that is ended with the test program.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a command whose messages go to `log` in a folder. The folder is removed afterwards.
    pub(crate) fn start(command: &Command, folder: &Path) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let shell = Command::new("sh")
            .args(["-c", UNTIL_THE_END, "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .env("FOLDER", folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(shell)
    }
}

impl Process {
    /// Waits until the server that was killed is gone. Its folder stays.
    pub(crate) fn wait(mut self) {
        self.0.stdin.take().unwrap().write_all(b"keep\n").unwrap();
        self.0.wait().unwrap();
    }
}

/// Sends a signal to processes; some may have ended by themselves.
pub(crate) fn signal(signal: &str, to: &[String]) {
    Command::new("kill").arg(signal).args(to).stderr(Stdio::null()).status().unwrap();
}

/// Whether a process holds anything yet: one that has ended may wait for its parent to notice.
pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Makes a folder the server's own.
pub(crate) fn give_away(folder: &Path) {
    if is_root() {
        assert!(Command::new("chown").arg(USER).arg(folder).status().unwrap().success(), "chown");
    }
}

/// One of PostgreSQL's programs, as a user that it does not refuse.
pub(crate) fn command(program: &str) -> Command {
    let program = newest().join(program);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]).arg(program);
    command
}

/// Where Debian has the programs of the newest version.
fn newest() -> PathBuf {
    let versions =
        fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is missing: deploy/install-packages.sh test");
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let path = version.unwrap().path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .collect();
    versions.sort();
    versions.pop().expect("PostgreSQL is missing: deploy/install-packages.sh test").1
}
