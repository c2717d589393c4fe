//! `powerpi ledger copy`: a ledger moves from a file to PostgreSQL, or back, while everything runs.

use meter_ledger::{Ledger, LedgerHome};
use serde_json::json;

use crate::progress;

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The ledger that is copied: its file, or a database as postgresql://host/name
    #[arg(value_name = "FROM")]
    from: LedgerHome,
    /// Where it is copied to; tables and the file are made, a database has to be there
    #[arg(value_name = "TO")]
    to: LedgerHome,
    /// Puts the copy in the place of what is there
    #[arg(long)]
    replace: bool,
}

/// Copies it in one transaction, reads the copy and compares both.
pub(super) fn run(json: bool, options: &Options) -> anyhow::Result<()> {
    let Options { from, to, replace } = options;
    let source = Ledger::open_read_only(from)?;
    let bar = progress::bar(0, "{bar} {pos}/{len} rows, {eta} left");
    let copied = source.copy_into(&mut Ledger::open(to)?, *replace, |done, all| {
        bar.set_length(all.max(done));
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let rows = copied?;
    match json {
        true => println!("{}", json!({ "from": from.to_string(), "to": to.to_string(), "rows": rows })),
        false => println!(
            "{rows} rows were copied to {to} and compared with {from}: they are the same. What has come since the copy \
             began is not in it."
        ),
    }
    Ok(())
}
