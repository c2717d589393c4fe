//! Where pulses come from: a line of the kernel, or a simulated household.

pub mod cdev;
mod chips;
mod exported_pin;
mod kept;
mod line;
mod open;
mod records;
pub mod simulated;
pub mod sysfs;

use std::ops::Range;
use std::os::fd::BorrowedFd;

pub use kept::{EarlierRun, KeptLine};
pub use line::Line;
pub use open::{line_settings, open};

use serde::{Deserialize, Serialize};

/// A point on the source's own clock, in nanoseconds.
///
/// For a line it is `CLOCK_MONOTONIC`, which no clock step moves; it is converted
/// to UTC only when a minute is closed ([`crate::clock`]). A simulated source
/// counts in nanoseconds of UTC since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceTime(pub i64);

impl SourceTime {
    /// Nanoseconds in a millisecond.
    pub const MS: i64 = 1_000_000;

    /// This point moved by some nanoseconds.
    pub fn plus_ns(self, nanoseconds: i64) -> Self {
        Self(self.0.saturating_add(nanoseconds))
    }

    /// Nanoseconds since an earlier point.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The meter's S0 output: a transistor that closes for each pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contact {
    /// Conducting, during a pulse. With a pull-up the line is low.
    Closed,
    /// Not conducting: the quiet state.
    Open,
}

impl Contact {
    /// The other state.
    pub fn opposite(self) -> Self {
        match self {
            Self::Closed => Self::Open,
            Self::Open => Self::Closed,
        }
    }
}

/// A change of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// When; the kernel's time stamp if there is one.
    pub at: SourceTime,
    /// The contact from then on.
    pub contact: Contact,
    /// Edges directly before this one that the kernel counted and dropped.
    pub lost_before: u32,
}

/// What a source saw since it was last asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Edges in the order of their time stamps; often none.
    pub edges: Vec<Edge>,
    /// The line has been watched up to here, and every earlier edge is reported.
    pub until: SourceTime,
    /// Times before `until` in which nobody looked, and what happened is not
    /// known; ascending, nearly always none.
    pub unwatched: Vec<Range<SourceTime>>,
}

/// Something that watches a contact.
///
/// Each source has its own way of opening; from then on one thread owns it,
/// because waiting for a line blocks.
pub trait PulseSource: Send {
    /// The contact when watching began, and since when.
    fn began(&self) -> (SourceTime, Contact);

    /// Waits for edges and returns them; returns without any after at most a
    /// second, so that a quiet minute can be closed in time.
    fn watch(&mut self) -> Result<Watched, SourceError>;

    /// The clock of its [`SourceTime`].
    fn clock(&self) -> SourceClock;

    /// For people: `cdev gpiochip0 line 17`.
    fn describe(&self) -> String;

    /// The kernel's request of the line, if it can outlive this process.
    fn request(&self) -> Option<LineRequest> {
        None
    }

    /// Its descriptor.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A request of a line that continues over restarts of the publisher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRequest {
    /// A random name of its own.
    pub id: String,
    /// What was requested; it cannot be used with other settings.
    pub settings: String,
    /// The number of the last edge that was returned.
    pub last_number: u32,
}

/// What a [`SourceTime`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceClock {
    /// `CLOCK_MONOTONIC` of this machine.
    Monotonic,
    /// UTC since 1970, which is always right.
    Utc,
}

/// Why a source cannot be opened or read; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No such chip or line.
    #[error("{what} was not found; {remedy}")]
    Missing {
        /// What was looked for.
        what: String,
        /// What exists instead, or what to try.
        remedy: String,
    },
    /// Another program uses the line.
    #[error("{what} is in use by {by}; stop that program or choose another line")]
    Busy {
        /// The line.
        what: String,
        /// That program's name, from the kernel.
        by: String,
    },
    /// No permission.
    #[error("this user may not open {what}; add the user to the group gpio, or run as root")]
    Denied {
        /// The file or line.
        what: String,
    },
    /// Anything else the system said.
    #[error("{doing}: {error}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        error: std::io::Error,
    },
}
