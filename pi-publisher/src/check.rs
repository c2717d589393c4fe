//! `pi-publisher check`: opens the lines and listens to counters for some seconds, and says in
//! plain words what it saw and what is likely wrong.

use std::fmt::Write as _;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use meter_messages::Unit;
use serde_json::json;

use self::counter::CounterSeen;
use self::findings::findings;
use self::seen::Seen;
use crate::bounce_filter::BounceFilter;
use crate::pulse_source::{self, Contact, EarlierRun, SourceTime};
use crate::settings::{MeterSettings, MeterSource, Settings, SourceSettings};

mod counter;
mod findings;
mod seen;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Looks at every meter's line for `seconds` and writes a report to `out`: as JSON
/// an object for each meter, with `error`, or with what was seen and its
/// `findings` (`code` and `text`).
///
/// # Errors
/// A line that cannot be opened or read; the others are reported all the same.
pub fn check(settings: &Settings, seconds: u64, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    if form == Form::Text {
        writeln!(out, "Watching for {seconds} s: {} …", listed(&settings.meter))?;
    }
    let mut unreadable = 0;
    for (meter, seen) in settings.meter.iter().zip(look(settings, Duration::from_secs(seconds))?) {
        unreadable += usize::from(seen.is_err());
        match (form, &seen) {
            (Form::Text, Ok(seen)) => write!(out, "\n{}", seen.report(meter))?,
            (Form::Text, Err(error)) => writeln!(out, "\n{}: {error:#}", meter.id)?,
            (Form::Json, Ok(seen)) => writeln!(out, "{}", seen.as_json(meter))?,
            (Form::Json, Err(error)) => {
                writeln!(out, "{}", json!({"meter": meter.id, "error": format!("{error:#}")}))?;
            }
        }
    }
    anyhow::ensure!(unreadable == 0, "{unreadable} of {} lines cannot be read", settings.meter.len());
    Ok(())
}

/// What was seen of a meter.
enum Look {
    Contact(Seen),
    Counter(CounterSeen),
}

impl Look {
    fn report(&self, meter: &MeterSettings) -> String {
        match self {
            Self::Contact(seen) => report(meter, seen),
            Self::Counter(seen) => seen.report(meter),
        }
    }

    fn as_json(&self, meter: &MeterSettings) -> serde_json::Value {
        match self {
            Self::Contact(seen) => as_json(meter, seen),
            Self::Counter(seen) => seen.as_json(meter),
        }
    }
}

/// What is seen of each meter, in their order.
fn look(settings: &Settings, at_least: Duration) -> anyhow::Result<Vec<anyhow::Result<Look>>> {
    thread::scope(|scope| {
        // A line waits in a thread of its own; counters are heard by one connection for all of a place.
        let lines: Vec<_> = settings
            .meter
            .iter()
            .map(|meter| match &meter.source {
                MeterSource::Contact(source) => {
                    Some(scope.spawn(move || look_at_contact(source, meter, at_least)))
                }
                MeterSource::Counter(_) => None,
            })
            .collect();
        let mut counters = counter::look(settings, at_least)?.into_iter();
        let looks = lines.into_iter().zip(&settings.meter).map(|(line, meter)| match line {
            Some(line) => {
                let seen = line.join().map_err(|_| anyhow!("the thread looking at {} panicked", meter.id));
                seen.and_then(|seen| seen).map(Look::Contact)
            }
            None => {
                let seen = counters.next().unwrap_or_else(|| Err(anyhow!("{} was not looked at", meter.id)));
                seen.map(Look::Counter)
            }
        });
        Ok(looks.collect())
    })
}

fn listed(meters: &[MeterSettings]) -> String {
    meters.iter().map(|meter| meter.id.as_str()).collect::<Vec<_>>().join(", ")
}

fn look_at_contact(
    source: &SourceSettings,
    meter: &MeterSettings,
    at_least: Duration,
) -> anyhow::Result<Seen> {
    let mut source = pulse_source::open(source, meter.constant, EarlierRun::default())?;
    let (began, contact) = source.began();
    let mut filter = BounceFilter::new(meter.bounce, began, contact);
    let mut seen = Seen::begin(source.describe(), (began, contact));
    let end = Instant::now() + at_least;
    while Instant::now() < end {
        seen.take(&source.watch()?, &mut filter);
    }
    Ok(seen)
}

fn word(contact: Contact) -> &'static str {
    if contact == Contact::Closed { "closed" } else { "open" }
}

/// The shortest pulse, the longest and the mean, in milliseconds.
fn widths_ms(seen: &Seen) -> Option<[f64; 3]> {
    let ms = |ns: i64| ns as f64 / SourceTime::MS as f64;
    let (shortest, longest) = (seen.widths_ns.iter().min()?, seen.widths_ns.iter().max()?);
    let mean = seen.widths_ns.iter().sum::<i64>() / seen.widths_ns.len() as i64;
    Some([ms(*shortest), ms(*longest), ms(mean)])
}

fn as_json(meter: &MeterSettings, seen: &Seen) -> serde_json::Value {
    json!({
        "meter": meter.id,
        "source": seen.source,
        "contact": {"first": word(seen.contacts[0]), "last": word(seen.contacts[1])},
        "edges": seen.edges,
        "lost_edges": seen.lost_edges,
        "unwatched_s": seen.unwatched_ns as f64 / 1e9,
        "pulses": seen.pulses.len(),
        "rejected": seen.rejected,
        "width_ms": widths_ms(seen).map(|[min, max, mean]| json!({"min": min, "max": max, "mean": mean})),
        (meter.medium.unit().rate_key()): seen.rate(meter.constant).map(f64::round),
        "findings": findings(meter, seen),
    })
}

fn report(meter: &MeterSettings, seen: &Seen) -> String {
    let lost = if seen.lost_edges > 0 { format!(", {} lost", seen.lost_edges) } else { String::new() };
    let mut text = format!("{}: {}\n", meter.id, seen.source);
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| _ = writeln!(text, "  {name:9}{value}");
    line(
        "contact",
        format!("{} at the start, {} at the end", word(seen.contacts[0]), word(seen.contacts[1])),
    );
    line("edges", format!("{}{lost}", seen.edges));
    line("pulses", format!("{} counted, {} rejected", seen.pulses.len(), seen.rejected));
    if let Some([shortest, longest, mean]) = widths_ms(seen) {
        line("width", format!("{shortest:.1} to {longest:.1} ms, {mean:.1} ms on average"));
    }
    if let Some(rate) = seen.rate(meter.constant) {
        let unit = meter.medium.unit();
        let name = if unit == Unit::KilowattHour { "power" } else { "flow" };
        line(name, format!("{rate:.0} {} on average", unit.of_rate()));
    }
    let findings = findings(meter, seen);
    if findings.is_empty() {
        line("verdict", "this looks right".into());
    }
    for finding in findings {
        line("verdict", finding.text);
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::pulse_source::{Edge, Watched};

    use super::*;

    /// The report on a line that was open for a second and then did this, each
    /// state for some milliseconds.
    fn look_at(contact: Contact, phases_ms: &[i64], source: &str) -> (MeterSettings, Seen) {
        let meter: MeterSettings = daemon_runtime::parse(&format!(
            "id = \"main\"\npulses_per_kwh = 1000\nsource = {{ kind = \"cdev\", line = 17{source} }}"
        ))
        .unwrap();
        let began = (SourceTime(0), contact);
        let (mut at, mut contact, mut edges) = (SourceTime(1_000 * SourceTime::MS), contact, vec![]);
        for phase in phases_ms {
            contact = contact.opposite();
            edges.push(Edge { at, contact, lost_before: 0 });
            at = at.plus_ns(phase * SourceTime::MS);
        }
        let mut seen = Seen::begin("line".into(), began);
        let watched = Watched { edges, until: at, unwatched: vec![] };
        seen.take(&watched, &mut BounceFilter::new(meter.bounce, began.0, began.1));
        (meter, seen)
    }

    fn report_on(contact: Contact, phases_ms: &[i64]) -> String {
        let (meter, seen) = look_at(contact, phases_ms, "");
        report(&meter, &seen)
    }

    #[test]
    fn a_good_line_looks_right() {
        let report = report_on(Contact::Open, &[30, 3570, 90, 3510]);
        assert_eq!(
            report,
            "main: line\n  contact  open at the start, open at the end\n  edges    4\n  pulses   2 counted, 0 rejected\n  \
             width    30.0 to 90.0 ms, 60.0 ms on average\n  power    1000 W on average\n  verdict  this looks right\n"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (contact, phases, said) in [
            (Contact::Closed, &[][..], "closed all the time"),
            (Contact::Open, &[], "at 100 W one comes every 36 s"),
            (Contact::Closed, &[30, 3570, 30, 3570], "polarity is probably reversed"),
            (Contact::Open, &[2, 1000, 3, 1000], "every closing was too short"),
            (Contact::Open, &[2, 3, 40, 1000], "bounces"),
            (Contact::Open, &[25, 1000], "shorter than the 30 ms"),
        ] {
            let report = report_on(contact, phases);
            assert!(report.contains(said), "{report}");
            assert!(!report.contains("looks right"), "{report}");
        }
    }

    /// Phases that come again and again.
    fn repeated(phases_ms: &[i64], times: usize) -> Vec<i64> {
        phases_ms.repeat(times)
    }

    #[test]
    fn what_a_person_with_a_screwdriver_can_do_is_said() {
        let said = |contact, phases: &[i64], source: &str| {
            let (meter, seen) = look_at(contact, phases, source);
            findings(&meter, &seen)
                .into_iter()
                .map(|finding| (finding.code, finding.text))
                .collect::<Vec<_>>()
        };
        let hum = said(Contact::Open, &repeated(&[10, 10], 500), "");
        assert_eq!(hum[0].0, "floating", "{hum:?}");
        let bounces = said(Contact::Open, &repeated(&[3, 5, 60, 1_000], 10), "");
        assert_eq!(bounces[0].0, "bounces");
        // Between 3 and 60 ms; and 5 and 1,000 ms, but not beyond S0.
        assert!(bounces[0].1.contains("min_closed_ms = 14, min_open_ms = 25"), "{bounces:?}");
        let short = said(Contact::Open, &repeated(&[8, 1_000], 10), "");
        assert!(short[0].1.contains("try bounce = { min_closed_ms = 4, min_open_ms = 4 }"), "{short:?}");
        // A pulse of 30 ms each 60 ms is 60 kW.
        let fast = said(Contact::Open, &repeated(&[30, 30], 10), "");
        assert_eq!(fast.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["impossible_power"], "{fast:?}");
        let pulled = |source| said(Contact::Closed, &[], source)[0].0;
        assert_eq!(pulled(", bias = \"pull-down\""), "wrong_pull");
        assert_eq!(pulled(", active_low = false"), "wrong_pull");
        assert_eq!(pulled(""), "always_closed");
    }

    #[test]
    fn programs_read_the_same() {
        let (meter, seen) = look_at(Contact::Open, &[30, 3570, 90, 3510], "");
        let json = as_json(&meter, &seen);
        assert_eq!(json["pulses"], 2);
        assert_eq!(json["power_w"], 1000.0);
        assert_eq!(json["width_ms"], json!({"min": 30.0, "max": 90.0, "mean": 60.0}));
        assert_eq!(json["contact"], json!({"first": "open", "last": "open"}));
        assert_eq!(json["findings"], json!([]));
        let (meter, seen) = look_at(Contact::Open, &[25, 1000], "");
        assert_eq!(as_json(&meter, &seen)["findings"][0]["code"], "shorter_than_s0");
    }
}
