//! What was seen of one line.

use meter_messages::MeterConstant;

use crate::bounce_filter::{BounceFilter, Pulse};
use crate::pulse_source::{Contact, SourceTime, Watched};

/// Phases of the contact that are kept for a verdict; a line that does more in a
/// look is told by its number of edges.
const MOST_PHASES: usize = 100_000;

/// How long the contact stayed in each state, in nanoseconds, in the order in which
/// that was seen; the first and the last phase are not among them, their ends are
/// not known.
#[derive(Debug, Default)]
pub(super) struct Phases {
    pub(super) closed_ns: Vec<i64>,
    pub(super) open_ns: Vec<i64>,
}

/// What was seen of one line.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) source: String,
    /// The contact when the look began, and when it was over.
    pub(super) contacts: [Contact; 2],
    pub(super) edges: usize,
    pub(super) lost_edges: u32,
    pub(super) pulses: Vec<Pulse>,
    pub(super) widths_ns: Vec<i64>,
    pub(super) rejected: u32,
    pub(super) phases: Phases,
    /// How long the contact was closed, and how long it was watched, in nanoseconds.
    pub(super) closed_ns: i64,
    pub(super) looked_ns: i64,
    /// Time in which nobody could look.
    pub(super) unwatched_ns: i64,
    /// Since when the contact is as it is, once it has changed.
    changed: Option<SourceTime>,
    /// Looked up to here.
    until: SourceTime,
}

impl Seen {
    pub(super) fn begin(source: String, (began, contact): (SourceTime, Contact)) -> Self {
        Self {
            source,
            contacts: [contact; 2],
            edges: 0,
            lost_edges: 0,
            pulses: Vec::new(),
            widths_ns: Vec::new(),
            rejected: 0,
            phases: Phases::default(),
            closed_ns: 0,
            looked_ns: 0,
            unwatched_ns: 0,
            changed: None,
            until: began,
        }
    }

    pub(super) fn take(&mut self, watched: &Watched, filter: &mut BounceFilter) {
        for edge in &watched.edges {
            self.pass_to(edge.at);
            self.end_phase(edge.at);
            self.contacts[1] = edge.contact;
        }
        self.pass_to(watched.until);
        let filtered = filter.take(&watched.edges, watched.until);
        self.edges += watched.edges.len();
        self.lost_edges += filtered.lost_edges;
        self.pulses.extend(filtered.pulses);
        self.widths_ns.extend(filtered.widths.iter().map(|width| width.ns));
        self.rejected += filtered.rejected;
        self.unwatched_ns += watched.unwatched.iter().map(|time| time.end.since(time.start)).sum::<i64>();
    }

    fn pass_to(&mut self, now: SourceTime) {
        let passed = now.since(self.until).max(0);
        self.looked_ns += passed;
        if self.contacts[1] == Contact::Closed {
            self.closed_ns += passed;
        }
        self.until = self.until.max(now);
    }

    fn end_phase(&mut self, now: SourceTime) {
        let phases = match self.contacts[1] {
            Contact::Closed => &mut self.phases.closed_ns,
            Contact::Open => &mut self.phases.open_ns,
        };
        if let Some(changed) = self.changed.replace(now).filter(|_| phases.len() < MOST_PHASES) {
            phases.push(now.since(changed));
        }
    }

    /// The mean power or flow from the first pulse to the last.
    pub(super) fn rate(&self, constant: MeterConstant) -> Option<f64> {
        let first = self.pulses.iter().position(|pulse| pulse.stamped)?;
        let last = self.pulses.iter().rposition(|pulse| pulse.stamped)?;
        let seconds = self.pulses[last].at.since(self.pulses[first].at) as f64 / 1e9;
        (seconds > 0.0).then(|| constant.rate((last - first) as u64, seconds))
    }

    /// The power or flow that the shortest distance of two pulses means.
    pub(super) fn highest_rate(&self, constant: MeterConstant) -> Option<f64> {
        let stamped = |pair: &[Pulse]| pair[0].stamped && pair[1].stamped;
        let spacings = self.pulses.windows(2).filter(|pair| stamped(pair));
        let shortest = spacings.map(|pair| pair[1].at.since(pair[0].at)).filter(|ns| *ns > 0).min()?;
        Some(constant.rate(1, shortest as f64 / 1e9))
    }
}
