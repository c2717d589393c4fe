//! What a reload changes, and what changes by itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use daemon_runtime::Reloads;
use site_settings::{NewVersions, StoreError};

use crate::access::Access;
use crate::current::{CurrentSite, Lasting};
use crate::settings::Settings;

/// Reads all settings again at each SIGHUP, and users with them; and the users file, and what was saved in the store, as soon
/// as there is another one:
/// names, colours, relations, tariffs and budgets hold for the next request. Event streams end: their browsers come back,
/// and are asked again who they are.
pub(crate) async fn reload(
    mut reloads: Reloads<Settings>,
    mut settings: Settings,
    current: CurrentSite,
    lasting: Lasting,
) -> ! {
    let started = settings.at_start_only();
    let after = |current: &CurrentSite| {
        let site = current.get();
        NewVersions::after(site.store.clone(), site.applied.version)
    };
    let mut versions = after(&current);
    lasting.saved.hold(current.get().applied.version);
    loop {
        let new = tokio::select! {
            new = reloads.next() => new.map_err(anyhow::Error::from),
            () = versions.next() => Ok(settings.clone()),
            // It is looked for at once.
            () = lasting.saved.one_was_saved() => continue,
            () = another_file(&lasting.access) => {
                follow(lasting.access.clone()).await;
                continue;
            }
        };
        match new.and_then(|new| current.replace(&new, &lasting).map(|()| new)) {
            Ok(new) => {
                let (now, before) = (store_of(&new), store_of(&settings));
                if now != before {
                    versions = after(&current);
                }
                settings = new;
                lasting.saved.hold(current.get().applied.version);
                let new = settings.at_start_only();
                let later: Vec<&str> =
                    new.iter().filter(|setting| !started.contains(setting)).map(|(name, _)| *name).collect();
                if later.is_empty() {
                    tracing::info!("reloaded");
                } else {
                    let later = later.join(", ");
                    tracing::warn!(
                        "reloaded, but for {later}: what is new there takes effect after a restart"
                    );
                }
            }
            Err(error) => {
                // A database that is away tells of the same version when it is back.
                if error.is::<StoreError>() {
                    versions = after(&current);
                }
                tracing::error!("not reloaded, nothing was changed: {error:#}");
            }
        }
    }
}

/// Where versions are saved.
fn store_of(settings: &Settings) -> (String, &Path) {
    (settings.ledger.to_string(), &settings.settings_dir)
}

/// How often the users file is looked at: somebody who was invited waits to come in.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Waits until the users file is another one.
async fn another_file(access: &Access) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if access.has_another_file() {
            return;
        }
    }
}

async fn follow(access: Arc<Access>) {
    match tokio::task::spawn_blocking(move || access.follow()).await {
        Ok(Ok(true)) => tracing::info!("the users file has changed, and holds"),
        // Who has changed it here has told it.
        Ok(Ok(false)) => {}
        Ok(Err(error)) => tracing::error!("the users file has changed, and cannot be used: {error:#}"),
        Err(error) => tracing::error!("the users file was not read: {error}"),
    }
}
