//! Open files: each connection needs one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a daemon opens besides connections: files, their logs, sockets, pipes.
const OTHERS: u64 = 64;

/// Raises the process's limit of open files so that `connections` fit, or warns; `setting` is what
/// allows so many.
pub fn allow_open_files(connections: usize, setting: &str) {
    let wanted = connections as u64 + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let possible = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum }) {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
    if possible < wanted {
        tracing::warn!(
            wanted,
            possible,
            "fewer open files are allowed than {setting} needs; raise LimitNOFILE, or lower it"
        );
    }
}
