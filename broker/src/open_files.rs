//! Open files: each connection needs one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the broker opens besides connections: the store, its log, sockets, pipes.
const OTHERS: u64 = 64;

/// Raises the process's limit of open files so that `connections` fit, or warns.
pub(crate) fn allow(connections: usize) {
    let wanted = connections as u64 + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let possible = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum }) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    if possible < wanted {
        tracing::warn!(
            wanted,
            possible,
            "fewer open files are allowed than [mqtt] max_connections needs; \
             raise LimitNOFILE, or lower max_connections"
        );
    }
}
