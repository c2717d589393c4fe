//! What a reload changes.

use daemon_runtime::Reloads;
use site_settings::NewVersions;

use crate::current::{CurrentSite, Lasting};
use crate::settings::Settings;

/// Reads all settings again at each SIGHUP, and users with them; and what was saved in the store, as soon as it was:
/// names, colours, relations, tariffs and budgets hold for the next request. Event streams end: their browsers come back,
/// and are asked again who they are.
pub(crate) async fn reload(
    mut reloads: Reloads<Settings>,
    mut settings: Settings,
    current: CurrentSite,
    lasting: Lasting,
) -> ! {
    let started = settings.at_start_only();
    let mut versions = NewVersions::after(settings.store(), current.get().applied.version);
    loop {
        let new = tokio::select! {
            new = reloads.next() => new.map_err(anyhow::Error::from),
            () = versions.next() => Ok(settings.clone()),
        };
        match new.and_then(|new| current.replace(&new, &lasting).map(|()| new)) {
            Ok(new) => {
                if new.settings_dir != settings.settings_dir {
                    versions = NewVersions::after(new.store(), current.get().applied.version);
                }
                settings = new;
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
            Err(error) => tracing::error!("not reloaded, nothing was changed: {error:#}"),
        }
    }
}
