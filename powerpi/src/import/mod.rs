//! `powerpi import`: what another system has recorded into the ledger, while the recorder runs.

mod amounts;
mod csv_file;
mod emoncms;
mod home_assistant;
mod landing;
mod line_protocol;
mod lines;
mod rrd;
mod series;
mod sql_dump;
mod unit;
mod volkszaehler;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use meter_ledger::Ledger;
use meter_messages::Meter;
use serde_json::json;

use self::landing::Landing;
use self::rrd::Rrd;
use self::series::{Series, Values, name_of};
use self::unit::{Numbers, Unit};
use crate::ledger::person;
use crate::prices::zone;

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
    /// The ledger's file
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        default_value = "/var/lib/powerpi/recorder/ledger.sqlite"
    )]
    ledger: PathBuf,
    /// Prints JSON, for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Reads an RRD file
    Rrd {
        #[command(flatten)]
        into: Into,
        /// Which data source, if the file has several
        #[arg(long, value_name = "NAME")]
        data_source: Option<String>,
        /// What its numbers are: pulses, W, kW, Wh, kWh, l/h, l or m3
        #[arg(long, value_name = "UNIT")]
        unit: Unit,
    },
    /// Reads a dump of Volkszähler's database by mysqldump (.sql), or what its middleware answers (.csv, .json)
    Volkszaehler {
        #[command(flatten)]
        into: Into,
        /// Which channel of a dump: the beginning of its UUID, or its title
        #[arg(long, value_name = "UUID")]
        channel: Option<String>,
        /// What the numbers are, if it does not follow from the channel: W, kWh, pulses and so on
        #[arg(long, value_name = "UNIT")]
        unit: Option<Unit>,
    },
    /// Reads a feed of emonCMS: PHPFina (N.dat beside N.meta) or PHPTimeSeries (feed_N.MYD)
    Emoncms {
        #[command(flatten)]
        into: Into,
        /// What its numbers are: W for power, kWh or Wh for totals
        #[arg(long, value_name = "UNIT")]
        unit: Unit,
    },
    /// Reads the hours that Home Assistant keeps (home-assistant_v2.db)
    HomeAssistant {
        #[command(flatten)]
        into: Into,
        /// Which sensor, like sensor.house_energy
        #[arg(long, value_name = "NAME")]
        statistic: Option<String>,
    },
    /// Reads InfluxDB's line protocol, as `influx_inspect export -lponly` writes it
    #[command(alias = "vzlogger")]
    Influx {
        #[command(flatten)]
        into: Into,
        /// Only this measurement
        #[arg(long, value_name = "NAME")]
        measurement: Option<String>,
        /// Only this field
        #[arg(long, value_name = "NAME")]
        field: Option<String>,
        /// Only with this tag; may be given several times
        #[arg(long = "tag", value_name = "NAME=VALUE")]
        tags: Vec<String>,
        /// What the numbers are: W for power, kWh or Wh for totals, and so on
        #[arg(long, value_name = "UNIT")]
        unit: Unit,
        /// Whether quantities are totals of a meter, or each the amount since the one before
        #[arg(long, value_name = "totals|amounts", default_value = "totals")]
        numbers: Numbers,
    },
    /// Reads a CSV file of any program
    Csv {
        #[command(flatten)]
        into: Into,
        /// The name of the column with the times, or its number where columns have no names
        #[arg(long, value_name = "NAME")]
        time_column: Option<String>,
        /// The same of the column with the values
        #[arg(long, value_name = "NAME")]
        value_column: Option<String>,
        /// What the values are: W, kW, Wh, kWh, pulses, l/h, l or m3; if the column's name does not say it
        #[arg(long, value_name = "UNIT")]
        unit: Option<Unit>,
        /// Whether quantities are totals of a meter, or amounts; totals if they never fall
        #[arg(long, value_name = "totals|amounts")]
        numbers: Option<Numbers>,
        /// A time is the end of what the value is for, not its beginning
        #[arg(long)]
        times_end: bool,
    },
    /// Lists what was imported
    List,
    /// Takes an import back as a whole
    Undo {
        /// Its number, as in `powerpi import list`
        #[arg(value_name = "NUMBER")]
        number: i64,
        /// Who says it
        #[arg(long, value_name = "NAME", default_value_t = person::of_this_machine())]
        by: String,
    },
}

/// What is read, and into which meter.
#[derive(clap::Args)]
struct Into {
    /// The file
    file: PathBuf,
    /// The meter, as in `powerpi ledger meters`
    #[arg(long, value_name = "SITE/METER")]
    meter: Meter,
    /// Only from this time on, like 2024-01-01T00:00:00+01:00
    #[arg(long, value_name = "TIME")]
    from: Option<jiff::Timestamp>,
    /// Only up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<jiff::Timestamp>,
    /// The time zone of times that do not say theirs, and of the months in the summary; the system's by default
    #[arg(long, value_name = "Europe/Berlin")]
    time_zone: Option<String>,
    /// Who imports it
    #[arg(long, value_name = "NAME", default_value_t = person::of_this_machine())]
    by: String,
    /// Tells by month what would be imported, and changes nothing
    #[arg(long)]
    dry_run: bool,
}

/// Does what is asked for.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Options { command, ledger, json } = options;
    match command {
        Command::List => list(ledger, *json),
        Command::Undo { number, by } => {
            landing::undo(ledger, *number, by)?;
            match json {
                true => println!("{}", json!({ "undone": number })),
                false => println!("Import {number} is undone."),
            }
            Ok(())
        }
        Command::Rrd { into, data_source, unit } => {
            into.land(options, |path| read_rrd(path, data_source.as_deref(), *unit))
        }
        Command::Volkszaehler { into, channel, unit } => {
            into.land(options, |path| volkszaehler::read(path, channel.as_deref(), *unit))
        }
        Command::Emoncms { into, unit } => into.land(options, |path| emoncms::read(path, *unit)),
        Command::HomeAssistant { into, statistic } => {
            into.land(options, |path| home_assistant::read(path, statistic.as_deref()))
        }
        Command::Influx { into, measurement, field, tags, unit, numbers } => into.land(options, |path| {
            let (measurement, field) = (measurement.as_deref(), field.as_deref());
            let wanted = line_protocol::Wanted { measurement, field, tags };
            line_protocol::read(path, &wanted, *unit, *numbers == Numbers::Totals)
        }),
        Command::Csv { into, time_column, value_column, unit, numbers, times_end } => {
            let zone = zone(into.time_zone.as_deref())?;
            into.land(options, |path| {
                let (time, value) = (time_column.as_deref(), value_column.as_deref());
                let (unit, meaning, times_end) = (*unit, *numbers, *times_end);
                csv_file::read(path, &csv_file::Wanted { time, value, unit, meaning, times_end, zone: &zone })
            })
        }
    }
}

impl Into {
    fn land(
        &self,
        options: &Options,
        read: impl FnOnce(&Path) -> anyhow::Result<Series>,
    ) -> anyhow::Result<()> {
        let zone = zone(self.time_zone.as_deref())?;
        let ledger = Ledger::open_read_only(&options.ledger)?;
        let meter = ledger.meter(&self.meter)?;
        let meter = meter.ok_or_else(|| meter_ledger::ImportError::UnknownMeter(self.meter.clone()))?;
        drop(ledger);
        let mut series = read(&self.file)?;
        let ms = |at: Option<jiff::Timestamp>| at.map(jiff::Timestamp::as_millisecond);
        if self.from.is_some() || self.to.is_some() {
            series.keep(ms(self.from).unwrap_or(i64::MIN)..ms(self.to).unwrap_or(i64::MAX));
        }
        let Options { ledger, json, .. } = options;
        Landing { ledger, meter, by: &self.by, dry_run: self.dry_run, json: *json, zone: &zone }.land(&series)
    }
}

fn read_rrd(path: &Path, wanted: Option<&str>, unit: Unit) -> anyhow::Result<Series> {
    let file = Rrd::read(path)?;
    let names =
        file.sources.iter().map(|it| format!("{} ({})", it.name, it.kind)).collect::<Vec<_>>().join(", ");
    let found = match wanted {
        Some(name) => file.sources.iter().position(|source| source.name == name),
        None if file.sources.len() == 1 => Some(0),
        None => bail!("say which by --data-source: {names}"),
    };
    let found = found.with_context(|| format!("it has no such data source; there are: {names}"))?;
    let source = &file.sources[found];
    let per_s = match (unit.is_rate(), source.kind.as_str()) {
        (true, _) => 3600.0,
        // Of a counter the file holds so many a second; of a gauge what was said in each step.
        (false, "GAUGE") => file.step as f64,
        (false, _) => 1.0,
    };
    let all = file.means(found)?;
    let name = format!("RRD {} {}", name_of(path), source.name);
    Ok(Series { source: name, unit, values: Values::Means { all, per_s } })
}

fn list(path: &Path, as_json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for import in Ledger::open_read_only(path)?.imports()? {
        let meter_ledger::Import { id, meter, source, minutes, spans, pulses, begun, by, finished, undone } =
            import;
        let state = match (undone, finished) {
            (Some(at), _) => format!("undone {at}"),
            (None, Some(_)) => "imported".to_owned(),
            (None, None) => "interrupted: import the same again to go on, or undo it".to_owned(),
        };
        let line = match as_json {
            true => json!({
                "import": id, "meter": meter.to_string(), "source": source, "minutes": minutes, "longer_times": spans,
                "pulses": pulses, "begun": begun.to_string(), "by": by,
                "finished": finished.map(|at| at.to_string()), "undone": undone.map(|at| at.to_string()),
            })
            .to_string(),
            false => format!("{id}\t{meter}\t{source}\t{} times\t{pulses} pulses\t{begun} ({by})\t{state}", minutes + spans),
        };
        writeln!(out, "{line}").context("writing the list")?;
    }
    Ok(())
}
