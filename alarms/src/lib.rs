//! Sends notices when a meter needs attention: too much power, no pulse, a
//! budget exceeded, a publisher offline. By MQTT, e-mail and webhook, without a cloud.
//!
//! [`session`] and [`months`] give [`watching`] the values; once a second it
//! asks each alarm's [`condition`] whether it is met, and [`alarm`] decides
//! whether the state changes; a change is on disk ([`record`]) before it is sent
//! ([`sending`]). Start reading at [`run`].

pub mod alarm;
pub mod condition;
pub mod email;
pub mod months;
pub mod notice;
pub mod observed;
pub mod quarter;
pub mod record;
pub mod sending;
pub mod session;
pub mod settings;
pub mod testing;
pub mod texts;
pub mod trying;
pub mod watching;
pub mod webhook;
pub mod whole_site;

use std::time::Duration;

use anyhow::Context;
use daemon_runtime::{Owner, Reloads};
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use site_settings::{Applied, NewVersions, SiteSettings, alarms};
use tokio_util::sync::CancellationToken;

use crate::email::Email;
use crate::months::Months;
use crate::record::{Record, Way};
use crate::settings::Settings;
use crate::testing::Tests;
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
    while !shutdown.is_cancelled() {
        let stop = shutdown.child_token();
        let applied = applied(&settings)?;
        let mut versions = NewVersions::after(settings.store(), applied.version);
        let mut watching = std::pin::pin!(watch(settings.clone(), &applied.settings, stop.clone()));
        let new = loop {
            tokio::select! {
                ended = &mut watching => return ended,
                new = reloads.next() => match new.map_err(Into::into).and_then(checked) {
                    Ok(new) => break new,
                    Err(error) => tracing::error!("not reloaded, nothing was changed: {error:#}"),
                },
                () = versions.next() => {
                    // Most versions say nothing new of alarms and meters, and then nothing is interrupted.
                    let new = self::applied(&settings)?.settings;
                    if new.alarm != applied.settings.alarm || new.meter != applied.settings.meter {
                        break settings;
                    }
                }
            }
        };
        stop.cancel();
        watching.await?;
        tracing::info!("reloaded");
        settings = new;
    }
    Ok(())
}

fn checked(settings: Settings) -> anyhow::Result<Settings> {
    Checked::new(&settings)?;
    Ok(settings)
}

/// What the settings say and the store behind them.
fn applied(settings: &Settings) -> anyhow::Result<Applied> {
    let of_site = settings.of_site();
    of_site.check()?;
    Ok(Applied::now(of_site, &settings.store()))
}

/// What the settings come to.
struct Checked {
    zone: TimeZone,
    email: Option<Email>,
    webhooks: Vec<Webhook>,
    record: Record,
}

impl Checked {
    fn new(settings: &Settings) -> anyhow::Result<Self> {
        settings.mqtt.check()?;
        settings.of_site().check()?;
        Ok(Self {
            zone: settings.zone()?,
            email: settings.email.as_ref().map(Email::new).transpose()?,
            webhooks: Webhook::all(&settings.webhook)?,
            record: Record::read(&settings.state_file)?,
        })
    }
}

/// Watches until `shutdown`, by the same settings.
async fn watch(
    settings: Settings,
    of_site: &SiteSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (alarms, meters) = (alarms(&of_site.alarm)?, of_site.meters()?);
    let Checked { zone, email, webhooks, mut record } = Checked::new(&settings)?;
    settings.mqtt.warn_of_openings();
    record.topics.extend(alarms.iter().map(watching::state_topic));
    // If it cannot be written, better fail now than at the first alarm.
    record.write(&settings.state_file)?;
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
        state_file: settings.state_file,
    };
    let watch = Watch::new(setting, record, daemon_runtime::now());
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
    watch.keep();
    Ok(())
}

async fn look(watch: &Watch, shutdown: &CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => watch.look(daemon_runtime::now()),
        }
    }
}
