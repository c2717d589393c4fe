//! What a reload changes.

use std::sync::Arc;

use daemon_runtime::Reloads;

use crate::access::Access;
use crate::settings::Settings;

/// Reads users and public meters again at each SIGHUP. Event streams end: their browsers
/// come back, and are asked again who they are.
pub(crate) async fn reload(mut reloads: Reloads<Settings>, access: Arc<Access>) -> ! {
    loop {
        let settings = reloads.next().await;
        match settings.map_err(Into::into).and_then(|settings| access.replace(&settings.access)) {
            Ok(()) => tracing::info!(
                "reloaded: users and public meters; other settings take effect after a restart"
            ),
            Err(error) => tracing::error!("not reloaded, nothing was changed: {error:#}"),
        }
    }
}
