//! A line by the kernel's GPIO character device (uAPI v2, Linux 5.10 or newer).
//!
//! The kernel stamps every edge and queues it: 1024 of them, a minute at the
//! highest rate S0 allows. When the queue is full it drops the oldest, and the
//! running number of the next tells how many. Nothing is lost unseen.

use std::io;
use std::time::Duration;

use gpiocdev::Request;
use gpiocdev::line::{EdgeDetection, EdgeEvent, EdgeKind, EventClock, Value};
use serde::Deserialize;

use super::chips::{self, FoundLine, io_error, said};
use super::line::Line;
use super::{Contact, Edge, PulseSource, SourceClock, SourceError, SourceTime, Watched};
use crate::clock::monotonic_now;

/// The most the kernel lets us have.
const QUEUED_EDGES: u32 = 1024;
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
    /// `pinctrl-bcm2711`; the one behind a Pi's header where none is given.
    #[serde(default)]
    pub chip: Option<String>,
    /// The line: a BCM number or a name, `17` or `"GPIO17"`.
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
    /// Off: there is one outside.
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

/// A requested line: nobody else can have it while this lives.
#[derive(Debug)]
pub struct CharacterDevice {
    request: Request,
    described: String,
    began: (SourceTime, Contact),
    /// The number of the last edge that was read.
    last_number: u32,
    /// Edges read while the first contact was being found out.
    ahead: Vec<Edge>,
    /// Room for all that can be queued.
    records: Vec<u64>,
}

impl CharacterDevice {
    /// Finds the line and requests it.
    pub fn open(settings: &CdevSettings) -> Result<Self, SourceError> {
        let line = chips::find(settings.chip.as_deref(), &settings.line)?;
        let described = describe(&line);
        let began = monotonic_now();
        let request = request(settings, &line).map_err(|error| refused(&line, &described, &error))?;
        let level = request.lone_value().map_err(|error| said(format!("reading {described}"), &error))?;

        let records = vec![0; request.edge_event_u64_size() * QUEUED_EDGES as usize];
        let contact = if level == Value::Active { Contact::Closed } else { Contact::Open };
        let began = (began, contact);
        let mut device = Self { request, described, began, last_number: 0, ahead: Vec::new(), records };
        // An edge may have come between the request and the look at the line.
        if device.wait(Duration::ZERO)? {
            device.ahead = device.read()?;
            device.began.1 = device.ahead.first().map_or(contact, |edge| edge.contact.opposite());
        }
        Ok(device)
    }

    fn wait(&self, at_most: Duration) -> Result<bool, SourceError> {
        match self.request.wait_edge_event(at_most) {
            // A signal: whoever it was for will stop asking us.
            Err(error) if io_error(&error).kind() == io::ErrorKind::Interrupted => Ok(false),
            outcome => outcome.map_err(|error| said(format!("waiting for {}", self.described), &error)),
        }
    }

    /// Reads all that is queued; waits where nothing is.
    fn read(&mut self) -> Result<Vec<Edge>, SourceError> {
        let failed = |error| said(format!("reading {}", self.described), &error);
        let filled = self.request.read_edge_events_into_slice(&mut self.records).map_err(failed)?;
        let records = self.records[..filled].chunks_exact(self.request.edge_event_u64_size());
        let mut edges = Vec::with_capacity(records.len());
        for record in records {
            let event = self.request.edge_event_from_slice(record).map_err(failed)?;
            edges.push(edge(&event, self.last_number));
            self.last_number = event.line_seqno;
        }
        Ok(edges)
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
            return Ok(Watched { edges, until });
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
            Some(last) if edges.len() >= QUEUED_EDGES as usize => last,
            _ => now.plus_ns(-QUEUED_WITHIN_NS).max(last.unwrap_or(self.began.0)),
        };
        Ok(Watched { edges, until })
    }

    fn clock(&self) -> SourceClock {
        SourceClock::Monotonic
    }

    fn describe(&self) -> String {
        self.described.clone()
    }
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
        .with_kernel_event_buffer_size(QUEUED_EDGES);
    if settings.active_low {
        builder.as_active_low();
    }
    builder.request()
}

/// Why the kernel did not give us the line.
fn refused(line: &FoundLine, what: &str, error: &gpiocdev::Error) -> SourceError {
    let what = what.to_owned();
    match io_error(error) {
        error if error.kind() == io::ErrorKind::ResourceBusy => {
            let info = gpiocdev::Chip::from_path(&line.chip).and_then(|chip| chip.line_info(line.offset));
            let by = match info.map(|info| info.consumer).unwrap_or_default() {
                by if by.is_empty() => "somebody without a name".into(),
                by if by == "sysfs" => "sysfs (exported under /sys/class/gpio)".into(),
                by => by,
            };
            SourceError::Busy { what, by }
        }
        error if error.kind() == io::ErrorKind::PermissionDenied => SourceError::Denied { what },
        error => SourceError::Io { doing: format!("requesting {what}"), error },
    }
}

/// Rising is towards active, whatever the level of that.
fn edge(event: &EdgeEvent, last_number: u32) -> Edge {
    Edge {
        at: SourceTime(i64::try_from(event.timestamp_ns).unwrap_or(i64::MAX)),
        contact: match event.kind {
            EdgeKind::Rising => Contact::Closed,
            EdgeKind::Falling => Contact::Open,
        },
        // The numbers begin at 1 and go around after 2³².
        lost_before: event.line_seqno.wrapping_sub(last_number).wrapping_sub(1),
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
        let numbered = |line_seqno| EdgeEvent {
            timestamp_ns: 5,
            kind: EdgeKind::Rising,
            offset: 17,
            seqno: line_seqno,
            line_seqno,
        };
        assert_eq!(edge(&numbered(1), 0).lost_before, 0);
        assert_eq!(edge(&numbered(12), 9).lost_before, 2);
        assert_eq!(edge(&numbered(1), u32::MAX).lost_before, 1);
    }
}
