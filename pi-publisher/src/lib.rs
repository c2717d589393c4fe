//! Counts the pulses of electricity meters and publishes a count a minute.
//!
//! A pulse's way: [`pulse_source`] (edges) → [`bounce_filter`] (pulses) →
//! [`pulse_counter`] (minutes) → [`outbox`] (disk) → [`publisher`] (MQTT). The
//! steps up to the outbox run in one thread a meter ([`counting`]), the outbox
//! in one of its own ([`outbox_keeper`]). Start reading at [`run`].

pub mod bounce_filter;
pub mod check;
pub mod clock;
mod connection;
pub mod counting;
pub mod delivery;
pub mod home_assistant;
pub mod interim;
pub mod outbox;
pub mod outbox_keeper;
pub mod power;
pub mod publisher;
pub mod pulse_counter;
pub mod pulse_source;
pub mod replay;
pub mod safekeeping;
pub mod settings;
pub mod watch;

use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::Context;
use meter_messages::Meter;
use tokio_util::sync::CancellationToken;

use crate::counting::{Constants, Counting, Keeping};
use crate::outbox::{Account, Outbox};
use crate::outbox_keeper::{Command, Extent, OutboxKeeper};
use crate::publisher::{Published, Publisher};
use crate::safekeeping::{Newest, Safekeeping};
use crate::settings::{MeterSettings, Settings};

type Thread<T> = JoinHandle<T>;

/// Counts, keeps in the outbox, and publishes in order until the recorder has
/// it; ends on `shutdown`, or when a line can no longer be read.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    settings.check()?;
    let mut outbox = Outbox::open(&settings.state_dir)?;
    let accounts = settings
        .meter
        .iter()
        .map(|meter| outbox.account(&meter.id, meter.initial_total))
        .collect::<Result<Vec<_>, _>>()?;
    if let Err(error) = std::fs::create_dir_all(&settings.runtime_dir) {
        let folder = settings.runtime_dir.display();
        tracing::warn!(%folder, %error, "the minute in progress would not survive a kill; set runtime_dir to a folder in a tmpfs");
    }
    let (keeper, extents) = OutboxKeeper::new(outbox, accounts.clone(), settings.keep_days);
    let (commands, keeper) = keeper.spawn().context("starting the outbox's thread")?;

    let mut meters = Vec::new();
    let mut counting = Vec::new();
    let mut checkpoints = Vec::new();
    for (place, ((meter, account), extent)) in settings.meter.iter().zip(&accounts).zip(extents).enumerate() {
        let newest = Newest::default();
        checkpoints.push((meter.id.clone(), account.clone(), newest.clone()));
        let beginning = Beginning { place, settings: &settings, meter, account, extent, newest };
        let (published, thread) =
            beginning.begin(&commands, &shutdown).with_context(|| format!("meter {}", meter.id))?;
        meters.push(published);
        counting.push(thread);
    }
    let (checkpoints, checkpointing) = safekeeping::spawn_checkpoints(&settings.state_dir, checkpoints)
        .context("starting the thread of checkpoints")?;
    daemon_runtime::ready();
    let publisher = Publisher {
        mqtt: settings.mqtt,
        home_assistant: settings.home_assistant,
        site: settings.site,
        meters,
        keeper: commands,
    };
    publisher.run(&shutdown).await;
    drop((publisher, checkpoints));
    tokio::task::spawn_blocking(|| end(counting, keeper)).await??;
    // A card that takes long does not keep us: the outbox has it all.
    drop(checkpointing);
    Ok(())
}

/// One meter about to be counted.
struct Beginning<'a> {
    place: usize,
    settings: &'a Settings,
    meter: &'a MeterSettings,
    account: &'a Account,
    extent: tokio::sync::watch::Receiver<Extent>,
    newest: Newest,
}

impl Beginning<'_> {
    /// Opens the source, goes on where an earlier run left off, and counts in a
    /// thread.
    fn begin(
        self,
        commands: &mpsc::Sender<Command>,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<(Published, Thread<anyhow::Result<()>>)> {
        let Self { place, settings, meter, account, extent, newest } = self;
        let boot = safekeeping::boot_id();
        let kept = safekeeping::kept(&settings.runtime_dir, &settings.state_dir, &meter.id, account);
        let resumed = interim::resume(account, &kept, &boot);
        let source = pulse_source::open(&meter.source, meter.pulses_per_kwh, resumed.counted_until_utc_ns())?;
        let described = source.describe();
        tracing::info!(meter = %meter.id, source = described, outbox = %account.outbox, total = resumed.total, "counting");
        let constants = Constants {
            meter: place,
            pulses_per_kwh: meter.pulses_per_kwh,
            bounce: meter.bounce,
            wait_for_sync: settings.wait_for_clock,
        };
        let keeping = Keeping {
            outbox: account.outbox.clone(),
            extent: extent.clone(),
            boot,
            safekeeping: Safekeeping::new(&settings.runtime_dir, &meter.id, account, newest),
        };
        let (counting, reading) = Counting::new(source, resumed, keeping, constants);
        let published = Published {
            place,
            meter: Meter { site: settings.site.clone(), meter: meter.id.clone() },
            name: meter.name.clone().unwrap_or_else(|| meter.id.to_string()),
            pulses_per_kwh: meter.pulses_per_kwh,
            source: described,
            outbox: account.outbox.clone(),
            reading,
            extent,
            mark: tokio::sync::watch::Sender::new(account.mark),
        };
        Ok((published, counting.spawn(commands.clone(), shutdown.clone())?))
    }
}

/// Waits until everything that was counted is in the outbox.
fn end(counting: Vec<Thread<anyhow::Result<()>>>, keeper: Thread<()>) -> anyhow::Result<()> {
    let outcomes: Vec<_> = counting.into_iter().map(JoinHandle::join).collect();
    keeper.join().map_err(|_| anyhow::anyhow!("the outbox's thread panicked"))?;
    outcomes.into_iter().try_for_each(|outcome| {
        outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("a meter's thread panicked"))).context("counting")
    })
}
