//! Counts the pulses of electricity meters and publishes a count a minute.
//!
//! A pulse's way: [`pulse_source`] (edges) → [`bounce_filter`] (pulses) →
//! [`pulse_counter`] (minutes) → [`outbox`] (disk) → [`publisher`] (MQTT). The
//! steps up to the outbox run in one thread a meter ([`counting`]), the outbox
//! in one of its own ([`outbox_keeper`]). Other people's counters come in as
//! totals instead ([`totals`]). Start reading at [`run`].

mod beginning;
pub mod bounce_filter;
pub mod check;
pub mod clock;
mod connection;
pub mod constants;
pub mod counting;
pub mod delivery;
pub mod figures;
pub mod home_assistant;
pub mod interim;
pub mod joining;
mod mark_silence;
pub mod old_copy;
pub mod outbox;
pub mod outbox_keeper;
pub mod power;
pub mod publisher;
pub mod pulse_counter;
pub mod pulse_source;
pub mod readings;
pub mod replay;
pub mod safekeeping;
pub mod set_reading;
pub mod settings;
pub mod simulated_past;
mod state_lock;
mod stored_lines;
pub mod totals;
pub mod unkept;
pub mod watch;

use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use daemon_runtime::{Endpoint, OwnerThread};
use meter_messages::{Meter, MeterId};
use tokio_util::sync::CancellationToken;

use crate::beginning::{Beginning, Devices};
use crate::figures::Figures;
use crate::outbox::Outbox;
use crate::outbox_keeper::OutboxKeeper;
use crate::publisher::Publisher;
use crate::safekeeping::Newest;
use crate::settings::Settings;
use crate::stored_lines::StoredLines;
use crate::totals::places;
use crate::totals::twice::counted_twice;

/// Counts, keeps in the outbox, and publishes in order until the recorder has
/// it; ends on `shutdown`, or when a line can no longer be read.
pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    settings.check()?;
    settings.mqtt.warn_of_openings();
    if let Some(counters) = &settings.counters {
        counters.warn_of_openings();
    }
    for (_, twice) in counted_twice(&settings) {
        tracing::warn!("{twice}: sums of these meters are too high");
    }
    let _alone = state_lock::lock(&settings.state_dir)?;
    let endpoint = Endpoint::bind(&settings.metrics, "[metrics]").await?;
    if let Err(error) = std::fs::create_dir_all(&settings.runtime_dir) {
        let folder = settings.runtime_dir.display();
        tracing::warn!(%folder, %error, "the minute in progress would not survive a kill; set runtime_dir to a folder in a tmpfs");
    }
    let mut stored = StoredLines::from_systemd();
    loop {
        let old_copies = run_until_old_copy(&settings, &mut stored, endpoint.as_ref(), &shutdown).await?;
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
    endpoint: Option<&Endpoint>,
    shutdown: &CancellationToken,
) -> anyhow::Result<Vec<MeterId>> {
    let mut outbox = Outbox::open(&settings.state_dir)?;
    let mut beginnings = Vec::new();
    for (place, meter) in settings.meter.iter().enumerate() {
        beginnings.push(Beginning::prepare(place, settings, meter, &mut outbox)?);
    }
    let removed = removed_meters(settings, &outbox)?;
    let withdrawn = withdrawn_meters(settings, &mut outbox, &removed)?;
    // A line that systemd keeps but the settings no longer name would be in use when requested again.
    let wanted: Vec<String> = beginnings.iter().filter_map(Beginning::line_name).collect();
    stored.keep_only(&wanted);
    let accounts = beginnings.iter().map(|beginning| beginning.account.clone()).collect();
    let (keeper, extents) = OutboxKeeper::new(outbox, accounts, settings.keep_days);
    let (commands, keeper) = keeper.spawn().context("starting the outbox's thread")?;

    let stop = shutdown.child_token();
    let (mut meters, mut counting, mut checkpoints) = (Vec::new(), Vec::new(), Vec::new());
    let mut devices = Devices { stored, listeners: Vec::new() };
    for (beginning, extent) in beginnings.into_iter().zip(extents) {
        let newest = Newest::default();
        let id = beginning.meter.id.clone();
        checkpoints.push((id.clone(), beginning.account.clone(), newest.clone()));
        let (published, thread) = beginning
            .begin(extent, newest, &mut devices, &commands, &stop)
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
        connected: tokio::sync::watch::Sender::new(false),
        meters,
        removed,
        withdrawn,
        keeper: commands,
        old_copies: Mutex::default(),
        stop: stop.clone(),
    };
    let telling = async {
        if let Some(endpoint) = endpoint {
            endpoint.serve(Figures::of(&publisher), stop.clone()).await;
        }
    };
    tokio::join!(
        connection::run(&publisher, &stop),
        places::run(settings, &devices.listeners, &stop),
        telling
    );
    drop(devices);
    let old_copies =
        std::mem::take(&mut *publisher.old_copies.lock().unwrap_or_else(PoisonError::into_inner));
    drop((publisher, checkpoints));
    end(counting, keeper).await?;
    // A slow card does not keep us waiting: the outbox has everything.
    drop(checkpointing);
    Ok(if shutdown.is_cancelled() { Vec::new() } else { old_copies })
}

/// Meters that were counted once and are no longer in the settings.
fn removed_meters(settings: &Settings, outbox: &Outbox) -> anyhow::Result<Vec<Meter>> {
    let is_counted = |id: &MeterId| settings.meter.iter().any(|meter| meter.id == *id);
    let removed = outbox.meters()?.into_iter().filter(|id| !is_counted(id));
    Ok(removed.map(|meter| Meter { site: settings.site.clone(), meter }).collect())
}

/// Meters that Home Assistant shall forget: those that were removed, and where it is switched off all that were
/// announced to it before. Nobody else is told anything on its topics: a broker need not permit them.
fn withdrawn_meters(
    settings: &Settings,
    outbox: &mut Outbox,
    removed: &[Meter],
) -> anyhow::Result<Vec<Meter>> {
    if settings.home_assistant {
        if let Err(error) = outbox.note_announced() {
            // A full disk must not keep anybody from counting.
            tracing::warn!(%error, "that the meters are announced to Home Assistant could not be noted");
        }
        return Ok(removed.to_vec());
    }
    let announced = outbox.announced()?.into_iter();
    Ok(announced.map(|meter| Meter { site: settings.site.clone(), meter }).collect())
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
