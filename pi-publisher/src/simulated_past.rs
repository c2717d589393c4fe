//! `pi-publisher simulated-past`: what a simulated meter counts in a stretch of the past, for the demo, which writes years of
//! it into its ledger at once.

use std::io::{BufWriter, Write};

use anyhow::{Context, bail};
use jiff::Timestamp;
use meter_messages::{Info, MeterId, Minute};

use crate::pulse_source::simulated::Household;
use crate::settings::{MeterSource, Settings, SourceSettings};

/// A line has the minutes of so much time.
const MINUTES_OF_LINE: i64 = 1440;

/// Prints the meter's `info` with an outbox of its own; then the pulses of each minute with `from <= start < to`, a day's in a
/// line, after the first one's number since 1970.
///
/// # Errors
/// A meter that is not in the settings or not simulated, or a time outside of the years 2000 to 2099.
pub fn print(
    settings: &Settings,
    meter: &MeterId,
    (from, to): (Timestamp, Timestamp),
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let known = settings.meter.iter().find(|known| known.id == *meter);
    let known = known.with_context(|| format!("no meter {meter} in the settings"))?;
    let MeterSource::Contact(SourceSettings::Simulated(simulated)) = &known.source else {
        bail!("meter {meter} is not simulated");
    };
    let household = Household::new(simulated, known.constant)?;
    let info = Info {
        name: known.name.clone().unwrap_or_else(|| meter.to_string()),
        medium: known.medium,
        constant: known.constant,
        source: "simulated".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        outbox: daemon_runtime::random_id().parse()?,
        oldest_seq: 1,
        history: Vec::new(),
        relation: known.relation(&settings.site),
        readings: None,
        unclear: None,
    };
    let mut out = BufWriter::new(out);
    out.write_all(&info.to_json())?;
    writeln!(out)?;
    let minute = |at: Timestamp| Minute::containing(at.as_second());
    let (mut start, end) = (minute(from)?.epoch_minutes(), minute(to)?.epoch_minutes());
    while start < end {
        let next = ((start.div_euclid(MINUTES_OF_LINE) + 1) * MINUTES_OF_LINE).min(end);
        write!(out, "{start}")?;
        for at in start..next {
            write!(out, " {}", household.pulses_in(Minute::nearest(at)))?;
        }
        writeln!(out)?;
        start = next;
    }
    out.flush()?;
    Ok(())
}
