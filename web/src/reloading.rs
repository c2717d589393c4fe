//! What a reload changes, and what changes by itself.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

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
    let mut users = UsersFollowed::at(lasting.access.users_file());
    lasting.saved.hold(current.get().applied.version);
    loop {
        let new = tokio::select! {
            new = reloads.next() => new.map_err(anyhow::Error::from),
            () = versions.next() => Ok(settings.clone()),
            // It is looked for at once.
            () = lasting.saved.one_was_saved() => continue,
            () = users.changed() => {
                match lasting.access.follow() {
                    Ok(()) => tracing::info!("the users file has changed, and holds"),
                    Err(error) => tracing::error!("the users file has changed, and cannot be used: {error:#}"),
                }
                continue;
            }
        };
        match new.and_then(|new| current.replace(&new, &lasting).map(|()| new)) {
            Ok(new) => {
                if new.settings_dir != settings.settings_dir {
                    versions = NewVersions::after(new.store(), current.get().applied.version);
                }
                settings = new;
                users = UsersFollowed::at(lasting.access.users_file());
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
            Err(error) => tracing::error!("not reloaded, nothing was changed: {error:#}"),
        }
    }
}

/// How often the users file is looked at: somebody who was invited waits to come in.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The users file, and by what it is known whether it is another one.
struct UsersFollowed {
    file: Option<PathBuf>,
    seen: Option<(u64, i64, i64, u64)>,
}

impl UsersFollowed {
    fn at(file: Option<PathBuf>) -> Self {
        let mut followed = Self { file, seen: None };
        followed.seen = followed.look();
        followed
    }

    fn look(&self) -> Option<(u64, i64, i64, u64)> {
        let data = std::fs::metadata(self.file.as_ref()?).ok()?;
        Some((data.ino(), data.mtime(), data.mtime_nsec(), data.len()))
    }

    /// Waits until it is another one; one that is gone may be about to be replaced.
    async fn changed(&mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.look();
            if now.is_some() && now != self.seen {
                self.seen = now;
                return;
            }
        }
    }
}
