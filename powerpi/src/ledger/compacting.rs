//! `powerpi ledger compact`: the ledger's file becomes as small as what is in it, while everything runs. Readers go on; the
//! recorder waits, and what it has not recorded stays with the broker and the publishers.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, anyhow};
use indicatif::ProgressStyle;
use meter_ledger::{Ledger, LedgerSize};
use serde_json::json;

use super::progress::progress_bar;

/// How often the bar moves.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Compacts it, or tells what that would come to.
pub(super) fn run(path: &Path, json: bool, dry_run: bool) -> anyhow::Result<()> {
    let before = Ledger::open_read_only(path)?.size()?;
    let after = match dry_run {
        true => LedgerSize { bytes: before.bytes - before.unused, unused: 0 },
        false => compact(path, before)?,
    };
    let freed = before.bytes.saturating_sub(after.bytes);
    if json {
        let told = json!({
            "bytes_before": before.bytes, "bytes_after": after.bytes, "bytes_freed": freed, "dry_run": dry_run,
        });
        println!("{told}");
        return Ok(());
    }
    let (before, after, freed) = (megabytes(before.bytes), megabytes(after.bytes), megabytes(freed));
    match dry_run {
        true => {
            println!("At least {freed} of {before} would be given back. Nothing was changed (--dry-run).");
        }
        false => println!("The ledger has {after} now, {freed} less than before."),
    }
    Ok(())
}

/// All is copied to a temporary file and from there to the log beside the ledger; the log's length tells how far it is.
fn compact(path: &Path, before: LedgerSize) -> anyhow::Result<LedgerSize> {
    let (bar, log) = (progress_bar(before.bytes - before.unused), log_of(path));
    if let Ok(style) = ProgressStyle::with_template("{wide_bar:.green/dim} {bytes} of {total_bytes}") {
        bar.set_style(style);
    }
    let length = || std::fs::metadata(&log).map_or(0, |log| log.len());
    let (begin, path) = (length(), path.to_owned());
    let (sender, done) = channel();
    let worker = std::thread::spawn(move || {
        let compacted = Ledger::open(&path).and_then(|mut ledger| {
            ledger.compact()?;
            ledger.size()
        });
        let _ = sender.send(compacted);
    });
    let compacted = loop {
        match done.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => bar.set_position(length().saturating_sub(begin)),
            Ok(compacted) => break compacted,
            Err(RecvTimeoutError::Disconnected) => return Err(anyhow!("compacting has stopped")),
        }
    };
    bar.finish_and_clear();
    let _ = worker.join();
    compacted.context(
        "nothing was changed; it needs as much room as the ledger has in /var/tmp, and the same beside the ledger",
    )
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
