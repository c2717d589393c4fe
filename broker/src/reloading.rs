//! What SIGHUP changes: certificates and limits, for whoever connects from then on, and users and
//! their rights, for everybody.
//!
//! All of it or nothing: if one of the files is wrong, everything stays as it was and the log says
//! what is wrong. Nobody is disconnected who could still come in.

use std::sync::{Arc, PoisonError, RwLock};

use daemon_runtime::Reloads;
use tokio::sync::mpsc;
use tokio_rustls::rustls::ServerConfig;

use crate::access::{Access, Gate};
use crate::admission::Admission;
use crate::exchange::Request;
use crate::settings::{MqttSettings, Settings};
use crate::tls;

/// What new connections live by.
#[derive(Debug)]
pub(crate) struct Current {
    settings: RwLock<Arc<MqttSettings>>,
    tls: RwLock<Option<Arc<ServerConfig>>>,
    /// What decides which clients' certificates are good, and how often it has changed.
    client_trust: RwLock<(Vec<Option<Vec<u8>>>, u64)>,
    origins: RwLock<Arc<[String]>>,
    pub(crate) gate: Arc<Gate>,
}

impl Current {
    /// Reads users and certificates.
    pub(crate) fn read(settings: &Settings) -> anyhow::Result<Current> {
        Ok(Current {
            settings: RwLock::new(Arc::new(settings.mqtt.clone())),
            tls: RwLock::new(tls::read(&settings.tls)?),
            client_trust: RwLock::new((tls::client_trust(&settings.tls), 0)),
            origins: RwLock::new(settings.websocket.origins.clone().into()),
            gate: Arc::new(Gate::new(Access::read(&settings.access)?)?),
        })
    }

    pub(crate) fn settings(&self) -> Arc<MqttSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How to meet clients by TLS, and how often that has changed which of their certificates are good.
    pub(crate) fn tls(&self) -> Option<(Arc<ServerConfig>, u64)> {
        // In this order: a change in between makes a certificate out of date, not good.
        let trust = self.client_trust.read().unwrap_or_else(PoisonError::into_inner).1;
        let tls = self.tls.read().unwrap_or_else(PoisonError::into_inner).clone();
        tls.map(|tls| (tls, trust))
    }

    pub(crate) fn origins(&self) -> Arc<[String]> {
        Arc::clone(&self.origins.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notices whether other certificates of clients are good now; how often that was so.
    fn renew_client_trust(&self, settings: &Settings) -> u64 {
        let mut trust = self.client_trust.write().unwrap_or_else(PoisonError::into_inner);
        let now = tls::client_trust(&settings.tls);
        if trust.0 != now {
            *trust = (now, trust.1 + 1);
        }
        trust.1
    }

    /// How many users there are.
    pub(crate) fn users(&self) -> usize {
        self.gate.users()
    }

    fn replace(&self, settings: &Settings) -> anyhow::Result<()> {
        let (tls, mut access) = (tls::read(&settings.tls)?, Access::read(&settings.access)?);
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings.mqtt.clone());
        *self.origins.write().unwrap_or_else(PoisonError::into_inner) =
            settings.websocket.origins.clone().into();
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
        access.client_trust = self.renew_client_trust(settings);
        self.gate.replace(access);
        Ok(())
    }
}

/// Waits for SIGHUP and reloads, again and again.
pub(crate) async fn reload(
    mut reloads: Reloads<Settings>,
    started_with: Settings,
    current: Arc<Current>,
    admission: Admission,
    exchange: mpsc::Sender<Request>,
) {
    loop {
        // Reading files takes no longer than a packet does.
        let settings = reloads.next().await;
        let replaced = settings.map_err(Into::into).and_then(|settings| {
            current.replace(&settings)?;
            anyhow::Ok(settings)
        });
        match replaced {
            Ok(settings) => {
                admission.adopt(&settings.mqtt);
                let request = Request::Settings(Arc::new(settings.mqtt.clone()), current.users());
                let _ = exchange.send(request).await;
                let _ = exchange.send(Request::Access(current.gate.access())).await;
                let later = needing_restart(&started_with, &settings);
                if later.is_empty() {
                    tracing::info!("reloaded: users, certificates and limits");
                } else {
                    tracing::warn!("reloaded; these take effect after a restart: {}", later.join(", "));
                }
            }
            Err(error) => tracing::error!("not reloaded, nothing was changed: {error:#}"),
        }
    }
}

/// The keys that are read at the start only, and have changed since.
fn needing_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let listens = |settings: &Settings| (settings.websocket.listen, settings.websocket.tls_listen);
    let changed = [
        ("mqtt.listen", old.mqtt.listen != new.mqtt.listen),
        ("mqtt.max_filters", old.mqtt.max_filters != new.mqtt.max_filters),
        ("mqtt.max_topics", old.mqtt.max_topics != new.mqtt.max_topics),
        ("store", old.store != new.store),
        ("tls.listen", old.tls.listen != new.tls.listen && old.tls.certificate.is_some()),
        ("tls.certificate", old.tls.certificate.is_none() && new.tls.certificate.is_some()),
        ("websocket", listens(old) != listens(new)),
    ];
    changed.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
}
