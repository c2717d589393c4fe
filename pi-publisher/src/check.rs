//! `pi-publisher check`: opens the lines, looks for some seconds, and says in
//! plain words what it saw and what is likely wrong.

use std::fmt::Write as _;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use meter_messages::PulsesPerKwh;

use crate::bounce_filter::{BounceFilter, Pulse};
use crate::pulse_source::{self, Contact, Kept, SourceError, SourceTime, Watched};
use crate::settings::{MeterSettings, Settings};

/// S0 (EN 62053-31) promises pulses of 30 ms, give or take what stamps are off.
const S0_WIDTH_NS: i64 = 29 * SourceTime::MS;

/// Looks at every meter's line for `seconds` and writes a report to `out`.
///
/// # Errors
/// A line that cannot be opened or read; the others are reported all the same.
pub fn check(settings: &Settings, seconds: u64, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "Looking for {seconds} s at {} …", listed(&settings.meter))?;
    let looks: Vec<_> = thread::scope(|scope| {
        let look = |meter| scope.spawn(move || look(meter, Duration::from_secs(seconds)));
        let threads: Vec<_> = settings.meter.iter().map(look).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut unreadable = 0;
    for (meter, seen) in settings.meter.iter().zip(looks) {
        match seen.map_err(|_| anyhow::anyhow!("the thread looking at {} panicked", meter.id))? {
            Ok(seen) => write!(out, "\n{}", report(meter, &seen))?,
            Err(error) => {
                unreadable += 1;
                writeln!(out, "\n{}: {error}", meter.id)?;
            }
        }
    }
    anyhow::ensure!(unreadable == 0, "{unreadable} of {} lines cannot be read", settings.meter.len());
    Ok(())
}

fn listed(meters: &[MeterSettings]) -> String {
    meters.iter().map(|meter| meter.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// What was seen of one line.
#[derive(Debug)]
struct Seen {
    source: String,
    /// The contact when the look began, and when it was over.
    contacts: [Contact; 2],
    edges: usize,
    lost_edges: u32,
    pulses: Vec<Pulse>,
    widths_ns: Vec<i64>,
    rejected: u32,
    /// Time the contact was closed, and time looked at, in nanoseconds.
    closed_ns: i64,
    looked_ns: i64,
    /// Since when the contact is as it is.
    since: SourceTime,
}

impl Seen {
    fn begin(source: String, (began, contact): (SourceTime, Contact)) -> Self {
        Self {
            source,
            contacts: [contact; 2],
            edges: 0,
            lost_edges: 0,
            pulses: Vec::new(),
            widths_ns: Vec::new(),
            rejected: 0,
            closed_ns: 0,
            looked_ns: 0,
            since: began,
        }
    }

    fn take(&mut self, watched: &Watched, filter: &mut BounceFilter) {
        for edge in &watched.edges {
            self.pass_to(edge.at);
            self.contacts[1] = edge.contact;
        }
        self.pass_to(watched.until);
        let filtered = filter.take(&watched.edges, watched.until);
        self.edges += watched.edges.len();
        self.lost_edges += filtered.lost_edges;
        self.pulses.extend(filtered.pulses);
        self.widths_ns.extend(filtered.widths.iter().map(|width| width.ns));
        self.rejected += filtered.rejected;
    }

    fn pass_to(&mut self, now: SourceTime) {
        let passed = now.since(self.since).max(0);
        self.looked_ns += passed;
        if self.contacts[1] == Contact::Closed {
            self.closed_ns += passed;
        }
        self.since = self.since.max(now);
    }

    /// The mean power from the first pulse to the last.
    fn power_w(&self, constant: PulsesPerKwh) -> Option<f64> {
        let first = self.pulses.iter().position(|pulse| pulse.stamped)?;
        let last = self.pulses.iter().rposition(|pulse| pulse.stamped)?;
        let seconds = self.pulses[last].at.since(self.pulses[first].at) as f64 / 1e9;
        (seconds > 0.0).then(|| constant.power_w((last - first) as u64, seconds))
    }
}

fn look(meter: &MeterSettings, at_least: Duration) -> Result<Seen, SourceError> {
    let mut source = pulse_source::open(&meter.source, meter.pulses_per_kwh, Kept::default())?;
    let (began, contact) = source.began();
    let mut filter = BounceFilter::new(meter.bounce, began, contact);
    let mut seen = Seen::begin(source.describe(), (began, contact));
    let end = Instant::now() + at_least;
    while Instant::now() < end {
        seen.take(&source.watch()?, &mut filter);
    }
    Ok(seen)
}

fn report(meter: &MeterSettings, seen: &Seen) -> String {
    let word = |contact| if contact == Contact::Closed { "closed" } else { "open" };
    let lost = if seen.lost_edges > 0 { format!(", {} lost", seen.lost_edges) } else { String::new() };
    let mut text = format!("{}: {}\n", meter.id, seen.source);
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| _ = writeln!(text, "  {name:9}{value}");
    line("contact", format!("{} at first, {} at last", word(seen.contacts[0]), word(seen.contacts[1])));
    line("edges", format!("{}{lost}", seen.edges));
    line("pulses", format!("{} counted, {} rejected", seen.pulses.len(), seen.rejected));
    if let (Some(shortest), Some(longest)) = (seen.widths_ns.iter().min(), seen.widths_ns.iter().max()) {
        let ms = |ns: i64| ns as f64 / SourceTime::MS as f64;
        let mean = seen.widths_ns.iter().sum::<i64>() / seen.widths_ns.len() as i64;
        let widths = format!("{:.1} to {:.1} ms, {:.1} ms on average", ms(*shortest), ms(*longest), ms(mean));
        line("width", widths);
    }
    if let Some(power) = seen.power_w(meter.pulses_per_kwh) {
        line("power", format!("{power:.0} W on average"));
    }
    let findings = findings(meter, seen);
    if findings.is_empty() {
        line("verdict", "this looks right".into());
    }
    for finding in findings {
        line("verdict", finding);
    }
    text
}

/// What is likely wrong, in plain words; nothing if all is well.
fn findings(meter: &MeterSettings, seen: &Seen) -> Vec<String> {
    let mut findings = Vec::new();
    let mostly_closed = seen.closed_ns > seen.looked_ns / 2;
    if seen.edges == 0 && mostly_closed {
        findings.push(
            "closed all the time: the wires touch, S0+ and S0− are swapped, there is no pull-up, \
             or the polarity is the other way round (active_low)"
                .into(),
        );
    } else if seen.edges == 0 {
        findings.push(format!(
            "no pulse: nothing is switched on (at 100 W one comes every {:.0} s), a wire is loose or on \
             another line, or S0+ and S0− are swapped",
            36_000.0 / f64::from(meter.pulses_per_kwh.get())
        ));
    } else if mostly_closed {
        findings
            .push("closed most of the time: the polarity is likely the other way round (active_low)".into());
    }
    if seen.rejected > 0 && seen.pulses.is_empty() {
        findings.push(format!(
            "every closing was too short for a pulse: interference on a long wire, or a meter whose pulses \
             are shorter than bounce.min_closed_ms = {}",
            meter.bounce.min_closed_ms
        ));
    } else if seen.rejected > 0 {
        findings.push(
            "the contact bounces, or the wire picks up interference; this is filtered out, but if there is \
             much of it, twist or shield the wire, or put 100 nF across it"
                .into(),
        );
    }
    if seen.widths_ns.iter().any(|width| *width < S0_WIDTH_NS) {
        findings.push("pulses shorter than the 30 ms of S0: is this the meter's pulse output?".into());
    }
    if seen.lost_edges > 0 {
        findings.push("more edges than the kernel can queue: this machine is too busy".into());
    }
    findings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::pulse_source::Edge;

    use super::*;

    /// The report on a line that was open for a second and then did this, each
    /// state for some milliseconds.
    fn report_on(contact: Contact, phases_ms: &[i64]) -> String {
        let meter: MeterSettings = daemon_runtime::parse(
            "id = \"main\"\npulses_per_kwh = 1000\nsource = { kind = \"cdev\", line = 17 }",
        )
        .unwrap();
        let began = (SourceTime(0), contact);
        let (mut at, mut contact, mut edges) = (SourceTime(1_000 * SourceTime::MS), contact, vec![]);
        for phase in phases_ms {
            contact = contact.opposite();
            edges.push(Edge { at, contact, lost_before: 0 });
            at = at.plus_ns(phase * SourceTime::MS);
        }
        let mut seen = Seen::begin("line".into(), began);
        seen.take(&Watched { edges, until: at }, &mut BounceFilter::new(meter.bounce, began.0, began.1));
        report(&meter, &seen)
    }

    #[test]
    fn a_good_line_looks_right() {
        let report = report_on(Contact::Open, &[30, 3570, 90, 3510]);
        assert_eq!(
            report,
            "main: line\n  contact  open at first, open at last\n  edges    4\n  pulses   2 counted, 0 rejected\n  \
             width    30.0 to 90.0 ms, 60.0 ms on average\n  power    1000 W on average\n  verdict  this looks right\n"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (contact, phases, said) in [
            (Contact::Closed, &[][..], "closed all the time"),
            (Contact::Open, &[], "at 100 W one comes every 36 s"),
            (Contact::Closed, &[30, 3570, 30, 3570], "polarity is likely the other way"),
            (Contact::Open, &[2, 1000, 3, 1000], "every closing was too short"),
            (Contact::Open, &[2, 3, 40, 1000], "bounces"),
            (Contact::Open, &[25, 1000], "shorter than the 30 ms"),
        ] {
            let report = report_on(contact, phases);
            assert!(report.contains(said), "{report}");
            assert!(!report.contains("looks right"), "{report}");
        }
    }
}
