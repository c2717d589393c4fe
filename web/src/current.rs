//! The site as its settings are now. A reload puts another one in its place; what is being answered ends with the one
//! before.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::Context;
use daemon_runtime::MqttSettings;
use hyper::Request;
use hyper::body::Incoming;
use meter_ledger::LedgerHome;
use site_settings::{Applied, SettingNames, Store};
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
use crate::pictures::{Files, OwnFiles, Pictures};
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
    /// The RRD files that the pages make themselves, where the recorder's may be elsewhere.
    pub(crate) files: Arc<Mutex<OwnFiles>>,
    /// Which version of the site's settings holds.
    pub(crate) saved: Arc<SavedVersions>,
}

/// The site that answers now.
#[derive(Debug, Clone)]
pub(crate) struct CurrentSite(Arc<RwLock<Arc<Site>>>);

impl CurrentSite {
    /// The site of the settings of the start.
    pub(crate) fn new(settings: &Settings, lasting: &Lasting) -> anyhow::Result<Self> {
        let (of_site, store) = (settings.of_site(), settings.store());
        of_site.check()?;
        match store.take_over(&settings.settings_dir) {
            Ok(true) => tracing::info!(
                "the settings that were saved in {} are beside the ledger now",
                settings.settings_dir.display()
            ),
            Ok(false) => {}
            Err(error) => tracing::warn!(
                "the settings that were saved in {} do not hold before the next start: {error}",
                settings.settings_dir.display()
            ),
        }
        let applied = Applied::now(of_site, &store);
        lasting.access.replace(&access(settings, &applied))?;
        Ok(Self(Arc::new(RwLock::new(Arc::new(site(settings, (applied, store), lasting)?)))))
    }

    /// The site that answers now.
    pub(crate) fn get(&self) -> Arc<Site> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the site of other settings in its place.
    ///
    /// # Errors
    /// If they are wrong, or what was saved cannot be read; then nothing has changed.
    pub(crate) fn replace(&self, settings: &Settings, lasting: &Lasting) -> anyhow::Result<()> {
        let (of_site, store) = (settings.of_site(), settings.store());
        of_site.check()?;
        let applied = Applied::read(of_site, &store)?;
        let access = access(settings, &applied);
        let site = Arc::new(site(settings, (applied, store), lasting)?);
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

/// Who may see what. Without users every meter is public, whatever the store says.
fn access(settings: &Settings, applied: &Applied) -> AccessSettings {
    let mut access = settings.access.clone();
    if access.users.is_some() {
        access.public_meters.clone_from(&applied.settings.access.public_meters);
    }
    access
}

/// Everything answers are made from. The ledger need not be there yet.
fn site(settings: &Settings, (applied, store): (Applied, Store), lasting: &Lasting) -> anyhow::Result<Site> {
    let (tariffs, meters) = (applied.settings.tariffs()?, applied.settings.meters()?);
    let ledger = LedgerReader::start(settings.ledger.clone(), settings.zone(), tariffs, meters)
        .context("starting the ledger's thread")?;
    let Lasting { access, live, mqtt, files, saved } = lasting.clone();
    let files = match &settings.ledger {
        LedgerHome::File(_) => Files::OfRecorder(settings.rrd_dir.clone()),
        database @ LedgerHome::Database(_) => Files::Own(database.clone(), files),
    };
    let pictures = Pictures::start(files, ledger.clone()).context("starting the thread that draws")?;
    Ok(Site {
        names: SettingNames::new(&applied.settings),
        store,
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
