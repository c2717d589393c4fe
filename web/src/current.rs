//! The site as its settings are now. A reload puts another one in its place; what is being answered ends with the one
//! before.

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use daemon_runtime::MqttSettings;
use hyper::Request;
use hyper::body::Incoming;
use site_settings::{Applied, SettingNames};
use tokio::sync::Semaphore;
use web_http::reply::Reply;
use web_http::{AnswerCache, Answers, RequestQuota, Visit};

use crate::access::{Access, AccessSettings};
use crate::answers::Site;
use crate::api::spaceapi::Space;
use crate::ledger::hours::Hours;
use crate::ledger::reader::LedgerReader;
use crate::ledger::records::Records;
use crate::ledger::series::SeriesStore;
use crate::live::values::LiveValues;
use crate::pictures::Pictures;
use crate::saved_versions::SavedVersions;
use crate::settings::Settings;

/// What no reload replaces.
#[derive(Debug, Clone)]
pub(crate) struct Lasting {
    /// Who may see what; it is replaced in its place.
    pub(crate) access: Arc<Access>,
    /// What the meters say of now.
    pub(crate) live: LiveValues,
    /// The broker.
    pub(crate) mqtt: MqttSettings,
    /// Which version of the site's settings holds.
    pub(crate) saved: Arc<SavedVersions>,
}

/// The site that answers now.
#[derive(Debug, Clone)]
pub(crate) struct CurrentSite(Arc<RwLock<Arc<Site>>>);

impl CurrentSite {
    /// The site of the settings of the start.
    pub(crate) fn new(settings: &Settings, lasting: &Lasting) -> anyhow::Result<Self> {
        let applied = applied(settings)?;
        lasting.access.replace(&access(settings, &applied))?;
        Ok(Self(Arc::new(RwLock::new(Arc::new(site(settings, applied, lasting)?)))))
    }

    /// The site that answers now.
    pub(crate) fn get(&self) -> Arc<Site> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the site of other settings in its place.
    ///
    /// # Errors
    /// If they are wrong; then nothing has changed.
    pub(crate) fn replace(&self, settings: &Settings, lasting: &Lasting) -> anyhow::Result<()> {
        let applied = applied(settings)?;
        let access = access(settings, &applied);
        let site = Arc::new(site(settings, applied, lasting)?);
        lasting.access.replace(&access)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = site;
        Ok(())
    }
}

impl Answers for CurrentSite {
    async fn answer(&self, request: Request<Incoming>, visit: Visit, quota: &RequestQuota) -> Reply {
        self.get().answer(request, visit, quota).await
    }
}

/// What the settings say, and the store behind them.
fn applied(settings: &Settings) -> anyhow::Result<Applied> {
    let of_site = settings.of_site();
    of_site.check()?;
    Ok(Applied::now(of_site, &settings.store()))
}

/// Who may see what. Without users every meter is public, whatever the store says.
fn access(settings: &Settings, applied: &Applied) -> AccessSettings {
    let mut access = settings.access.clone();
    if access.users.is_some() {
        access.public_meters.clone_from(&applied.settings.access.public_meters);
    }
    access
}

/// Everything answers are made from. The ledger need not be there yet.
fn site(settings: &Settings, applied: Applied, lasting: &Lasting) -> anyhow::Result<Site> {
    let (tariffs, meters) = (applied.settings.tariffs()?, applied.settings.meters()?);
    let ledger = LedgerReader::start(settings.ledger.clone(), settings.zone(), tariffs, meters)
        .context("starting the ledger's thread")?;
    let pictures = Pictures::start(settings.rrd_dir.clone(), ledger.clone())
        .context("starting the thread that draws")?;
    let Lasting { access, live, mqtt, saved } = lasting.clone();
    Ok(Site {
        names: SettingNames::new(&applied.settings),
        store: settings.store(),
        applied,
        saved,
        hours: Hours::new(ledger.clone()),
        records: Records::new(ledger.clone()),
        series: SeriesStore::new(ledger.clone()),
        kept: AnswerCache::default(),
        workbooks: Arc::new(Semaphore::new(1)),
        home: settings.ledger.clone(),
        invitations: settings.invitations_dir.clone(),
        is_closed: settings.listen.ip().to_canonical().is_loopback(),
        space: settings.spaceapi.as_deref().map(Space::read).transpose()?,
        unwatched: Arc::default(),
        access,
        mqtt,
        ledger,
        pictures,
        live,
    })
}
