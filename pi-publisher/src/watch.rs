//! `pi-publisher watch`: a line for each pulse as it happens, and for each total of a counter as it comes.

use std::io::Write;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_messages::{MeterConstant, MeterId, Unit};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::bounce_filter::{BounceFilter, Filtered, Pulse};
use crate::check::Form;
use crate::power::PulseSpacing;
use crate::pulse_source::{self, EarlierRun, SourceClock, SourceTime};
use crate::settings::{MeterSettings, MeterSource, Settings, SourceSettings};
use crate::totals::looking::counters;

mod counter;

/// A pulse that lasts longer is shown before it ends.
const LONG_NS: i64 = 1_000 * SourceTime::MS;

/// Writes a line for each pulse of every meter to `out` until SIGINT or
/// SIGTERM: as JSON an object with `t`, `meter`, `width_ms` (null of a pulse that
/// lasts, or whose edges were lost: `stamped` is false then) and `power_w`, or `flow_l_h` of
/// gas and water. Of a counter: `t`, `meter`, `total` in `unit`, whether it was `kept` by the broker, the power or flow
/// that it said, and `error` where there is no total.
///
/// # Errors
/// A line that cannot be opened or read.
pub fn watch(settings: &Settings, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stop =
        runtime.block_on(async { daemon_runtime::on_signal() }).context("installing signal handlers")?;
    thread::scope(|scope| {
        let (lines, written) = mpsc::channel();
        let mut threads = Vec::new();
        for meter in &settings.meter {
            let MeterSource::Contact(source) = &meter.source else { continue };
            let (lines, stop) = (lines.clone(), stop.clone());
            threads.push(scope.spawn(move || {
                // One line that fails ends them all: its error must be seen.
                let _stop = stop.clone().drop_guard();
                follow(source, meter, form, &lines, &stop).with_context(|| format!("meter {}", meter.id))
            }));
        }
        if counters(settings).is_empty() {
            drop(lines);
        } else {
            let stop = stop.clone();
            threads.push(scope.spawn(move || counter::follow(settings, form, &lines, &stop)));
        }
        for line in written {
            writeln!(out, "{line}")?;
        }
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a meter's thread panicked")))
        })
    })
}

/// Follows the line of one meter until `stop`.
fn follow(
    source: &SourceSettings,
    meter: &MeterSettings,
    form: Form,
    lines: &Sender<String>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut source = pulse_source::open(source, meter.constant, EarlierRun::default())?;
    let (began, contact) = source.began();
    let mut filter = BounceFilter::new(meter.bounce, began, contact);
    let mut shown = Shown::new(meter.constant);
    // If sending fails nobody reads any more; the signal comes as well.
    let _ = lines.send(match form {
        Form::Text => format!("{}: {}, {contact:?} now", meter.id, source.describe()),
        Form::Json => json!({"meter": meter.id, "source": source.describe(), "contact": contact}).to_string(),
    });
    while !stop.is_cancelled() {
        let watched = source.watch()?;
        let filtered = filter.take(&watched.edges, watched.until);
        let offset = match source.clock() {
            SourceClock::Monotonic => daemon_runtime::utc_offset_ns(),
            SourceClock::Utc => 0,
        };
        let of = (&meter.id, meter.medium.unit());
        for line in shown.take(&filtered) {
            let utc = Timestamp::from_nanosecond(line.at.plus_ns(offset).0.into()).ok();
            let _ = lines.send(match form {
                Form::Text => line.text(of, utc),
                Form::Json => line.json(of, utc).to_string(),
            });
        }
    }
    Ok(())
}

/// A pulse as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    at: SourceTime,
    stamped: bool,
    /// Not known while it lasts.
    width_ns: Option<i64>,
    /// Not known for the first.
    rate: Option<u32>,
}

impl Line {
    fn text(&self, (meter, unit): (&MeterId, Unit), utc: Option<Timestamp>) -> String {
        let at = match utc {
            Some(time) => time.to_zoned_datetime(TimeZone::system()).strftime("%H:%M:%S.%3f").to_string(),
            None => "--:--:--".into(),
        };
        let power = self.rate.map(|rate| format!("{rate} {}", unit.of_rate())).unwrap_or_default();
        format!("{at}  {:12} {:>10} {power:>8}", meter.as_str(), self.lasted())
    }

    fn json(&self, (meter, unit): (&MeterId, Unit), utc: Option<Timestamp>) -> serde_json::Value {
        json!({
            "t": utc.map(|time| format!("{time:.3}")),
            "meter": meter,
            "width_ms": self.width_ns.map(|ns| ns as f64 / SourceTime::MS as f64),
            (unit.rate_key()): self.rate,
            "stamped": self.stamped,
        })
    }

    fn lasted(&self) -> String {
        match self.width_ns {
            Some(ns) => format!("{:.1} ms", ns as f64 / SourceTime::MS as f64),
            None if self.stamped => "long".into(),
            None => "lost".into(),
        }
    }
}

/// Brings pulses, widths and power together.
struct Shown {
    constant: MeterConstant,
    spacing: PulseSpacing,
    /// A pulse that is not over yet.
    lasting: Option<Line>,
}

impl Shown {
    fn new(constant: MeterConstant) -> Self {
        Self { constant, spacing: PulseSpacing::default(), lasting: None }
    }

    fn take(&mut self, filtered: &Filtered) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut widths = filtered.widths.iter().peekable();
        for pulse in &filtered.pulses {
            // The pulse before is over, with its width if that is known.
            self.end(widths.next_if(|width| width.began < pulse.at).map(|width| width.ns), &mut lines);
            self.begin(*pulse);
        }
        match widths.next() {
            Some(width) => self.end(Some(width.ns), &mut lines),
            None if self.lasting.is_some_and(|line| filtered.settled.since(line.at) > LONG_NS) => {
                self.end(None, &mut lines);
            }
            None => {}
        }
        lines
    }

    fn begin(&mut self, pulse: Pulse) {
        if pulse.stamped {
            self.spacing.pulse(pulse.at);
        } else {
            self.spacing.interrupt();
        }
        let rate = self.spacing.rate(pulse.at, self.constant);
        self.lasting = Some(Line { at: pulse.at, stamped: pulse.stamped, width_ns: None, rate });
    }

    fn end(&mut self, width_ns: Option<i64>, lines: &mut Vec<Line>) {
        lines.extend(self.lasting.take().map(|line| Line { width_ns, ..line }));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::bounce_filter::Width;

    use super::*;

    fn at(ms: i64) -> SourceTime {
        SourceTime(ms * SourceTime::MS)
    }

    fn filtered(pulses: &[(i64, bool)], widths: &[(i64, i64)], settled: i64) -> Filtered {
        let pulses = pulses.iter().map(|(ms, stamped)| Pulse { at: at(*ms), stamped: *stamped });
        let widths = widths.iter().map(|(began, ms)| Width { began: at(*began), ns: ms * SourceTime::MS });
        Filtered {
            pulses: pulses.collect(),
            widths: widths.collect(),
            rejected: 0,
            lost_edges: 0,
            settled: at(settled),
        }
    }

    #[test]
    fn a_pulse_is_shown_once_with_its_width() {
        let mut shown = Shown::new(MeterConstant::try_from(1000).unwrap());
        let mut take = |filtered: Filtered| -> Vec<(i64, String, Option<u32>)> {
            let lines = shown.take(&filtered);
            lines.iter().map(|line| (line.at.0 / SourceTime::MS, line.lasted(), line.rate)).collect()
        };
        assert_eq!(take(filtered(&[(0, true)], &[], 20)), []);
        assert_eq!(take(filtered(&[], &[(0, 31)], 60)), [(0, "31.0 ms".into(), None)]);
        assert_eq!(
            take(filtered(&[(3_600, true), (10_800, true)], &[(3_600, 40), (10_800, 50)], 11_000)),
            [(3_600, "40.0 ms".into(), Some(1000)), (10_800, "50.0 ms".into(), Some(500))]
        );
        // Stuck closed: shown after a second, and its width then no more.
        assert_eq!(take(filtered(&[(18_000, true)], &[], 19_001)), [(18_000, "long".into(), Some(500))]);
        assert_eq!(take(filtered(&[], &[(18_000, 5_000)], 24_000)), []);
        assert_eq!(
            take(filtered(&[(30_000, false), (30_000, false)], &[], 32_000)),
            [(30_000, "lost".into(), None), (30_000, "lost".into(), None)]
        );
    }

    #[test]
    fn programs_read_the_same() {
        let line =
            Line { at: at(1_500), stamped: true, width_ns: Some(30 * SourceTime::MS), rate: Some(1000) };
        let utc = Timestamp::from_nanosecond(line.at.0.into()).ok();
        assert_eq!(
            line.json((&"main".parse().unwrap(), Unit::KilowattHour), utc),
            json!({"t": "1970-01-01T00:00:01.500Z", "meter": "main", "width_ms": 30.0, "power_w": 1000, "stamped": true})
        );
    }
}
