//! `powerpi`: the operator's command.

mod backup;
mod cluster;
mod daemons;
mod demo;
mod doctor;
mod first_page;
mod history;
mod home_assistant;
mod house;
mod import;
mod invitations;
mod ledger;
mod ledger_file;
mod open_pages;
mod passwd;
mod prices;
mod progress;
mod server;
mod settings;
mod span;
mod top;
mod web_settings;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};
use daemon_runtime::exit_code;

/// PowerPi: what your electricity meter did, pulse by pulse.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Shows all of PowerPi on this machine, with two years of a simulated house
    Demo(demo::Options),
    /// Adds, changes, deletes or lists users of the broker or of the pages
    Passwd(passwd::Options),
    /// Opens the pages to other machines: to users who sign in, or to a proxy
    OpenPages(open_pages::Options),
    /// Invites a Pi or, with --browser, a person: prints a line or a link with which they join, once and within an hour
    Invite(invitations::InviteOptions),
    /// Answers invited Pis until no invitation is open; the service powerpi-pairing runs this
    Pair(invitations::PairOptions),
    /// Lists the sites that are let in, and open invitations
    Sites(invitations::SitesOptions),
    /// Lists who may come to the pages, and who is invited
    Users(invitations::UsersOptions),
    /// Lets a site or, with --browser, a person in no longer, or withdraws their invitation
    Revoke(invitations::RevokeOptions),
    /// Renews the certificate that `powerpi invite` has made for the broker, if it ends within months
    RenewCertificate(invitations::RenewOptions),
    /// Lists, checks and corrects what the ledger holds, while everything runs
    Ledger(ledger::Options),
    /// Brings in what another system has recorded, and takes it back
    Import(import::Options),
    /// Looks at everything on this server and says what is wrong and what to do
    Doctor(doctor::Options),
    /// Puts hours right that Home Assistant has counted wrongly because of an outage
    HomeAssistant(home_assistant::Options),
    /// Shows the power of all meters, what they used today, and how their publishers are
    Top(top::Options),
    /// Takes a backup of everything that makes up a server, while it runs
    Backup(backup::BackupOptions),
    /// Puts a backup back, on this server or a new one
    Restore(backup::RestoreOptions),
    /// Reads a backup and compares it with its checksums
    Verify(backup::VerifyOptions),
    /// Prints, saves and checks what is said of the site's meters, prices and alarms, and lists its versions
    Settings(settings::Options),
    /// Reads prices of the day from a file
    Prices(prices::Options),
    /// Prepares what several machines need that one does not
    Cluster(cluster::Options),
}

fn main() -> ExitCode {
    let matches = daemon_runtime::read_command_line(Arguments::command());
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match arguments.command {
        Command::Demo(options) => block_on(demo::run(&options)),
        Command::Doctor(options) => block_on(doctor::run(&options)),
        Command::OpenPages(options) => open_pages::run(&options),
        Command::Invite(options) => block_on(invitations::invite(&options)),
        Command::Pair(options) => block_on(invitations::pair(&options)),
        Command::Sites(options) => invitations::sites(&options),
        Command::Users(options) => invitations::users(&options),
        Command::Revoke(options) => invitations::revoke(&options),
        Command::RenewCertificate(options) => invitations::renew(&options),
        Command::HomeAssistant(options) => block_on(home_assistant::run(&options)),
        Command::Top(options) => block_on(top::run(&options)),
        Command::Passwd(options) => passwd::run(&options),
        Command::Ledger(options) => ledger::run(&options),
        Command::Import(options) => import::run(&options),
        Command::Backup(options) => backup::backup(&options),
        Command::Restore(options) => backup::restore(&options),
        Command::Verify(options) => backup::verify(&options),
        Command::Settings(options) => settings::run(&options),
        Command::Prices(options) => prices::run(&options),
        Command::Cluster(options) => cluster::run(&options),
    };
    if let Err(error) = &outcome {
        eprintln!("powerpi: {error:#}");
    }
    exit_code(&outcome)
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
