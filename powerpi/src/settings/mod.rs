//! `powerpi settings`: what people say of the site, in versions, while everything runs.

mod checking;
mod history;

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use site_settings::{Draft, SiteSettings, Store, StoreError, checked};

use crate::ledger::person;
use crate::server::Server;

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
    /// The root of the server's files
    #[arg(long, value_name = "DIR", global = true, default_value = "/")]
    root: PathBuf,
    /// Prints a JSON object a line, for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Prints what is saved, as TOML
    Export {
        /// This version instead of the newest
        #[arg(long, value_name = "NUMBER", conflicts_with = "fixed")]
        version: Option<u64>,
        /// What stands in powerpi-web.toml and powerpi-alarms.toml instead: it goes first, and could be saved here
        #[arg(long)]
        fixed: bool,
    },
    /// Saves a file of settings as the newest version; the programs take it over within seconds
    Import {
        /// TOML as in powerpi-web.toml and powerpi-alarms.toml: currency, holidays, the tables tariff, meter and alarm,
        /// and access.public_meters; "-" for standard input
        file: PathBuf,
        /// What it is saved for, for the list of versions
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
        /// The version it was made from: if somebody has saved another one since, nothing is saved
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
        /// Only says what is wrong
        #[arg(long)]
        dry_run: bool,
    },
    /// Says what is wrong with what is saved, or with a file, and which of its names nobody has; exit code 1 if anything
    /// is wrong
    Check {
        /// A file instead of what is saved; "-" for standard input
        file: Option<PathBuf>,
    },
    /// Lists the versions: who saved them, and when
    History,
    /// Saves what an earlier version said as the newest one
    Undo {
        /// The version; the one before the newest without it
        version: Option<u64>,
    },
}

/// A server's settings of the site.
struct OfServer {
    server: Server,
    store: Store,
    /// What stands in the programs' TOML.
    fixed: SiteSettings,
    json: bool,
}

/// Does what is asked for.
///
/// # Errors
/// What is wrong, in words that say what to do.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let server = Server::read(&options.root)?;
    let fixed =
        daemon_runtime::parse(&server.of_site()).context("powerpi-web.toml or powerpi-alarms.toml")?;
    let store = Store::beside(&server.ledger()?, server.here(&server.settings_dir()));
    let of_server = OfServer { server, store, fixed, json: options.json };
    match &options.command {
        Command::Export { fixed: true, .. } => {
            print!("{}", of_server.server.of_site());
            Ok(())
        }
        Command::Export { version, .. } => of_server.export(*version),
        Command::Import { file, why, after, dry_run } => {
            of_server.import(&text_of(file)?, why.as_deref(), *after, *dry_run)
        }
        Command::Check { file } => of_server.check(file.as_deref()),
        Command::History => of_server.history(),
        Command::Undo { version } => of_server.undo(*version),
    }
}

impl OfServer {
    fn export(&self, version: Option<u64>) -> anyhow::Result<()> {
        let number = version.map_or_else(|| self.store.newest(), Ok)?;
        if number == 0 {
            bail!(
                "nothing is saved yet; --fixed prints what stands in powerpi-web.toml and powerpi-alarms.toml"
            );
        }
        print!("{}", self.store.version(number)?.text);
        Ok(())
    }

    fn import(&self, text: &str, why: Option<&str>, after: Option<u64>, dry_run: bool) -> anyhow::Result<()> {
        let stored = checked(text, &self.fixed).context("nothing was saved")?;
        let after = after.map_or_else(|| self.store.newest(), Ok)?;
        if dry_run {
            println!("Nothing is wrong; it would be version {}.", after + 1);
        } else {
            let by = person::of_this_machine();
            let draft = Draft { text, by: &by, why, after };
            self.saved(self.store.save(&draft, &self.fixed, daemon_runtime::now()))?;
        }
        self.warn_of(&stored);
        Ok(())
    }

    fn undo(&self, version: Option<u64>) -> anyhow::Result<()> {
        let numbers = self.store.numbers()?;
        let before = numbers.len().checked_sub(2).map(|at| numbers[at]);
        let Some(number) = version.or(before) else {
            bail!("there is no earlier version; to go back to nothing, import an empty file");
        };
        let (by, after) = (person::of_this_machine(), numbers.last().copied().unwrap_or(0));
        self.saved(self.store.put_back(number, &by, after, &self.fixed, daemon_runtime::now()))
    }

    fn saved(&self, outcome: Result<u64, StoreError>) -> anyhow::Result<()> {
        let number = outcome.map_err(|error| match error {
            StoreError::Disk(folder, error) => anyhow::Error::new(error).context(format!(
                "nothing was saved: make sure that {} is there and that you may write into it (sudo)",
                folder.display()
            )),
            StoreError::Database(error) if error.is_refused() => anyhow::Error::new(error).context(
                "nothing was saved: the settings are beside the ledger; run this as the user of the recorder or the pages \
                 (sudo -u powerpi-recorder)",
            ),
            other => anyhow::Error::new(other).context("nothing was saved"),
        })?;
        match self.json {
            true => println!("{}", serde_json::json!({ "version": number })),
            false => println!(
                "Saved as version {number}; powerpi-web and powerpi-alarms take it over within seconds."
            ),
        }
        Ok(())
    }
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading the standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}
