//! What was imported: the list of it, and how it is taken back.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use meter_ledger::{Import, ImportError, Ledger};
use meter_messages::Meter;
use serde_json::json;

use crate::ledger_file::{LedgerFile, open_existing};

/// Between two transactions the recorder has its turn.
const TURN: Duration = Duration::from_millis(20);

/// Lists all that was imported.
pub(super) fn list(ledger: &LedgerFile) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for import in Ledger::open_read_only(&ledger.home)?.imports()? {
        let line = if ledger.json { as_json(&import) } else { as_text(&import) };
        writeln!(out, "{line}").context("writing the list")?;
    }
    Ok(())
}

fn as_json(import: &Import) -> String {
    let Import { id, meter, source, minutes, spans, pulses, begun, by, finished, undone } = import;
    let told = json!({
        "import": id, "meter": meter.to_string(), "source": source, "minutes": minutes, "longer_times": spans,
        "pulses": pulses, "begun": begun.to_string(), "by": by,
        "finished": finished.map(|at| at.to_string()), "undone": undone.map(|at| at.to_string()),
    });
    told.to_string()
}

fn as_text(import: &Import) -> String {
    let Import { id, meter, source, minutes, spans, pulses, begun, by, finished, undone } = import;
    let state = match (undone, finished) {
        (Some(at), _) => format!("undone {at}"),
        (None, Some(_)) => "imported".to_owned(),
        (None, None) => "interrupted: import the same again to go on, or undo it".to_owned(),
    };
    format!("{id}\t{meter}\t{source}\t{} times\t{pulses} pulses\t{begun} ({by})\t{state}", minutes + spans)
}

/// Takes an import back, a part in each transaction.
pub(super) fn undo(file: &LedgerFile, number: i64, by: &str) -> anyhow::Result<()> {
    let mut ledger = open_existing(&file.home)?;
    let meter = ledger.imports()?.into_iter().find(|import| import.id == number).map(|import| import.meter);
    let mut from = None;
    loop {
        let mut batch = ledger.batch()?;
        from = match batch.undo_import(number, from, (by, daemon_runtime::now())) {
            Err(error @ ImportError::Ledger(_)) => return Err(error).context("writing the ledger"),
            other => other?,
        };
        batch.commit().context("writing the ledger")?;
        if from.is_none() {
            break;
        }
        std::thread::sleep(TURN);
    }
    let is_there = |meter: &Meter| Ok::<_, anyhow::Error>(ledger.names()?.contains(&meter.to_string()));
    let gone = meter.map(|meter| Ok::<_, anyhow::Error>((!is_there(&meter)?).then_some(meter)));
    let gone = gone.transpose()?.flatten().map(|gone| gone.to_string());
    match (file.json, gone) {
        (true, gone) => println!("{}", json!({ "undone": number, "meter_gone": gone })),
        (false, None) => println!("Import {number} is undone."),
        (false, Some(gone)) => {
            println!("Import {number} is undone, and so is the meter {gone} that it had made.");
        }
    }
    Ok(())
}
