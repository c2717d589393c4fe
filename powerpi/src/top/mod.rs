//! `powerpi top`: what all meters do now, for people who look at a server through SSH.

mod listening;
mod meters;
mod table;
mod today;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use daemon_runtime::MqttSettings;
use jiff::tz::TimeZone;

use self::meters::Meters;
use self::today::Today;
use crate::server::Server;

/// How often the picture is drawn anew.
const REFRESH: Duration = Duration::from_secs(1);

/// The pause before the broker is asked again.
const RETRY: Duration = Duration::from_secs(2);

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Prints it once and ends, as it does anyway where it does not write to a terminal
    #[arg(long)]
    once: bool,
    /// Prints it once, a JSON object a meter, for programs
    #[arg(long)]
    json: bool,
    /// The root of the server's files
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Where a server's values come from.
struct Sources {
    mqtt: MqttSettings,
    today: Today,
}

/// Shows the meters until Ctrl-C, or once.
///
/// # Errors
/// If the settings cannot be read; with `--once`, also if the broker cannot be asked.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let sources = Sources::of(&Server::read(&options.root)?)?;
    if options.once || options.json || !std::io::stdout().is_terminal() {
        return print_once(sources, options.json).await;
    }
    let shutdown = daemon_runtime::on_signal()?;
    let outcome = shutdown.run_until_cancelled(show(sources)).await;
    // The terminal may be gone.
    let _ = writeln!(std::io::stdout());
    outcome.unwrap_or(Ok(()))
}

impl Sources {
    /// Those that the settings of the pages name.
    fn of(server: &Server) -> anyhow::Result<Self> {
        let mqtt = server.table("powerpi-web.toml", "mqtt").context("[mqtt] of powerpi-web.toml")?;
        let zone = match server.setting("powerpi-web.toml", "time_zone") {
            Some(name) => {
                TimeZone::get(name).with_context(|| format!("time_zone of powerpi-web.toml: {name:?}"))?
            }
            None => TimeZone::system(),
        };
        Ok(Self { mqtt: mqtt.unwrap_or_default(), today: Today::new(server.ledger()?, zone) })
    }
}

async fn print_once(mut sources: Sources, json: bool) -> anyhow::Result<()> {
    let mut meters = Meters::default();
    listening::listen_once(&sources.mqtt, &mut meters).await?;
    let today = sources.today.read().await;
    if let (Err(error), true) = (&today, meters.is_empty()) {
        bail!("nobody says anything of a meter, and the ledger cannot be read: {error:#}");
    }
    meters.set_today(today);
    let now = daemon_runtime::now();
    let text = if json { table::as_json(&meters, now) } else { table::as_text(&meters, now, None) };
    std::io::stdout().write_all(text.as_bytes()).context("writing the list")
}

/// Draws until it is stopped; a broker that goes away is asked again.
async fn show(mut sources: Sources) -> anyhow::Result<()> {
    let mut meters = Meters::default();
    loop {
        let listening = listening::Listening::begin(&sources.mqtt).await;
        let error = match listening {
            Ok(mut listening) => loop {
                meters.set_today(sources.today.read().await);
                draw(&meters, None)?;
                if let Err(error) = listening.for_a_while(&mut meters, REFRESH).await {
                    break error;
                }
            },
            Err(error) => error,
        };
        draw(&meters, Some(&format!("the broker cannot be asked: {error:#}")))?;
        tokio::time::sleep(RETRY).await;
    }
}

fn draw(meters: &Meters, trouble: Option<&str>) -> anyhow::Result<()> {
    let (rows, columns) = console::Term::stdout().size();
    let size = (usize::from(columns), usize::from(rows));
    let mut text = table::as_text(meters, daemon_runtime::now(), Some(size));
    if let Some(trouble) = trouble {
        text.push_str(&table::cut(trouble, size.0));
        text.push('\n');
    }
    // From the top left corner, and nothing of the picture before: ECMA-48's CUP and ED.
    let mut out = std::io::stdout().lock();
    write!(out, "\x1b[H\x1b[J{text}").and_then(|()| out.flush()).context("drawing")
}
