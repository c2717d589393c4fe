//! Sends notices when a meter needs attention: too much power, no pulse, a
//! budget exceeded, a publisher offline. By MQTT, e-mail and webhook, without a cloud.
//!
//! [`session`] and [`months`] give [`watching`] the values; once a second it
//! asks each alarm's [`condition`] whether it is met, and [`alarm`] decides
//! whether the state changes; a change is on disk ([`record`]) before it is sent
//! ([`sending`]). Beside a ledger in PostgreSQL several programs watch in turn ([`turn`]). Start reading at [`run`].

pub mod alarm;
pub mod condition;
pub mod email;
pub mod keeper;
pub mod months;
pub mod notice;
pub mod observed;
pub mod patience;
pub mod quarter;
pub mod record;
pub mod sending;
pub mod session;
pub mod settings;
pub mod testing;
pub mod texts;
pub mod trying;
pub mod turn;
pub mod watching;
pub mod webhook;
pub mod whole_site;

use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use daemon_runtime::{Owner, Reloads};
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use site_settings::{Applied, NewVersions, SiteSettings, alarms};
use tokio_util::sync::CancellationToken;

use crate::email::Email;
use crate::keeper::Keeper;
use crate::months::Months;
use crate::record::{Record, Way};
use crate::settings::Settings;
use crate::testing::Tests;
use crate::turn::Turn;
use crate::watching::{Setting, Watch};
use crate::webhook::Webhook;

/// How often the alarms are checked: as often as values come.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches until `shutdown`, by the settings of the start, of each reload and of each version that is saved in the store:
/// what each alarm has told goes on with the record.
///
/// # Errors
/// Invalid settings at the start; a record that cannot be read.
pub async fn run(
    mut settings: Settings,
    mut reloads: Reloads<Settings>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut turn = Turn::start(&settings.ledger)?;
    let mut applied = Applied::now(checked_site(&settings)?, &settings.store());
    while !shutdown.is_cancelled() {
        let next = {
            let stop = shutdown.child_token();
            let of_site = &applied.settings;
            let mut watching = pin!(watch_in_turn(settings.clone(), of_site, turn.clone(), stop.clone()));
            let next = tokio::select! {
                ended = &mut watching => {
                    ended?;
                    break;
                }
                next = next_settings(&settings, &applied, &mut reloads) => next,
            };
            stop.cancel();
            watching.await?;
            next
        };
        tracing::info!("reloaded");
        if next.0.ledger.to_string() != settings.ledger.to_string() {
            leave(turn.as_ref()).await;
            turn = Turn::start(&next.0.ledger)?;
        }
        (settings, applied) = next;
    }
    leave(turn.as_ref()).await;
    Ok(())
}

async fn leave(turn: Option<&Owner<Turn>>) {
    if let Some(turn) = turn {
        turn::leave(turn).await;
    }
}

/// Waits for other settings, of a reload or of the store, that hold.
async fn next_settings(
    settings: &Settings,
    applied: &Applied,
    reloads: &mut Reloads<Settings>,
) -> (Settings, Applied) {
    let store = settings.store();
    let mut versions = NewVersions::after(store.clone(), applied.version);
    loop {
        tokio::select! {
            new = reloads.next() => match new.map_err(Into::into).and_then(checked) {
                Ok((new, of_site)) => {
                    let applied = Applied::now(of_site, &new.store());
                    return (new, applied);
                }
                Err(error) => tracing::error!("not reloaded, nothing was changed: {error:#}"),
            },
            () = versions.next() => match Applied::read(applied.fixed.clone(), &store) {
                // Most versions say nothing new of alarms and meters, and then nothing is interrupted.
                Ok(new) if new.settings.alarm == applied.settings.alarm
                    && new.settings.meter == applied.settings.meter => {}
                Ok(new) => return (settings.clone(), new),
                Err(error) => {
                    tracing::error!("the store of settings cannot be read: {error}");
                    versions = NewVersions::after(store.clone(), applied.version);
                }
            }
        }
    }
}

fn checked(settings: Settings) -> anyhow::Result<(Settings, SiteSettings)> {
    Checked::new(&settings)?;
    if settings.ledger.file().is_some() {
        Record::read(&settings.state_file)?;
    }
    let of_site = checked_site(&settings)?;
    Ok((settings, of_site))
}

/// What the settings say of the site.
fn checked_site(settings: &Settings) -> anyhow::Result<SiteSettings> {
    let of_site = settings.of_site();
    of_site.check()?;
    Ok(of_site)
}

/// Watches until `shutdown`, where the ledger is a file; beside one in PostgreSQL, whenever no other program does.
async fn watch_in_turn(
    settings: Settings,
    of_site: &SiteSettings,
    turn: Option<Owner<Turn>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Some(turn) = turn else {
        let (record, keeper) =
            (Record::read(&settings.state_file)?, Keeper::File(settings.state_file.clone()));
        return watch(settings, of_site, record, keeper, shutdown).await;
    };
    Checked::new(&settings)?;
    while !shutdown.is_cancelled() {
        daemon_runtime::ready();
        let Some(record) = turn::stand_by(&turn, &shutdown).await else { break };
        let record = turn::known(record, &settings.state_file)?;
        let stop = shutdown.child_token();
        let keeper = Keeper::Shared(turn.clone());
        let watching = async {
            let ended = watch(settings.clone(), of_site, record, keeper, stop.clone()).await;
            stop.cancel();
            ended
        };
        tokio::join!(watching, turn::hold(&turn, &stop)).0?;
    }
    Ok(())
}

/// What the settings come to.
struct Checked {
    zone: TimeZone,
    email: Option<Email>,
    webhooks: Vec<Webhook>,
}

impl Checked {
    fn new(settings: &Settings) -> anyhow::Result<Self> {
        settings.mqtt.check()?;
        settings.of_site().check()?;
        Ok(Self {
            zone: settings.zone()?,
            email: settings.email.as_ref().map(Email::new).transpose()?,
            webhooks: Webhook::all(&settings.webhook)?,
        })
    }
}

/// Watches until `shutdown`, by the same settings.
async fn watch(
    settings: Settings,
    of_site: &SiteSettings,
    mut record: Record,
    keeper: Keeper,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (alarms, meters) = (alarms(&of_site.alarm)?, of_site.meters()?);
    let Checked { zone, email, webhooks } = Checked::new(&settings)?;
    settings.mqtt.warn_of_openings();
    record.topics.extend(alarms.iter().map(watching::state_topic));
    // If it cannot be written, better fail now than at the first alarm.
    match keeper.keep(&record).await {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        Err(error) if keeper.tells_what_is_not_kept() => return Err(error),
        Err(error) => {
            tracing::warn!("nothing is watched yet: {error:#}");
            tokio::time::sleep(LOOK_EVERY).await;
            return Ok(());
        }
    }
    if alarms.is_empty() {
        tracing::warn!("the settings have no [[alarm]]: nothing is watched");
    }
    let by_email = email.as_ref().map(|_| Way::Email);
    let by_webhooks = webhooks.iter().map(|webhook| Way::Webhook(webhook.name.clone()));
    let setting = Setting {
        alarms,
        ways: by_email.into_iter().chain(by_webhooks).collect(),
        language: settings.language,
        zone: zone.clone(),
        pages: settings.pages,
    };
    let watch = Watch::new(setting, record, keeper, daemon_runtime::now());
    let (session, tests) = (session::session(&settings.mqtt, &watch), Tests::default());
    let unknown = Vec::new();
    let months = Months { ledger: settings.ledger, zone, watch: watch.clone(), meters, unknown };
    let (months, _ends_by_itself) = Owner::spawn("ledger", months).context("starting the ledger's thread")?;
    daemon_runtime::ready();
    tokio::join!(
        session::run(&session, &watch, &tests, &shutdown),
        shutdown.run_until_cancelled(tests.run(email.as_ref(), &webhooks)),
        months::run(months, shutdown.clone()),
        look(&watch, &shutdown),
        async {
            if let Some(email) = &email {
                sending::run(&Way::Email, &watch, &shutdown, async |notice| email.send(notice).await).await;
            }
        },
        join_all(webhooks.iter().map(async |webhook| {
            let way = Way::Webhook(webhook.name.clone());
            sending::run(&way, &watch, &shutdown, async |notice| webhook.send(notice).await).await;
        })),
    );
    watch.keep().await;
    Ok(())
}

async fn look(watch: &Watch, shutdown: &CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => watch.look(daemon_runtime::now()).await,
        }
    }
}
