//! What a reload changes.

use daemon_runtime::Reloads;

use crate::current::{CurrentSite, Lasting};
use crate::settings::Settings;

/// Reads all settings again at each SIGHUP, and users with them: names, colours, relations, tariffs and budgets hold for
/// the next request. Event streams end: their browsers come back, and are asked again who they are.
pub(crate) async fn reload(
    mut reloads: Reloads<Settings>,
    started: &[(&'static str, String)],
    current: CurrentSite,
    lasting: Lasting,
) -> ! {
    loop {
        let settings = reloads.next().await;
        let replaced = settings.map_err(anyhow::Error::from).and_then(|settings: Settings| {
            current.replace(&settings, &lasting)?;
            Ok(settings.at_start_only())
        });
        match replaced {
            Ok(new) => {
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
