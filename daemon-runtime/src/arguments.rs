//! The command line that all daemons have.

use std::path::{Path, PathBuf};

use clap::{Args, Command, FromArgMatches, Parser};

use crate::manual;

/// `--config FILE`, or `-c FILE`; with [`read`](Self::read) also `--version` and `--help`.
///
/// A program with subcommands flattens this into arguments of its own.
#[derive(Debug, Clone, Args)]
// Without a group of its own: it would have the name of that of whoever flattens this.
#[group(skip)]
pub struct Arguments {
    /// Settings file
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Arguments {
    /// Reads the command line of the daemon `name`, of which `about` says in one line what it does.
    /// Answers `--help` and `--version`, and ends the process where there is nothing more to do.
    pub fn read(name: &'static str, version: &'static str, about: &'static str) -> Self {
        read(Self::augment_args(Command::new(name).version(version)), name, about)
    }

    /// The same of a daemon with subcommands, whose own arguments have these flattened into them.
    pub fn read_within<A: Parser>(name: &'static str, about: &'static str) -> A {
        read(A::command(), name, about)
    }

    /// The settings file that was named.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

fn read<A: FromArgMatches>(command: Command, name: &str, about: &'static str) -> A {
    // What is flattened into a command gives it its own documentation, which is for programmers.
    let command = command.about(about).long_about(None::<&str>);
    let help = format!("Settings file [default: /etc/powerpi/{name}.toml, if there]");
    let command = command.mut_arg("config", |config| config.help(help));
    A::from_arg_matches(&manual::read_command_line(command)).unwrap_or_else(|error| error.exit())
}
