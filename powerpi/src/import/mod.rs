//! `powerpi import`: what another system has recorded into the ledger, while the recorder runs.

mod amounts;
mod csv_file;
mod emoncms;
mod home_assistant;
mod into;
mod landing;
mod line_protocol;
mod lines;
mod rrd;
mod series;
mod sql_dump;
mod there;
mod unit;
mod volkszaehler;

use std::path::Path;

use anyhow::{Context, bail};

use self::into::Into;
use self::rrd::Rrd;
use self::series::{Series, Values, name_of};
use self::unit::{Numbers, Unit};
use crate::ledger::person;
use crate::ledger_file::LedgerFile;
use crate::prices::zone;

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    ledger: LedgerFile,
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
        /// Who says it [default: the user of this machine]
        #[arg(long, value_name = "NAME", default_value_t = person::of_this_machine(), hide_default_value = true)]
        by: String,
    },
}

/// Does what is asked for.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Options { command, ledger } = options;
    match command {
        Command::List => there::list(ledger),
        Command::Undo { number, by } => there::undo(ledger, *number, by),
        Command::Rrd { into, data_source, unit } => {
            into.land(ledger, |path| read_rrd(path, data_source.as_deref(), *unit))
        }
        Command::Volkszaehler { into, channel, unit } => {
            into.land(ledger, |path| volkszaehler::read(path, channel.as_deref(), *unit))
        }
        Command::Emoncms { into, unit } => into.land(ledger, |path| emoncms::read(path, *unit)),
        Command::HomeAssistant { into, statistic } => {
            into.land(ledger, |path| home_assistant::read(path, statistic.as_deref()))
        }
        Command::Influx { into, measurement, field, tags, unit, numbers } => into.land(ledger, |path| {
            let (measurement, field) = (measurement.as_deref(), field.as_deref());
            let wanted = line_protocol::Wanted { measurement, field, tags };
            line_protocol::read(path, &wanted, *unit, *numbers == Numbers::Totals)
        }),
        Command::Csv { into, time_column, value_column, unit, numbers, times_end } => {
            let zone = zone(into.time_zone.as_deref())?;
            into.land(ledger, |path| {
                let (time, value) = (time_column.as_deref(), value_column.as_deref());
                let (unit, meaning, times_end) = (*unit, *numbers, *times_end);
                csv_file::read(path, &csv_file::Wanted { time, value, unit, meaning, times_end, zone: &zone })
            })
        }
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
