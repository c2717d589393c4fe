//! The older past of the demo's meters: what their publisher would have counted, written into the ledger at once, before the
//! programs start. Minute by minute it would take minutes of the visitor.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use meter_ledger::Ledger;
use meter_messages::{Info, Meter, Minute, PulseCount};
use tokio::process::Command;
use tokio::time::Instant;

use crate::progress;

/// A meter whose past is written, and the settings of the publisher that will count it.
#[derive(Debug, Clone)]
pub(super) struct Older {
    pub(super) meter: Meter,
    pub(super) settings: PathBuf,
}

/// Writes the past of those meters that the ledger does not know yet, each in one transaction, and says so.
///
/// # Errors
/// If the publisher cannot say what it would have counted, or the ledger does not take it.
pub(super) async fn write(
    ledger: &Path,
    meters: Vec<Older>,
    (from, to): (Timestamp, Timestamp),
) -> anyhow::Result<()> {
    let mut home = Ledger::open(ledger).with_context(|| format!("opening {}", ledger.display()))?;
    let mut missing = Vec::new();
    for older in meters {
        if from < to && home.meter(&older.meter)?.is_none() {
            missing.push(older);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let (days, count) = (to.duration_since(from).as_hours() / 24, missing.len());
    let of = if count == 1 { "a meter".to_owned() } else { format!("{count} meters") };
    println!("Writing {days} days of the past of {of} into the ledger.");
    let bar = progress::bar(count as u64, "past {bar} {pos}/{len} meters, {eta} left");
    let began = Instant::now();
    let at_once = std::thread::available_parallelism().map_or(1, Into::into);
    let simulate = |older| tokio::spawn(simulated(older, from, to));
    let mut pasts = stream::iter(missing).map(simulate).buffered(at_once);
    let mut minutes = 0;
    while let Some(past) = pasts.next().await {
        let (meter, text) = past??;
        let recording = tokio::task::spawn_blocking(move || {
            let recorded = record(&mut home, &meter, &text).with_context(|| format!("the past of {meter}"));
            recorded.map(|recorded| (home, recorded))
        });
        let recorded;
        (home, recorded) = recording.await??;
        minutes += recorded;
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("{minutes} minutes of it were written in {:.1} s.", began.elapsed().as_secs_f64());
    Ok(())
}

/// What a meter's publisher says that it would have counted.
async fn simulated(older: Older, from: Timestamp, to: Timestamp) -> anyhow::Result<(Meter, String)> {
    let program = std::env::current_exe()?.with_file_name("pi-publisher");
    let output = Command::new(&program)
        .arg("--config")
        .arg(&older.settings)
        .args([
            "simulated-past",
            older.meter.meter.as_str(),
            "--from",
            &from.to_string(),
            "--to",
            &to.to_string(),
        ])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("starting {}", program.display()))?;
    if !output.status.success() {
        bail!("{} ended ({}): {}", program.display(), output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok((older.meter, String::from_utf8(output.stdout)?))
}

fn record(ledger: &mut Ledger, meter: &Meter, text: &str) -> anyhow::Result<u64> {
    let (info, days) = text.split_once('\n').context("it says nothing")?;
    let mut batch = ledger.batch()?;
    let mark = batch.register(meter, &Info::from_json(info.as_bytes())?)?;
    let (mut numbered, mut unclear) = (Numbered::default(), None);
    let days = days.lines().map_while(|day| minutes(day).map_err(|error| unclear = Some(error)).ok());
    let recorded = batch.record_past(&mark, days.flatten().map(|minute| numbered.next(minute)))?;
    if let Some(error) = unclear {
        return Err(error);
    }
    batch.commit()?;
    Ok(recorded)
}

/// A day's minutes, each with its pulses.
fn minutes(day: &str) -> anyhow::Result<Vec<(Minute, u32)>> {
    let (first, pulses) = day.split_once(' ').context("a day has no minutes")?;
    let first: i64 = first.parse()?;
    let counted = (first..).zip(pulses.split(' '));
    counted.map(|(minute, pulses)| Ok((Minute::nearest(minute), pulses.parse()?))).collect()
}

/// Numbers minutes as an outbox does.
#[derive(Debug, Default)]
struct Numbered {
    seq: u64,
    total: u64,
}

impl Numbered {
    fn next(&mut self, (minute, pulses): (Minute, u32)) -> PulseCount {
        self.seq += 1;
        self.total += u64::from(pulses);
        PulseCount { minute, watched_s: 60, seq: self.seq, pulses, total: self.total }
    }
}
