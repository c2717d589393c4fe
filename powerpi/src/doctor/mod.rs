//! `powerpi doctor`: looks at everything that a person would be asked in a forum, and says what to do.

mod finding;
mod looking;
mod messages;
mod report;

use std::path::PathBuf;

use anyhow::bail;
use serde_json::json;

use self::finding::Level;
use crate::server::Server;

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The root of the server's files
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Prints a JSON object a line, for programs
    #[arg(long)]
    json: bool,
    /// Also reads the whole ledger, which takes some seconds a year and meter
    #[arg(long)]
    thorough: bool,
    /// Writes what was found and the settings, without passwords, into this file (.tar.gz), for a bug report
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

/// Looks, prints, and fails if something is wrong.
///
/// # Errors
/// If something is wrong, or the bundle cannot be written.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let server = Server::read(&options.root)?;
    let mut findings = looking::look(&server, options.thorough);
    findings.extend(messages::look(&server).await);
    for finding in &findings {
        match options.json {
            true => println!("{}", json!(finding)),
            false => println!("{finding}"),
        }
    }
    if let Some(file) = &options.bundle {
        report::write(file, &server, &findings)?;
        println!("{}: look through it before you send it.", file.display());
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    match (count(Level::Wrong), count(Level::Doubtful)) {
        (0, 0) => Ok(()),
        (0, doubtful) => {
            println!("Nothing is wrong; worth a look: {doubtful}.");
            Ok(())
        }
        (wrong, _) => bail!("wrong: {wrong}; what to do stands behind each"),
    }
}
