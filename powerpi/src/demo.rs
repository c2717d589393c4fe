//! `powerpi demo`: the four programs with a simulated household or house, on this
//! machine only.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use meter_messages::{Meter, Minute};

use crate::daemons::Daemons;
use crate::first_page::time_first_page;
use crate::history;
use crate::house::{self, Past, toml_text};
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
    /// How far back the history reaches, like 365d [default: 365d; with --house 456d]
    #[arg(long, value_name = "TIME")]
    history: Option<History>,
    /// A house of ten meters instead of a household with one: what comes in and goes out, panels, a heat pump, a
    /// workshop with two machines, gas and water; with a replaced meter, a gap and prices that rise
    #[arg(long)]
    house: bool,
    /// When `make demo` began, in seconds of Unix time
    #[arg(long, hide = true, value_name = "SECONDS")]
    began: Option<i64>,
}

/// How far back the history reaches: more than a year, so that it can be compared with the year before.
const HISTORY: SignedDuration = SignedDuration::from_hours(365 * 24);
const HISTORY_OF_HOUSE: SignedDuration = SignedDuration::from_hours(456 * 24);

/// A program and its settings.
type Settings = (&'static str, PathBuf);

/// Starts everything, shows the history coming in, and runs until Ctrl-C.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let shutdown = daemon_runtime::on_signal()?;
    let dir = options.dir.clone().map_or_else(|| usual_dir(options.house), Ok)?;
    std::fs::create_dir_all(&dir).with_context(|| format!("creating the folder {}", dir.display()))?;
    let demo = Demo { options, dir: dir.canonicalize()? };
    let mut daemons = Daemons::new(&demo.dir);
    let outcome = tokio::select! {
        outcome = demo.show(&mut daemons) => outcome,
        () = shutdown.cancelled() => Ok(()),
    };
    // Without `println!`, which would panic where the terminal is gone, and leave the programs running.
    let _ = writeln!(std::io::stdout(), "Stopping.");
    outcome.and(daemons.stop().await)
}

/// What is shown, and where its data is.
struct Demo<'asked> {
    options: &'asked Options,
    dir: PathBuf,
}

impl Demo<'_> {
    async fn show(&self, daemons: &mut Daemons) -> anyhow::Result<()> {
        let from = self.from()?;
        if self.options.house {
            let now = daemon_runtime::now();
            let past = Past::new(from, now)?.keep(&self.dir)?;
            self.show_house(&past, daemons).await?;
        } else {
            self.start_server(TARIFF, daemons).await?;
            let household = format!(
                "site = \"home\"\n[[meter]]\nid = \"main\"\nname = \"Demo household\"\npulses_per_kwh = 1000\n\
                 source = {{ kind = \"simulated\", from = \"{from}\" }}\n"
            );
            let publisher = self.publisher("pi-publisher", "", &household)?;
            daemons.start(publisher.0, &publisher.1).await?;
            self.watch(&[("home/main".parse()?, None)], from, daemons).await?;
        }
        if let Some(began) = self.options.began {
            let took = time_first_page(self.options.web, Timestamp::from_second(began)?).await?;
            println!("The first page with its history was there {took} after the command began.");
        }
        println!("Now it is live; Ctrl-C stops it.");
        Err(daemons.first_to_end().await)
    }

    /// Its history, publisher by publisher; one that has been through goes on with the last.
    async fn show_house(&self, past: &Past, daemons: &mut Daemons) -> anyhow::Result<()> {
        self.start_server(&past.tariffs(), daemons).await?;
        let is_through = self.dir.join("pi-publisher.toml").exists();
        if !is_through {
            let before = self.publisher("pi-publisher-before", "", &past.first_publisher())?;
            let next_door = self.publisher("pi-publisher-next-door", "next-door", &past.next_door())?;
            for (program, settings) in [&before, &next_door] {
                daemons.start(program, settings).await?;
            }
            self.watch(&past.before(), past.from, daemons).await?;
            for (_, settings) in [&before, &next_door] {
                daemons.stop_one(settings).await?;
            }
        }
        let publisher = self.publisher("pi-publisher", "", &past.publisher())?;
        daemons.start(publisher.0, &publisher.1).await?;
        let meters: Vec<_> = house::meters().map(|meter| (meter, None)).collect();
        self.watch(&meters, past.goes_on, daemons).await
    }

    /// The beginning of the history: a full minute, so that the first one is watched completely.
    fn from(&self) -> anyhow::Result<Timestamp> {
        let history = self.options.history.map(|history| history.0);
        let history = history.unwrap_or(if self.options.house { HISTORY_OF_HOUSE } else { HISTORY });
        if self.options.house && history < SignedDuration::from_hours(1) {
            bail!("a house needs a history of at least 1h; give --history 30d or leave it out");
        }
        let began = (daemon_runtime::now() - history).as_second();
        Ok(Timestamp::from_second(began - began.rem_euclid(Minute::SECONDS))?)
    }

    async fn start_server(&self, tariffs: &str, daemons: &mut Daemons) -> anyhow::Result<()> {
        let options = self.options;
        for (name, settings) in self.server_settings(tariffs)? {
            daemons.start(name, &settings).await?;
        }
        println!("PowerPi is running; its data is in {}.", self.dir.display());
        println!("  Pages:    http://{}/", options.web);
        let (host, port) = (options.mqtt.ip(), options.mqtt.port());
        println!("  Messages: mosquitto_sub -h {host} -p {port} -v -t 'powerpi/#'");
        Ok(())
    }

    async fn watch(
        &self,
        meters: &[(Meter, Option<Minute>)],
        from: Timestamp,
        daemons: &mut Daemons,
    ) -> anyhow::Result<()> {
        let (minutes, took) = tokio::select! {
            watched = history::watch(self.options.mqtt, meters, from) => watched?,
            ended = daemons.first_to_end() => return Err(ended),
        };
        println!("{minutes} minutes of history were recorded in {:.1} s.", took.as_secs_f64());
        Ok(())
    }

    /// Writes the server's settings, in the order in which its programs start.
    fn server_settings(&self, tariffs: &str) -> anyhow::Result<Vec<Settings>> {
        let text = |name: &str| toml_text(&self.dir.join(name).display().to_string());
        let (ledger, rrd_dir, mqtt) = (text("ledger.sqlite"), text("rrd"), self.mqtt());
        let broker = format!(
            "[mqtt]\nlisten = \"{}\"\n[access]\nanonymous = \"everywhere\"\n[store]\npath = {}\n",
            self.options.mqtt,
            text("broker.sqlite")
        );
        let recorder = format!("ledger = {ledger}\nrrd_dir = {rrd_dir}\n{mqtt}");
        let settings_dir = text("settings");
        std::fs::create_dir_all(self.dir.join("settings"))
            .with_context(|| format!("creating {settings_dir}"))?;
        // Tariffs begin with what stands above all tables.
        let web = format!(
            "listen = \"{}\"\nledger = {ledger}\nrrd_dir = {rrd_dir}\nsettings_dir = {settings_dir}\n{tariffs}{mqtt}",
            self.options.web
        );
        Ok(vec![
            ("powerpi-broker", self.write("powerpi-broker", &broker)?),
            ("powerpi-recorder", self.write("powerpi-recorder", &recorder)?),
            ("powerpi-web", self.write("powerpi-web", &web)?),
        ])
    }

    /// Writes a publisher's settings; its state lies in a folder of the demo's, or in that itself.
    fn publisher(&self, file: &str, folder: &str, meters: &str) -> anyhow::Result<Settings> {
        let state = self.dir.join(folder);
        std::fs::create_dir_all(&state)
            .with_context(|| format!("creating the folder {}", state.display()))?;
        let text = |path: PathBuf| toml_text(&path.display().to_string());
        let (run, state, mqtt) = (text(state.join("run")), text(state), self.mqtt());
        let settings = format!("state_dir = {state}\nruntime_dir = {run}\n{meters}{mqtt}");
        Ok(("pi-publisher", self.write(file, &settings)?))
    }

    fn mqtt(&self) -> String {
        let (host, port) = (toml_text(&self.options.mqtt.ip().to_string()), self.options.mqtt.port());
        format!("[mqtt]\nhost = {host}\nport = {port}\n")
    }

    fn write(&self, name: &str, settings: &str) -> anyhow::Result<PathBuf> {
        let path = self.dir.join(format!("{name}.toml"));
        std::fs::write(&path, settings).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

fn usual_dir(house: bool) -> anyhow::Result<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let data = data.or_else(home).context("HOME is not set; give --dir")?;
    Ok(data.join(if house { "powerpi-demo-house" } else { "powerpi-demo" }))
}
