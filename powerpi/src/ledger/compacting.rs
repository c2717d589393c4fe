//! `powerpi ledger compact`: the ledger's file gives the room back that it no longer needs, while everything runs. Readers go
//! on; the recorder waits for a part at a time, or once for all of it. What it has not recorded stays with the broker and
//! the publishers.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, anyhow};
use meter_ledger::{Ledger, LedgerHome, LedgerSize};
use serde_json::json;

use crate::ledger_file::open_existing;
use crate::progress;

/// How often the bar moves.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Between two parts the recorder has its turn.
const TURN: Duration = Duration::from_millis(50);

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Writes the whole file anew, which also fills half-empty parts of it; the recorder waits as long as that takes
    #[arg(long)]
    rewrite: bool,
    /// Tells how much room that is at least, and changes nothing
    #[arg(long)]
    dry_run: bool,
}

/// Compacts it, or tells what that would come to.
pub(super) fn run(home: &LedgerHome, json: bool, options: &Options) -> anyhow::Result<()> {
    let (ledger, dry_run) = (Ledger::open_read_only(home)?, options.dry_run);
    let (before, in_parts) = (ledger.size()?, ledger.is_compacted_in_parts()?);
    drop(ledger);
    let after = match (dry_run, in_parts && !options.rewrite) {
        (true, _) => LedgerSize { bytes: before.bytes - before.unused, unused: 0 },
        (false, true) => compact(home, before)?,
        (false, false) => rewrite(home, before)?,
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

/// A part at a time. One that the recorder is faster than is tried again.
fn compact(home: &LedgerHome, before: LedgerSize) -> anyhow::Result<LedgerSize> {
    let (mut ledger, bar) = (open_existing(home)?, progress::bar(before.unused, progress::BYTES));
    loop {
        let left = ledger.compact().context("what was given back until then stays so")?;
        bar.set_position(before.unused.saturating_sub(left));
        if left == 0 {
            bar.finish_and_clear();
            return Ok(ledger.size()?);
        }
        std::thread::sleep(TURN);
    }
}

/// All is copied to a temporary file and from there to the log beside the ledger; the log's length tells how far it is.
fn rewrite(home: &LedgerHome, before: LedgerSize) -> anyhow::Result<LedgerSize> {
    let (bar, log) = (progress::bar(before.bytes - before.unused, progress::BYTES), home.file().map(log_of));
    let length = || log.as_ref().and_then(|log| std::fs::metadata(log).ok()).map_or(0, |log| log.len());
    let (begin, home) = (length(), home.clone());
    let (sender, done) = channel();
    let worker = std::thread::spawn(move || {
        let rewritten = open_existing(&home).and_then(|mut ledger| {
            ledger.rewrite()?;
            ledger.size()
        });
        let _ = sender.send(rewritten);
    });
    let rewritten = loop {
        match done.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => bar.set_position(length().saturating_sub(begin)),
            Ok(rewritten) => break rewritten,
            Err(RecvTimeoutError::Disconnected) => return Err(anyhow!("compacting has stopped")),
        }
    };
    bar.finish_and_clear();
    let _ = worker.join();
    rewritten.context(
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
