//! `powerpi home-assistant`: hours that Home Assistant has counted wrongly because of an outage are put right by the ledger.
//!
//! Nothing is remembered here: what is to be done is what differs. So it may be interrupted, and done twice.

mod conversation;
mod ours;
mod repair;
mod settings;
mod telling;
mod theirs;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use foreign_text::foreign;
use jiff::{SignedDuration, Timestamp};
use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::Meter;

use self::conversation::Conversation;
use self::repair::Repair;
use self::settings::Settings;
use self::telling::told;
use self::theirs::{HOUR_S, Sensors, Series};
use crate::server::Server;

/// A publisher keeps a year of minutes, so whatever an outage has held back is not older.
const USUAL: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Home Assistant writes what it has taken when its database has time.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Tells what would be put right, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Only this meter, as in `powerpi ledger meters`; all that Home Assistant has by default
    #[arg(long = "meter", value_name = "SITE/METER")]
    meters: Vec<Meter>,
    /// Compares hours from this time on, like 2026-01-01T00:00:00+01:00; 400 days by default
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// The root of the server's files
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// What there is to compare.
struct Comparison<'a> {
    options: &'a Options,
    ledger: Ledger,
    sensors: Sensors,
    /// Names that meters had before, and the names that they have now.
    former_names: HashMap<Meter, Meter>,
    /// The first hour, since 1970.
    from: i64,
}

/// Compares each meter, and puts right what differs.
///
/// # Errors
/// If Home Assistant or the ledger cannot be asked; after all meters, if one of them could not be put right.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let settings = Settings::read(&options.root)?;
    let token = settings.token()?;
    let home = Server::read(&options.root)?.ledger()?;
    let ledger = Ledger::open_read_only(&home).with_context(|| home.to_string())?;
    let meters = meters(&ledger, &options.meters)?;
    let asked = || format!("Home Assistant at {}", foreign(&settings.url));
    let mut conversation = Conversation::begin(&settings, &token).await.with_context(asked)?;
    let sensors = Sensors::read(&mut conversation).await.with_context(asked)?;
    let since = options.since.unwrap_or(daemon_runtime::now() - USUAL);
    let from = since.as_second().div_euclid(HOUR_S);
    let former_names = ledger.former_names()?;
    let comparison = Comparison { options, ledger, sensors, former_names, from };
    let mut failed = 0;
    for meter in &meters {
        let told = comparison.compare(meter, &mut conversation).await;
        failed += usize::from(told.is_err());
        match told {
            Ok(told) => println!("{}: {told}", meter.meter),
            Err(error) => eprintln!("{}: {error:#}", meter.meter),
        }
    }
    conversation.end().await;
    if failed > 0 {
        bail!("{failed} of {} meters could not be compared or put right", meters.len());
    }
    Ok(())
}

/// Those that are asked for, or all.
fn meters(ledger: &Ledger, asked: &[Meter]) -> anyhow::Result<Vec<RecordedMeter>> {
    if asked.is_empty() {
        return Ok(ledger.meters()?);
    }
    let known = |meter: &Meter| {
        let known = ledger.meter(meter)?;
        known.with_context(|| {
            format!("the ledger knows no meter {meter}; `powerpi ledger meters` lists those it knows")
        })
    };
    asked.iter().map(known).collect()
}

impl Comparison<'_> {
    /// The names by which a publisher may call a meter: the one that it has now, and those from before.
    fn names<'b>(&'b self, now: &'b Meter) -> impl Iterator<Item = &'b Meter> {
        let former = self.former_names.iter().filter(move |(_, name)| *name == now);
        std::iter::once(now).chain(former.map(|(former, _)| former))
    }

    /// Compares a meter, and puts right what differs; tells what was done.
    async fn compare(
        &self,
        meter: &RecordedMeter,
        conversation: &mut Conversation,
    ) -> anyhow::Result<String> {
        let unit = meter.medium.unit();
        let Some(entity) = self.names(&meter.meter).find_map(|name| self.sensors.counter(name, unit)) else {
            return Ok("Home Assistant does not have it".to_owned());
        };
        let Some(series) = Series::of(conversation, entity, unit).await? else {
            return Ok(format!("{} has no statistics yet", foreign(entity)));
        };
        let theirs = series.hours(conversation, self.from).await?;
        let ours = ours::hours(&self.ledger, meter, self.from, daemon_runtime::now())?;
        let repair = Repair::of(&theirs, &ours, |hour| ours::count(&self.ledger, meter, hour))?;
        if !repair.is_nothing() && !self.options.dry_run {
            put_right(&series, &repair, conversation).await?;
        }
        Ok(told(&repair, &foreign(entity).to_string(), unit.symbol(), self.options.dry_run))
    }
}

async fn put_right(series: &Series, repair: &Repair, conversation: &mut Conversation) -> anyhow::Result<()> {
    if let Some(shift) = repair.shift {
        series.add(conversation, shift).await?;
    }
    series.put(conversation, &repair.hours).await?;
    // It has taken them, and writes them later.
    let Some(first) = repair.hours.first() else { return Ok(()) };
    let began = tokio::time::Instant::now();
    while !repair.is_done(&series.hours(conversation, first.hour).await?) {
        if began.elapsed() > WRITTEN_WITHIN {
            bail!(
                "Home Assistant has taken {} hours and does not show them; its log says why",
                repair.hours.len()
            );
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
