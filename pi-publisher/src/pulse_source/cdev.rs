//! A line by the kernel's GPIO character device (uAPI v2, Linux 5.10 or newer).
//!
//! The kernel stamps every edge and queues it: 1024 of them, a minute at the
//! highest rate S0 allows. When the queue is full it drops the oldest, and the
//! running number of the next one tells how many. Nothing is lost unnoticed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use gpiocdev::Request;
use gpiocdev::line::{EdgeDetection, EventClock, Value};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;

use super::chips::{self, FoundLine, io_error, said};
use super::kept::{EarlierRun, KeptLine};
use super::line::Line;
use super::records::{self, Record, Records};
use super::{Contact, Edge, LineRequest, PulseSource, SourceClock, SourceError, SourceTime, Watched};
use crate::clock::monotonic_now;

/// How long a quiet line is waited for.
const WAIT: Duration = Duration::from_millis(500);
/// An edge is stamped in the interrupt and queued by a thread of the kernel a
/// little later; it is not over until that thread has run.
const QUEUED_WITHIN_NS: i64 = 100 * SourceTime::MS;

/// The settings of a line on the character device.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CdevSettings {
    /// The chip: a path, a name under `/dev` or a label such as
    /// `pinctrl-bcm2711`; by default the one behind a Pi's header.
    #[serde(default)]
    pub chip: Option<String>,
    /// The line: a BCM number, a name or a pin of the header: `17`, `"GPIO17"`,
    /// `"pin 11"`.
    pub line: Line,
    /// The resistor inside the chip.
    #[serde(default)]
    pub bias: Bias,
    /// Whether a closed contact pulls the line low, as it does between the
    /// line and ground.
    #[serde(default = "yes")]
    pub active_low: bool,
}

fn yes() -> bool {
    true
}

/// The resistor inside the chip that holds the line while the contact is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bias {
    /// To 3.3 V: for a contact between the line and ground.
    #[default]
    PullUp,
    /// To ground: for a contact between the line and 3.3 V.
    PullDown,
    /// Off: there is a resistor outside.
    None,
}

impl From<Bias> for gpiocdev::line::Bias {
    fn from(bias: Bias) -> Self {
        match bias {
            Bias::PullUp => Self::PullUp,
            Bias::PullDown => Self::PullDown,
            Bias::None => Self::Disabled,
        }
    }
}

/// A requested line: no other program can have it meanwhile.
#[derive(Debug)]
pub struct CharacterDevice {
    line: OwnedFd,
    records: Records,
    described: String,
    began: (SourceTime, Contact),
    request: LineRequest,
    /// The number of the last edge that was read; the request's is that of the last
    /// one that was handed out.
    last_number: u32,
    /// Edges read before the first call.
    ahead: Vec<Edge>,
}

impl CharacterDevice {
    /// Continues with the request of an earlier run, or finds the line and requests
    /// it.
    pub fn open(settings: &CdevSettings, kept: EarlierRun) -> Result<Self, SourceError> {
        let found = chips::find(settings.chip.as_deref(), &settings.line)?;
        let described = describe(&found);
        let records = |goes_on| match &kept.edges {
            // Whether runtime_dir can be used is logged elsewhere.
            Some(file) => Records::in_file(file, goes_on).or_else(|_| Records::in_memory()),
            None => Records::in_memory(),
        };
        let failed = |error| SourceError::Io {
            doing: format!("reserving memory for the edges of {described}"),
            error,
        };
        if let Some(KeptLine { descriptor: line, request, until, contact }) = kept.line {
            let records = records(true).map_err(failed)?;
            let (began, last_number) = ((until, contact), request.last_number);
            let mut device =
                Self { line, records, described, began, request, last_number, ahead: Vec::new() };
            // Read by the previous run, but not counted by it.
            let left = device.records.after(last_number);
            device.ahead = device.edges(&left);
            return Ok(device);
        }
        let id = daemon_runtime::random_id();
        let records = records(false).map_err(failed)?;
        let began = monotonic_now();
        let request = request(settings, &found).map_err(|error| refused(&found, &described, &error))?;
        let level = request.lone_value().map_err(|error| said(format!("reading {described}"), &error))?;
        let line = request.as_fd().try_clone_to_owned().map_err(failed)?;
        let contact = if level == Value::Active { Contact::Closed } else { Contact::Open };
        let request = LineRequest { id, settings: line_settings(settings), last_number: 0 };
        let mut device = Self {
            line,
            records,
            described,
            began: (began, contact),
            request,
            last_number: 0,
            ahead: Vec::new(),
        };
        // An edge may have come between the request and reading the level.
        if device.wait(Duration::ZERO)? {
            device.ahead = device.read()?;
            device.began.1 = device.ahead.first().map_or(contact, |edge| edge.contact.opposite());
        }
        Ok(device)
    }

    fn wait(&self, at_most: Duration) -> Result<bool, SourceError> {
        let at_most = Timespec { tv_sec: 0, tv_nsec: at_most.subsec_nanos().into() };
        let mut ready = [PollFd::new(&self.line, PollFlags::IN)];
        match poll(&mut ready, Some(&at_most)) {
            // A signal: if it was for us, the caller stops.
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(self.failed("waiting for", error.into())),
            Ok(ready) => Ok(ready > 0),
        }
    }

    /// Reads everything in the queue; waits if it is empty.
    fn read(&mut self) -> Result<Vec<Edge>, SourceError> {
        let records = self.records.read(&self.line).map_err(|error| self.failed("reading", error))?;
        Ok(self.edges(&records))
    }

    fn failed(&self, doing: &str, error: io::Error) -> SourceError {
        SourceError::Io { doing: format!("{doing} {}", self.described), error }
    }

    fn edges(&mut self, records: &[Record]) -> Vec<Edge> {
        let edge = |record: &Record| {
            let edge = edge(record, self.last_number);
            self.last_number = record.number;
            edge
        };
        records.iter().map(edge).collect()
    }

    fn hand_out(&mut self, edges: Vec<Edge>, until: SourceTime) -> Watched {
        self.request.last_number = self.last_number;
        Watched { edges, until, unwatched: Vec::new() }
    }
}

impl PulseSource for CharacterDevice {
    fn began(&self) -> (SourceTime, Contact) {
        self.began
    }

    fn watch(&mut self) -> Result<Watched, SourceError> {
        if !self.ahead.is_empty() {
            let edges = std::mem::take(&mut self.ahead);
            let until = edges.last().map_or(self.began.0, |edge| edge.at);
            return Ok(self.hand_out(edges, until));
        }
        let waiting = self.wait(WAIT)?;
        let now = monotonic_now();
        // What came between the two is older than `now`, too.
        let waiting = waiting || self.wait(Duration::ZERO)?;
        let edges = if waiting { self.read()? } else { Vec::new() };
        // With the queue read to its end, all that is older than the kernel
        // needs for queueing is in; else only what was read.
        let last = edges.last().map(|edge| edge.at);
        let until = match last {
            Some(last) if edges.len() >= records::MOST => last,
            _ => now.plus_ns(-QUEUED_WITHIN_NS).max(last.unwrap_or(self.began.0)),
        };
        Ok(self.hand_out(edges, until))
    }

    fn clock(&self) -> SourceClock {
        SourceClock::Monotonic
    }

    fn describe(&self) -> String {
        self.described.clone()
    }

    fn request(&self) -> Option<LineRequest> {
        Some(self.request.clone())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.line.as_fd())
    }
}

/// What a request is made with: another line, resistor or level is another
/// request.
pub(super) fn line_settings(settings: &CdevSettings) -> String {
    format!("{settings:?}")
}

fn describe(line: &FoundLine) -> String {
    let chip = line.chip.file_name().unwrap_or_default().to_string_lossy();
    let name = if line.name.is_empty() { String::new() } else { format!(" ({})", line.name) };
    format!("cdev {chip} line {}{name}", line.offset)
}

fn request(settings: &CdevSettings, line: &FoundLine) -> gpiocdev::Result<Request> {
    let mut builder = Request::builder();
    builder
        .on_chip(&line.chip)
        .with_consumer("pi-publisher")
        .with_line(line.offset)
        .as_input()
        .with_bias(gpiocdev::line::Bias::from(settings.bias))
        .with_edge_detection(EdgeDetection::BothEdges)
        .with_event_clock(EventClock::Monotonic)
        .with_kernel_event_buffer_size(records::MOST as u32);
    if settings.active_low {
        builder.as_active_low();
    }
    builder.request()
}

/// Why the kernel refused the line.
fn refused(line: &FoundLine, what: &str, error: &gpiocdev::Error) -> SourceError {
    let what = what.to_owned();
    match io_error(error) {
        error if error.kind() == io::ErrorKind::ResourceBusy => {
            let info = gpiocdev::Chip::from_path(&line.chip).and_then(|chip| chip.line_info(line.offset));
            let by = match info.map(|info| info.consumer).unwrap_or_default() {
                by if by.is_empty() => "a program without a name".into(),
                by if by == "sysfs" => "sysfs (exported under /sys/class/gpio)".into(),
                by => by,
            };
            SourceError::Busy { what, by }
        }
        error if error.kind() == io::ErrorKind::PermissionDenied => SourceError::Denied { what },
        error => SourceError::Io { doing: format!("requesting {what}"), error },
    }
}

/// Rising is towards active, whatever level that is.
fn edge(record: &Record, last_number: u32) -> Edge {
    Edge {
        at: SourceTime(i64::try_from(record.timestamp_ns).unwrap_or(i64::MAX)),
        contact: if record.rising { Contact::Closed } else { Contact::Open },
        // The numbers start at 1 and wrap around after 2³².
        lost_before: record.number.wrapping_sub(last_number).wrapping_sub(1),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> Result<CdevSettings, String> {
        daemon_runtime::parse(toml).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_alone_is_enough() {
        let settings = settings("line = \"GPIO17\"").unwrap();
        assert_eq!(settings.line, Line::Name("GPIO17".into()));
        assert_eq!((settings.chip, settings.bias, settings.active_low), (None, Bias::PullUp, true));
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        assert!(settings("").unwrap_err().contains("\"line\" is missing"));
        assert!(settings("line = 17\npull = 1").unwrap_err().contains("pull"));
        assert!(settings("line = 17\nbias = \"up\"").unwrap_err().contains("pull-up"));
    }

    #[test]
    fn a_gap_in_the_numbers_is_the_number_of_lost_edges() {
        let numbered = |number| Record { timestamp_ns: 5, rising: true, number };
        assert_eq!(edge(&numbered(1), 0).lost_before, 0);
        assert_eq!(edge(&numbered(12), 9).lost_before, 2);
        assert_eq!(edge(&numbered(1), u32::MAX).lost_before, 1);
    }
}
