//! Reading the settings again on SIGHUP.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use serde::de::DeserializeOwned;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::settings::{self, Keys, SettingsError};

/// Whether this program takes settings over while it runs.
static TAKEN_OVER: AtomicBool = AtomicBool::new(false);

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
        TAKEN_OVER.store(true, Ordering::Relaxed);
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

/// In a program that takes over nothing: SIGHUP does not end it, and the log names what a restart would change, or says
/// that it would fail.
///
/// # Errors
/// If the signal cannot be waited for.
pub(crate) async fn compare_only<S: DeserializeOwned>(
    name: &str,
    config: Option<&Path>,
    started: &Keys,
) -> anyhow::Result<()> {
    let mut signals = signal(SignalKind::hangup()).context("installing the SIGHUP handler")?;
    while signals.recv().await.is_some() {
        if TAKEN_OVER.load(Ordering::Relaxed) {
            continue;
        }
        match settings::load_with_keys::<S>(name, config).map(|(_, new)| started.different_in(&new)) {
            Ok(later) if later.is_empty() => tracing::info!("SIGHUP: the settings are as they were"),
            Ok(later) => {
                let later = later.join(", ");
                tracing::warn!(
                    "SIGHUP: these settings are different, and take effect after a restart: {later}"
                );
            }
            Err(error) => {
                tracing::error!("SIGHUP: nothing was changed, and a restart would fail: {error}");
            }
        }
    }
    std::future::pending().await
}
