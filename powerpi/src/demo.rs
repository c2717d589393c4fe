//! `powerpi demo`: the four programs with a simulated household, on this
//! machine only.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use meter_messages::{Meter, Minute};

use crate::daemons::Daemons;
use crate::history;
use crate::span::History;

/// The household's tariff: cheaper at night, and a base fee.
const TARIFF: &str = "[[tariff]]\nprice_per_kwh = 0.27\nbase_fee_per_month = 9.90\nvat_percent = 19\n\
                      co2_g_per_kwh = 363\n[[tariff.time]]\nhours = \"22-6\"\nprice_per_kwh = 0.21\n";

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder for its data; a second start goes on from there
    /// [default: ~/.local/share/powerpi-demo]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Address of the pages
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    web: SocketAddr,
    /// Address of the broker
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1883")]
    mqtt: SocketAddr,
    /// How far back the household's history reaches, like 365d
    #[arg(long, value_name = "TIME", default_value = "365d")]
    history: History,
}

/// Starts everything, shows the history coming in, and runs until Ctrl-C.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let shutdown = daemon_runtime::on_signal()?;
    let dir = options.dir.clone().map_or_else(usual_dir, Ok)?;
    // Starts with a full minute, so that the first one is watched completely.
    let began = (daemon_runtime::now() - options.history.0).as_second();
    let from = Timestamp::from_second(began - began.rem_euclid(Minute::SECONDS))?;
    let settings = write_settings(options, &dir, from)?;
    let mut daemons = Daemons::new(&dir);
    let outcome = tokio::select! {
        outcome = show(options, &dir, &settings, from, &mut daemons) => outcome,
        () = shutdown.cancelled() => Ok(()),
    };
    println!("Stopping.");
    outcome.and(daemons.stop().await)
}

async fn show(
    options: &Options,
    dir: &Path,
    settings: &[(&'static str, PathBuf)],
    from: Timestamp,
    daemons: &mut Daemons,
) -> anyhow::Result<()> {
    for (name, settings) in settings {
        daemons.start(name, settings).await?;
    }
    println!("PowerPi is running; its data is in {}.", dir.display());
    println!("  Pages:    http://{}/", options.web);
    println!(
        "  Messages: mosquitto_sub -h {} -p {} -v -t 'powerpi/#'",
        options.mqtt.ip(),
        options.mqtt.port()
    );
    let meter: Meter = "home/main".parse()?;
    let (minutes, took) = tokio::select! {
        watched = history::watch(options.mqtt, &meter, from) => watched?,
        ended = daemons.first_to_end() => return Err(ended),
    };
    println!("{minutes} minutes of history were recorded in {:.1} s; now it is live.", took.as_secs_f64());
    println!("Ctrl-C stops it.");
    Err(daemons.first_to_end().await)
}

fn usual_dir() -> anyhow::Result<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let data = data.or_else(home).context("HOME is not set; give --dir")?;
    Ok(data.join("powerpi-demo"))
}

/// Writes each program's settings, in the order in which they start.
fn write_settings(
    options: &Options,
    dir: &Path,
    from: Timestamp,
) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    std::fs::create_dir_all(dir).with_context(|| format!("creating the folder {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    let text = |name: &str| toml_text(&dir.join(name).display().to_string());
    let (host, port) = (toml_text(&options.mqtt.ip().to_string()), options.mqtt.port());
    let (ledger, rrd_dir) = (text("ledger.sqlite"), text("rrd"));
    let mqtt = format!("[mqtt]\nhost = {host}\nport = {port}\n");
    let files = [
        (
            "powerpi-broker",
            format!(
                "[mqtt]\nlisten = \"{}\"\n[access]\nanonymous = \"everywhere\"\n[store]\npath = {}\n",
                options.mqtt,
                text("broker.sqlite")
            ),
        ),
        ("powerpi-recorder", format!("ledger = {ledger}\nrrd_dir = {rrd_dir}\n{mqtt}")),
        (
            "powerpi-web",
            format!("listen = \"{}\"\nledger = {ledger}\nrrd_dir = {rrd_dir}\n{mqtt}{TARIFF}", options.web),
        ),
        (
            "pi-publisher",
            format!(
                "site = \"home\"\nstate_dir = {}\nruntime_dir = {}\n{mqtt}\n[[meter]]\nid = \"main\"\nname = \"Demo household\"\n\
                 pulses_per_kwh = 1000\nsource = {{ kind = \"simulated\", from = \"{from}\" }}\n",
                toml_text(&dir.display().to_string()),
                text("run")
            ),
        ),
    ];
    files
        .into_iter()
        .map(|(name, text)| {
            let path = dir.join(format!("{name}.toml"));
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            Ok((name, path))
        })
        .collect()
}

/// A TOML basic string; JSON's quoting is a part of TOML's.
fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
