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
pub mod constants;
pub mod counting;
pub mod delivery;
pub mod home_assistant;
pub mod interim;
pub mod old_copy;
pub mod outbox;
pub mod outbox_keeper;
pub mod power;
pub mod publisher;
pub mod pulse_counter;
pub mod pulse_source;
pub mod replay;
pub mod safekeeping;
pub mod set_reading;
pub mod settings;
mod state_lock;
mod stored_lines;
pub mod watch;

use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use daemon_runtime::OwnerThread;
use flume::Sender;
use meter_messages::{Meter, MeterId};
use tokio_util::sync::CancellationToken;

use crate::constants::Constants;
use crate::counting::{Counting, Keeping};
use crate::interim::Resumed;
use crate::outbox::{Account, Outbox};
use crate::outbox_keeper::{Command, Extent, OutboxKeeper};
use crate::publisher::{Published, Publisher};
use crate::pulse_source::{EarlierRun, KeptLine, LineRequest};
use crate::safekeeping::{Newest, Safekeeping};
use crate::settings::{MeterSettings, Settings};
use crate::stored_lines::StoredLines;

/// Counts, keeps in the outbox, and publishes in order until the recorder has
/// it; ends on `shutdown`, or when a line can no longer be read.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    settings.check()?;
    settings.mqtt.warn_of_openings();
    let _alone = state_lock::lock(&settings.state_dir)?;
    if let Err(error) = std::fs::create_dir_all(&settings.runtime_dir) {
        let folder = settings.runtime_dir.display();
        tracing::warn!(%folder, %error, "the minute in progress would not survive a kill; set runtime_dir to a folder in a tmpfs");
    }
    let mut stored = StoredLines::from_systemd();
    loop {
        let old_copies = run_until_old_copy(&settings, &mut stored, &shutdown).await?;
        for meter in &old_copies {
            if let Some(outbox) = old_copy::begin_anew(&settings, meter)? {
                tracing::warn!(%meter, %outbox, "the outbox is an old copy of one that went on; all it holds goes on in a new one");
            }
        }
        if old_copies.is_empty() {
            return Ok(());
        }
    }
}

/// Runs until `shutdown`, or until marks show outboxes to be older copies.
async fn run_until_old_copy(
    settings: &Settings,
    stored: &mut StoredLines,
    shutdown: &CancellationToken,
) -> anyhow::Result<Vec<MeterId>> {
    let mut outbox = Outbox::open(&settings.state_dir)?;
    let mut beginnings = Vec::new();
    for (place, meter) in settings.meter.iter().enumerate() {
        beginnings.push(Beginning::prepare(place, settings, meter, &mut outbox)?);
    }
    // A line that systemd keeps but the settings no longer name would be in use when requested again.
    let wanted: Vec<String> = beginnings.iter().filter_map(Beginning::line_name).collect();
    stored.keep_only(&wanted);
    let accounts = beginnings.iter().map(|beginning| beginning.account.clone()).collect();
    let (keeper, extents) = OutboxKeeper::new(outbox, accounts, settings.keep_days);
    let (commands, keeper) = keeper.spawn().context("starting the outbox's thread")?;

    let stop = shutdown.child_token();
    let (mut meters, mut counting, mut checkpoints) = (Vec::new(), Vec::new(), Vec::new());
    for (beginning, extent) in beginnings.into_iter().zip(extents) {
        let newest = Newest::default();
        let id = beginning.meter.id.clone();
        checkpoints.push((id.clone(), beginning.account.clone(), newest.clone()));
        let (published, thread) = beginning
            .begin(extent, newest, stored, &commands, &stop)
            .with_context(|| format!("meter {id}"))?;
        meters.push(published);
        counting.push(thread);
    }
    let (checkpoints, checkpointing) = safekeeping::spawn_checkpoints(&settings.state_dir, checkpoints)
        .context("starting the checkpoints' thread")?;
    daemon_runtime::ready();
    let publisher = Publisher {
        mqtt: settings.mqtt.clone(),
        home_assistant: settings.home_assistant,
        site: settings.site.clone(),
        meters,
        keeper: commands,
        old_copies: Mutex::default(),
        stop: stop.clone(),
    };
    connection::run(&publisher, &stop).await;
    let old_copies =
        std::mem::take(&mut *publisher.old_copies.lock().unwrap_or_else(PoisonError::into_inner));
    drop((publisher, checkpoints));
    end(counting, keeper).await?;
    // A slow card does not keep us waiting: the outbox has everything.
    drop(checkpointing);
    Ok(if shutdown.is_cancelled() { Vec::new() } else { old_copies })
}

/// One meter about to be counted.
struct Beginning<'a> {
    place: usize,
    settings: &'a Settings,
    meter: &'a MeterSettings,
    account: Account,
    resumed: Resumed,
    constants: Constants,
    boot: String,
}

impl<'a> Beginning<'a> {
    /// Finds out where an earlier run stopped.
    fn prepare(
        place: usize,
        settings: &'a Settings,
        meter: &'a MeterSettings,
        outbox: &mut Outbox,
    ) -> anyhow::Result<Self> {
        let account = outbox.account(&meter.id, meter.initial_total)?;
        let boot = safekeeping::boot_id();
        let kept = safekeeping::kept(&settings.runtime_dir, &settings.state_dir, &meter.id, &account);
        let mut resumed = interim::resume(&account, &kept, &boot);
        let newest = resumed.in_progress.map(|now| now.minute).max(resumed.last_minute);
        let constants = outbox.constants(&account, meter.constant, newest, resumed.total)?;
        // With other settings the line is another one.
        let settings_of_line = pulse_source::line_settings(&meter.source);
        resumed.line = resumed.line.filter(|line| Some(&line.request.settings) == settings_of_line.as_ref());
        Ok(Self { place, settings, meter, account, resumed, constants, boot })
    }

    /// The name under which systemd keeps the line that an earlier run requested.
    fn line_name(&self) -> Option<String> {
        self.resumed.line.as_ref().map(|line| line_name(&self.meter.id, &line.request))
    }

    /// Opens the source, and counts in a thread.
    fn begin(
        self,
        extent: tokio::sync::watch::Receiver<Extent>,
        newest: Newest,
        stored: &mut StoredLines,
        commands: &Sender<Command>,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<(Published, OwnerThread)> {
        let descriptor = self.line_name().and_then(|name| stored.find(&name));
        let Self { place, settings, meter, account, resumed, constants, boot } = self;
        let line = resumed.line.as_ref().zip(descriptor).map(|(line, descriptor)| KeptLine {
            descriptor,
            request: line.request.clone(),
            until: line.counted_until,
            contact: line.filter.contact(),
        });
        let goes_on = line.is_some();
        let kept = EarlierRun {
            counted_until_utc_ns: resumed.counted_until_utc_ns(),
            edges: Some(settings.runtime_dir.join(format!("{}.edges", meter.id))),
            line,
        };
        let source = pulse_source::open(&meter.source, meter.constant, kept)?;
        let described = source.describe();
        tracing::info!(meter = %meter.id, source = described, outbox = %account.outbox, total = resumed.total, goes_on, "counting");
        let of_counting = counting::Constants {
            meter: place,
            constant: meter.constant,
            bounce: meter.bounce,
            wait_for_sync: settings.wait_for_clock,
        };
        let keeping = Keeping {
            outbox: account.outbox.clone(),
            extent: extent.clone(),
            boot,
            safekeeping: Safekeeping::new(&settings.runtime_dir, &meter.id, &account, newest),
        };
        let (counting, reading) = Counting::new(source, resumed, keeping, of_counting);
        if let Some((request, descriptor)) = counting.line() {
            stored.keep(&line_name(&meter.id, &request), descriptor);
        }
        let published = Published {
            place,
            meter: Meter { site: settings.site.clone(), meter: meter.id.clone() },
            name: meter.name.clone().unwrap_or_else(|| meter.id.to_string()),
            medium: meter.medium,
            constant: meter.constant,
            constants,
            relation: meter.relation(&settings.site),
            source: described,
            // Before the first minute there is nothing that could be another's.
            confirmed: tokio::sync::watch::Sender::new(account.last_seq == 0 && account.mark == 0),
            outbox: account.outbox,
            reading,
            extent,
            mark: tokio::sync::watch::Sender::new(account.mark),
        };
        Ok((published, counting.spawn(&meter.id, commands.clone(), shutdown.clone())?))
    }
}

fn line_name(meter: &MeterId, request: &LineRequest) -> String {
    format!("{meter}-{}", request.id)
}

/// Waits until everything that was counted is in the outbox.
async fn end(counting: Vec<OwnerThread>, keeper: OwnerThread) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    for meter in counting {
        outcome = outcome.and(meter.join().await.context("counting"));
    }
    keeper.join().await?;
    outcome
}
