//! What survives a publisher, for the next one.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::{Contact, LineRequest, SourceTime};

/// What earlier runs kept for a source.
#[derive(Debug, Default)]
pub struct EarlierRun {
    /// Everything up to here is counted, in nanoseconds of UTC since 1970.
    pub counted_until_utc_ns: Option<i64>,
    /// A file in a tmpfs for edges that are read but not counted yet.
    pub edges: Option<PathBuf>,
    /// The line itself, in which the kernel keeps queueing edges.
    pub line: Option<KeptLine>,
}

/// A line that was requested by an earlier run.
#[derive(Debug)]
pub struct KeptLine {
    /// Its descriptor.
    pub descriptor: OwnedFd,
    /// The request.
    pub request: LineRequest,
    /// Counted up to here.
    pub until: SourceTime,
    /// The contact's state then.
    pub contact: Contact,
}
