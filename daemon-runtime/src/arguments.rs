//! The command line that all daemons have.

use std::path::{Path, PathBuf};

use clap::{Args, Command, FromArgMatches};

/// `--config FILE`, or `-c FILE`; with [`read`](Self::read) also `--version` and `--help`.
///
/// A program with subcommands flattens this into arguments of its own.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// Settings file
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Arguments {
    /// Reads the command line of the daemon `name`, of which `about` says in one line what it does.
    /// Answers `--help` and `--version`, and ends the process where there is nothing more to do.
    pub fn read(name: &'static str, version: &'static str, about: &'static str) -> Self {
        let command = Self::augment_args(Command::new(name).version(version).about(about))
            .mut_arg("config", |config| config.help(Self::config_help(name)));
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// What the help of the daemon `name` says about `--config`.
    pub fn config_help(name: &str) -> String {
        format!("Settings file [default: /etc/powerpi/{name}.toml, if there]")
    }

    /// The settings file that was named.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}
