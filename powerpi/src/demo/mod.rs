//! `powerpi demo`: all programs with a simulated house or a single meter, on this
//! machine only.
//!
//! Its past is written into the ledger at once ([`older_past`]), but for the last two weeks, which go the whole way from
//! the publisher to the ledger, as everything does from then on.

mod files;
mod older_past;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use meter_ledger::{Ledger, RecordedMinute};
use meter_messages::{Meter, Minute};

use self::files::DemoFiles;
use self::older_past::Older;
use crate::daemons::Daemons;
use crate::first_page::time_first_page;
use crate::history;
use crate::house::{self, Past, Totals};
use crate::span::History;

/// The tariff of a single meter: cheaper at night, and a base fee.
const TARIFF: &str = "[[tariff]]\nprice_per_kwh = 0.27\nbase_fee_per_month = 9.90\nvat_percent = 19\n\
                      co2_g_per_kwh = 363\n[[tariff.time]]\nhours = \"22-6\"\nprice_per_kwh = 0.21\n";

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder for its data; a second start goes on from there
    /// [default: ~/.local/share/powerpi-demo-house, or powerpi-demo with --plain]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Address of the pages
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    web: SocketAddr,
    /// Address of the broker
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1883")]
    mqtt: SocketAddr,
    /// How far back the history reaches, like 365d
    #[arg(long, value_name = "TIME", default_value = "731d")]
    history: History,
    /// A household with one meter, instead of a house of ten: what comes in and goes out, panels, a heat pump, a workshop
    /// with two machines, gas and water; with a replaced meter, a gap, prices that rise, alarms and notes
    #[arg(long)]
    plain: bool,
    /// When `make demo` began, in seconds of Unix time
    #[arg(long, hide = true, value_name = "SECONDS")]
    began: Option<i64>,
}

/// Starts everything, shows the history coming in, and runs until Ctrl-C.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let shutdown = daemon_runtime::on_signal()?;
    let dir = options.dir.clone().map_or_else(|| usual_dir(options.plain), Ok)?;
    std::fs::create_dir_all(&dir).with_context(|| format!("creating the folder {}", dir.display()))?;
    let files = DemoFiles { dir: dir.canonicalize()?, web: options.web, mqtt: options.mqtt };
    let demo = Demo { options, files };
    let mut daemons = Daemons::new(&demo.files.dir);
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
    files: DemoFiles,
}

impl Demo<'_> {
    async fn show(&self, daemons: &mut Daemons) -> anyhow::Result<()> {
        if self.options.plain {
            self.show_household(daemons).await?;
        } else {
            let past = Past::new(self.from()?, daemon_runtime::now())?.keep(&self.files.dir)?;
            self.show_house(&past, daemons).await?;
        }
        if let Some(began) = self.options.began {
            let took = time_first_page(self.options.web, Timestamp::from_second(began)?).await?;
            println!("The first page with its history was there {took} after the command began.");
        }
        println!("Now it is live; Ctrl-C stops it.");
        Err(daemons.first_to_end().await)
    }

    /// One meter; a later start goes on after what is recorded.
    async fn show_household(&self, daemons: &mut Daemons) -> anyhow::Result<()> {
        let meter: Meter = "home/main".parse()?;
        let from = self.from()?;
        let joins = match self.recorded_until(&meter)? {
            Some(recorded) => recorded,
            None => house::joins(from, daemon_runtime::now())?,
        };
        let household = |totals: &Totals| {
            let total = totals.get(&meter).copied().unwrap_or_default();
            let household = format!(
                "site = \"home\"\n[[meter]]\nid = \"main\"\nname = \"Demo household\"\npulses_per_kwh = 1000\n\
                 initial_total = {total}\nsource = {{ kind = \"simulated\", from = \"{joins}\" }}\n"
            );
            self.files.publisher("pi-publisher", "", &household)
        };
        let older = Older { meter: meter.clone(), settings: household(&Totals::new())?.1 };
        older_past::write(&self.files.ledger(), vec![older], (from, joins)).await?;
        let publisher = household(&self.totals()?)?;
        self.start_server(TARIFF, [""; 2], daemons).await?;
        daemons.start(publisher.0, &publisher.1).await?;
        self.watch(&[(meter, None)], joins, daemons).await
    }

    /// The end of a meter's newest minute, if there is a ledger that has one.
    fn recorded_until(&self, meter: &Meter) -> anyhow::Result<Option<Timestamp>> {
        let end = |newest: RecordedMinute| Timestamp::from_second(newest.minute.end()).ok();
        let newest = self.newest()?.into_iter().find(|(known, _)| known == meter);
        Ok(newest.and_then(|(_, newest)| end(newest)))
    }

    /// How many pulses each meter has counted so far.
    fn totals(&self) -> anyhow::Result<Totals> {
        Ok(self.newest()?.into_iter().map(|(meter, newest)| (meter, newest.total)).collect())
    }

    /// The newest minute of each meter, if there is a ledger.
    fn newest(&self) -> anyhow::Result<Vec<(Meter, RecordedMinute)>> {
        if !self.files.ledger().exists() {
            return Ok(Vec::new());
        }
        let ledger = Ledger::open(&self.files.ledger())?;
        let mut all = Vec::new();
        for known in ledger.meters()? {
            all.extend(ledger.newest(&known)?.map(|newest| (known.meter, newest)));
        }
        Ok(all)
    }

    /// Its history, publisher by publisher; one that has been through goes on with the last.
    async fn show_house(&self, past: &Past, daemons: &mut Daemons) -> anyhow::Result<()> {
        let files = &self.files;
        let is_through = files.dir.join("pi-publisher.toml").exists();
        if is_through {
            self.start_server(&past.tariffs(), Past::alarms(), daemons).await?;
        } else {
            let publishers = |totals: &Totals| {
                let before = files.publisher("pi-publisher-before", "", &past.first_publisher(totals))?;
                let next_door =
                    files.publisher("pi-publisher-next-door", "next-door", &past.next_door(totals))?;
                anyhow::Ok((before, next_door))
            };
            let (before, next_door) = publishers(&Totals::new())?;
            let of = |settings: &PathBuf| {
                let settings = settings.clone();
                move |meter| Older { meter, settings: settings.clone() }
            };
            let older = house::meters().map(of(&before.1)).chain(house::next_door().map(of(&next_door.1)));
            older_past::write(&files.ledger(), older.collect(), (past.from, past.joins)).await?;
            // From here on they go on counting.
            publishers(&self.totals()?)?;
            self.start_server(&past.tariffs(), Past::alarms(), daemons).await?;
            for (program, settings) in [&before, &next_door] {
                daemons.start(program, settings).await?;
            }
            self.watch(&past.before(), past.joins, daemons).await?;
            for (_, settings) in [&before, &next_door] {
                daemons.stop_one(settings).await?;
            }
        }
        let publisher = files.publisher("pi-publisher", "", &past.publisher())?;
        daemons.start(publisher.0, &publisher.1).await?;
        let meters: Vec<_> = house::meters().map(|meter| (meter, None)).collect();
        self.watch(&meters, past.goes_on, daemons).await
    }

    /// The beginning of the history: a full minute, so that the first one is watched completely.
    fn from(&self) -> anyhow::Result<Timestamp> {
        let history = self.options.history.0;
        if !self.options.plain && history < SignedDuration::from_hours(1) {
            bail!("a house needs a history of at least 1h; give --history 30d or leave it out");
        }
        let began = (daemon_runtime::now() - history).as_second();
        Ok(Timestamp::from_second(began - began.rem_euclid(Minute::SECONDS))?)
    }

    async fn start_server(
        &self,
        tariffs: &str,
        alarms: [&str; 2],
        daemons: &mut Daemons,
    ) -> anyhow::Result<()> {
        let options = self.options;
        for (name, settings) in self.files.server(tariffs, alarms)? {
            daemons.start(name, &settings).await?;
        }
        println!("PowerPi is running; its data is in {}.", self.files.dir.display());
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
}

fn usual_dir(plain: bool) -> anyhow::Result<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let data = data.or_else(home).context("HOME is not set; give --dir")?;
    Ok(data.join(if plain { "powerpi-demo" } else { "powerpi-demo-house" }))
}
