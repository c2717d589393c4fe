//! This process's trace.
#![allow(unsafe_code)]

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use libc::{AT_FDCWD, SYS_openat, SYS_write, c_int, syscall};

use crate::event::{Change, Event};

struct Trace {
    folder: PathBuf,
    /// The file it goes to; held while an event gets its time and its place, so that the trace
    /// is in order.
    log: Mutex<c_int>,
}

static TRACE: OnceLock<Option<Trace>> = OnceLock::new();

fn trace() -> Option<&'static Trace> {
    TRACE.get_or_init(open).as_ref()
}

/// By a system call of its own: the functions of this crate must not call themselves.
fn open() -> Option<Trace> {
    let folder = PathBuf::from(std::env::var_os("WRITE_TRACE_FOLDER")?);
    let log = Path::new(&std::env::var_os("WRITE_TRACE_LOG")?).join(format!("{}.trace", std::process::id()));
    let mut name = log.as_os_str().as_bytes().to_vec();
    name.push(0);
    let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: the name ends with a zero and outlives the call.
    let file = unsafe { syscall(SYS_openat, AT_FDCWD, name.as_ptr(), flags, 0o600) };
    (file >= 0).then(|| Trace { folder, log: Mutex::new(file as c_int) })
}

/// A file in the watched folder.
pub(crate) struct Watched {
    inode: u64,
    path: String,
}

/// The file behind a descriptor, if it is watched.
pub(crate) fn of_descriptor(fd: c_int) -> Option<Watched> {
    let trace = trace()?;
    // SAFETY: an all-zero stat is a valid one, and fstat only writes into it.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: as above; a descriptor that is none is refused.
    if unsafe { libc::fstat(fd, &raw mut stat) } != 0 || !is_kept(stat.st_mode) {
        return None;
    }
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    Some(Watched { inode: stat.st_ino, path: within(trace, &path)? })
}

/// The file of a name, relative to a folder's descriptor or to the current folder.
pub(crate) fn of_name(folder: c_int, name: &Path) -> Option<Watched> {
    let trace = trace()?;
    let base = if name.is_absolute() {
        PathBuf::new()
    } else if folder == AT_FDCWD {
        std::env::current_dir().ok()?
    } else {
        std::fs::read_link(format!("/proc/self/fd/{folder}")).ok()?
    };
    let path = base.join(name);
    let parent = std::fs::canonicalize(path.parent()?).ok()?;
    let path = parent.join(path.file_name()?);
    let inode =
        std::fs::symlink_metadata(&path).map_or(0, |found| std::os::unix::fs::MetadataExt::ino(&found));
    Some(Watched { inode, path: within(trace, &path)? })
}

fn is_kept(mode: libc::mode_t) -> bool {
    matches!(mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFDIR)
}

fn within(trace: &Trace, path: &Path) -> Option<String> {
    Some(path.strip_prefix(&trace.folder).ok()?.to_str()?.to_owned())
}

impl Watched {
    /// Its name in the watched folder.
    pub(crate) fn into_path(self) -> String {
        self.path
    }

    /// Appends a change that is done.
    pub(crate) fn note(self, change: Change) {
        let Some(trace) = trace() else { return };
        let log = trace.log.lock().unwrap_or_else(PoisonError::into_inner);
        let event = Event { at_ns: now_ns(), inode: self.inode, path: self.path, change };
        let bytes = event.encode();
        // One call: a process that is killed leaves whole events, and one cut off at most.
        // SAFETY: the bytes outlive the call.
        let written = unsafe { syscall(SYS_write, *log, bytes.as_ptr(), bytes.len()) };
        if written != bytes.len() as i64 {
            // A trace with a hole proves nothing, and an exit would write more.
            #[allow(clippy::disallowed_methods)]
            std::process::abort();
        }
    }
}

/// `CLOCK_MONOTONIC`, the same in all processes.
pub(crate) fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes into it.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
