//! Counts the pulses of electricity meters and publishes a count a minute.
//!
//! Start reading at [`pi_publisher::run`].

use std::path::Path;
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use daemon_runtime::{Daemon, Files, block_on, exit_code, load};
use foreign_text::is_control;
use jiff::Timestamp;
use meter_messages::{MeterId, MeterReading};
use pi_publisher::check::Form;
use pi_publisher::set_reading::Saying;
use pi_publisher::settings::Settings;

const NAME: &str = "pi-publisher";
/// The settings file where none is named.
const SETTINGS: &str = "/etc/powerpi/pi-publisher.toml";
const ABOUT: &str = "Counts the pulses of electricity meters and publishes a count a minute";

#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    daemon: daemon_runtime::Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Watches the lines, listens to counters, and says what it sees and what is probably wrong
    Check {
        /// How many seconds to watch
        #[arg(long, default_value_t = 10, value_name = "N")]
        seconds: u64,
        /// One JSON object for each meter
        #[arg(long)]
        json: bool,
    },
    /// Prints each pulse with its width and the power it means, and each total of a counter, until Ctrl-C
    Watch {
        /// One JSON object for each pulse or total
        #[arg(long)]
        json: bool,
    },
    /// Makes this Pi a site of a server, with the line that `powerpi invite` has printed there
    Join(pi_publisher::joining::Options),
    /// Says what a meter itself shows now; what is counted stays as it is
    #[command(group = ArgGroup::new("saying").required(true).args(["reading", "undo"]))]
    SetReading {
        /// The meter's id in the settings
        meter: MeterId,
        /// What it shows, in kWh, or m³ of gas and water, like 12345.6 or 12345,6
        #[arg(value_parser = shown)]
        reading: Option<f64>,
        /// It is another meter, which took the place of the one before
        #[arg(long, conflicts_with = "undo")]
        replaced: bool,
        /// Takes back what was set last
        #[arg(long)]
        undo: bool,
        /// Who has read it [default: the user of this machine]
        #[arg(long, value_name = "NAME", value_parser = name)]
        by: Option<String>,
    },
    /// Prints what a simulated meter counts in a stretch of the past, for `powerpi demo`
    #[command(hide = true)]
    SimulatedPast {
        /// The meter's id in the settings
        meter: MeterId,
        /// First minute
        #[arg(long, value_name = "TIME")]
        from: Timestamp,
        /// First minute that is no longer printed
        #[arg(long, value_name = "TIME")]
        to: Timestamp,
    },
    /// Sends kept minutes again, to a server whose ledger has gaps
    Replay {
        /// First minute, like 2026-10-03T12:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Timestamp,
        /// First minute that is no longer sent
        #[arg(long, value_name = "TIME")]
        to: Timestamp,
    },
}

fn shown(text: &str) -> Result<f64, &'static str> {
    MeterReading::number(text)
        .ok_or("a reading is a number like 12345.6, without a sign and without marks between thousands")
}

fn name(text: &str) -> Result<String, String> {
    let fits = (1..=MeterReading::LONGEST_NAME).contains(&text.len()) && !text.contains(is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("a name has 1 to {} bytes in one line", MeterReading::LONGEST_NAME))
}

/// The user of this machine, also behind `sudo`.
fn person() -> String {
    let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    names.filter_map(|found| name(&found).ok()).next().unwrap_or_else(|| NAME.to_owned())
}

fn form(json: bool) -> Form {
    if json { Form::Json } else { Form::Text }
}

fn main() -> ExitCode {
    let arguments: Arguments = daemon_runtime::Arguments::read_within(NAME, ABOUT);
    let config = arguments.daemon.config();
    let (name, version) = (NAME, env!("CARGO_PKG_VERSION"));
    let Some(command) = arguments.command else {
        return Daemon { name, version, config, worker_threads: 1, files: Files::OfUser }
            .run(pi_publisher::run);
    };
    if let Command::Join(options) = &command {
        let settings = config.unwrap_or(Path::new(SETTINGS));
        let joining = async |_| pi_publisher::joining::join(options, settings, &mut std::io::stdout()).await;
        return ended(&block_on(0, joining));
    }
    let outcome = load::<Settings>(name, config).map_err(Into::into).and_then(|settings| {
        settings.check()?;
        command.carry_out(&settings)
    });
    ended(&outcome)
}

fn ended(outcome: &anyhow::Result<()>) -> ExitCode {
    if let Err(error) = outcome {
        eprintln!("{NAME}: {error:#}");
    }
    exit_code(outcome)
}

impl Command {
    fn carry_out(&self, settings: &Settings) -> anyhow::Result<()> {
        let out = &mut std::io::stdout();
        match self {
            Self::Check { seconds, json } => pi_publisher::check::check(settings, *seconds, form(*json), out),
            Self::Watch { json } => pi_publisher::watch::watch(settings, form(*json), out),
            Self::SetReading { meter, reading, replaced, by, .. } => {
                let saying = match *reading {
                    Some(shown) => Saying::Shows { shown, replaced: *replaced },
                    None => Saying::Undo,
                };
                let by = by.clone().unwrap_or_else(person);
                let said_at = (by.as_str(), daemon_runtime::now());
                pi_publisher::set_reading::set_reading(settings, meter, &saying, said_at, out)
            }
            Self::SimulatedPast { meter, from, to } => {
                pi_publisher::simulated_past::print(settings, meter, (*from, *to), out)
            }
            Self::Join(_) => unreachable!("it needs no settings, so it is carried out before they are read"),
            Self::Replay { from, to } => {
                let replay = async |shutdown| {
                    pi_publisher::replay::replay(settings, *from, *to, out, &shutdown).await.map(drop)
                };
                block_on(1, replay)
            }
        }
    }
}
