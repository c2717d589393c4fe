//! Reading the settings again on SIGHUP.

use std::marker::PhantomData;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::settings::{self, SettingsError};

/// The settings as they are at each SIGHUP (`systemctl reload`).
#[derive(Debug)]
pub struct Reloads<S> {
    signals: Signal,
    name: &'static str,
    config: Option<PathBuf>,
    settings: PhantomData<fn() -> S>,
}

impl<S: DeserializeOwned> Reloads<S> {
    pub(crate) fn new(name: &'static str, config: Option<PathBuf>) -> std::io::Result<Self> {
        Ok(Self { signals: signal(SignalKind::hangup())?, name, config, settings: PhantomData })
    }

    /// Waits for the next SIGHUP and reads the settings then.
    ///
    /// # Errors
    /// If they are wrong; the caller goes on with those it has.
    pub async fn next(&mut self) -> Result<S, SettingsError> {
        if self.signals.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        tracing::info!("reloading on SIGHUP");
        settings::load(self.name, self.config.as_deref())
    }
}
