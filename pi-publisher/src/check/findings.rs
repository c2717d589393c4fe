//! What is likely wrong with a line, in plain words. Pure.

use meter_messages::Unit;
use serde::Serialize;

use super::seen::Seen;
use crate::pulse_source::SourceTime;
use crate::pulse_source::cdev::Bias;
use crate::settings::{MeterSettings, MeterSource, SourceSettings};

/// S0 (EN 62053-31) promises pulses of 30 ms, give or take what stamps are off.
const S0_WIDTH_NS: i64 = 29 * SourceTime::MS;
/// A filter of more than this comes too near to S0's 30 ms.
const LONGEST_FILTER_MS: i64 = 25;
/// A line that nothing holds follows the mains: 50 or 60 closings a second.
const HUM_A_SECOND: f64 = 40.0;

/// One thing that is likely wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// A word for programs; it stays when the text changes.
    pub(super) code: &'static str,
    /// What it is, and what to do.
    pub(super) text: String,
}

pub(super) fn finding(code: &'static str, text: impl Into<String>) -> Finding {
    Finding { code, text: text.into() }
}

/// What is likely wrong; nothing if all is well.
pub(super) fn findings(meter: &MeterSettings, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(level(meter, seen));
    findings.extend(rejected(meter, seen));
    if seen.widths_ns.iter().any(|width| *width < S0_WIDTH_NS) {
        findings.push(finding(
            "shorter_than_s0",
            "pulses shorter than the 30 ms of S0: is this the meter's pulse output?",
        ));
    }
    findings.extend(too_fast(meter, seen));
    if seen.lost_edges > 0 {
        findings.push(finding(
            "lost_edges",
            "there were more edges than the kernel can queue: this machine is too busy",
        ));
    }
    if seen.unwatched_ns > 0 {
        findings.push(finding(
            "unwatched",
            format!(
                "the line was not read for {:.1} s: this machine is too busy, and sysfs keeps no queue; use the source \
                 kind \"cdev\"",
                seen.unwatched_ns as f64 / 1e9
            ),
        ));
    }
    findings
}

/// A level that does not change, or is the wrong one most of the time.
fn level(meter: &MeterSettings, seen: &Seen) -> Option<Finding> {
    let mostly_closed = seen.closed_ns > seen.looked_ns / 2;
    match (seen.edges == 0, mostly_closed) {
        (true, true) if pulled_to_closed(meter) => Some(finding(
            "wrong_pull",
            "closed all the time, because the resistor pulls the line there: with active_low (the contact is \
             between line and ground) bias must be \"pull-up\", without it \"pull-down\"",
        )),
        (true, true) if meter.medium.unit() == Unit::CubicMetre => Some(finding(
            "always_closed",
            "closed all the time: the wheel has stopped where its magnet closes the contact, which is normal; \
             otherwise the wires touch, or the polarity is reversed (active_low)",
        )),
        (true, true) => Some(finding(
            "always_closed",
            "closed all the time: the wires touch, S0+ and S0− are swapped, there is no pull-up, \
             or the polarity is reversed (active_low)",
        )),
        (true, false) => Some(finding(
            "no_pulse",
            format!(
                "no pulse: nothing is switched on (at 100 {} one comes every {:.0} s), a wire is loose or on \
                 another line, or S0+ and S0− are swapped",
                meter.medium.unit().of_rate(),
                36_000.0 / meter.constant.per_unit()
            ),
        )),
        (false, true) => Some(finding(
            "mostly_closed",
            "closed most of the time: the polarity is probably reversed (active_low)",
        )),
        (false, false) => None,
    }
}

/// Whether the chip's own resistor holds the line where a pulse would.
fn pulled_to_closed(meter: &MeterSettings) -> bool {
    match &meter.source {
        MeterSource::Contact(SourceSettings::Cdev(line)) => {
            matches!((line.bias, line.active_low), (Bias::PullDown, true) | (Bias::PullUp, false))
        }
        MeterSource::Contact(_) | MeterSource::Counter(_) => false,
    }
}

/// Closings that were no pulses.
fn rejected(meter: &MeterSettings, seen: &Seen) -> Option<Finding> {
    let seconds = seen.looked_ns as f64 / 1e9;
    if seen.rejected == 0 {
        return None;
    }
    if f64::from(seen.rejected) > HUM_A_SECOND * seconds {
        return Some(finding(
            "floating",
            "the line picks up mains hum: nothing holds it; switch on the pull-up (cdev: bias = \"pull-up\"; \
             sysfs: gpio=17=pu in config.txt), and check for a loose wire",
        ));
    }
    if seen.pulses.is_empty() {
        return Some(finding(
            "all_too_short",
            format!(
                "every closing was too short for a pulse: interference on a long wire, or a meter whose pulses \
                 are shorter than bounce.min_closed_ms = {}{}",
                meter.bounce.min_closed_ms,
                half_of_most(&seen.phases.closed_ns)
                    .map(|ms| format!(
                        "; if it is, try bounce = {{ min_closed_ms = {ms}, min_open_ms = {ms} }}"
                    ))
                    .unwrap_or_default()
            ),
        ));
    }
    Some(finding(
        "bounces",
        format!(
            "the contact bounces, or the wire picks up interference; this is filtered out, but if there is \
             much of it, twist or shield the wire, or put 100 nF across it{}",
            suggested(meter, seen)
                .map(|(closed, open)| format!(
                    "; a filter well between bounces and pulses is \
                     bounce = {{ min_closed_ms = {closed}, min_open_ms = {open} }}"
                ))
                .unwrap_or_default()
        ),
    ))
}

/// Half of the usual closing, in milliseconds: what a filter would be that takes
/// these for pulses.
fn half_of_most(closed_ns: &[i64]) -> Option<i64> {
    let mut sorted = closed_ns.to_vec();
    sorted.sort_unstable();
    let usual = sorted.get(sorted.len() / 2)?;
    Some((usual / 2 / SourceTime::MS).max(1))
}

/// A filter between the longest bounce and the shortest pulse, if that is another
/// one than is set.
fn suggested(meter: &MeterSettings, seen: &Seen) -> Option<(i64, i64)> {
    let closed = between(&seen.phases.closed_ns, meter.bounce.min_closed_ms)?;
    let open = between(&seen.phases.open_ns, meter.bounce.min_open_ms)?;
    let is_set = |ms: i64, set: u16| ms.abs_diff(i64::from(set)) <= 2;
    let same = is_set(closed, meter.bounce.min_closed_ms) && is_set(open, meter.bounce.min_open_ms);
    (!same).then_some((closed, open))
}

/// As many times longer than the longest phase that is filtered out as it is
/// shorter than the shortest that is not, but never so long that S0's 30 ms would
/// not pass; what is set where nothing is filtered out.
fn between(phases_ns: &[i64], least_ms: u16) -> Option<i64> {
    let least_ns = i64::from(least_ms) * SourceTime::MS;
    let lasting = phases_ns.iter().filter(|phase| **phase >= least_ns).min()?;
    Some(match phases_ns.iter().filter(|phase| **phase < least_ns).max() {
        Some(bounce) => {
            let ms = (*bounce as f64 * *lasting as f64).sqrt() / SourceTime::MS as f64;
            (ms.ceil() as i64).clamp(1, LONGEST_FILTER_MS)
        }
        None => least_ms.into(),
    })
}

/// More power, or flow, than the meter can measure.
fn too_fast(meter: &MeterSettings, seen: &Seen) -> Option<Finding> {
    let highest = seen.highest_rate(meter.constant)?;
    let most = f64::from(meter.max_rate);
    let (code, limit, constant) = match meter.medium.unit() {
        Unit::KilowattHour => ("impossible_power", "max_power_w", "pulses_per_kwh"),
        Unit::CubicMetre => ("impossible_flow", "max_flow_l_h", "pulses_per_m3"),
    };
    (highest > most * 1.1).then(|| {
        finding(
            code,
            format!(
                "two pulses so close that they mean {highest:.0} {}, more than {limit} = {most:.0}: interference that \
                 is long enough to look like a pulse, or {constant} is not the one printed on the meter",
                meter.medium.unit().of_rate()
            ),
        )
    })
}
