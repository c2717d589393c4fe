//! `powerpi cluster`: what several machines need that one does not.

mod nats_users;
mod password_folder;
mod rights;
mod subjects;

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Makes users and rights for NATS from the broker's users file
    NatsUsers(nats_users::Options),
}

/// Does what is asked for.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match &options.command {
        Command::NatsUsers(options) => nats_users::run(options),
    }
}
