//! Lines that outlive a restart: systemd keeps their descriptors, in which the
//! kernel keeps queueing edges, and passes them to the next publisher.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sd_notify::NotifyState;

/// Descriptors by name: meter and request.
#[derive(Debug, Default)]
pub(crate) struct StoredLines(BTreeMap<String, OwnedFd>);

impl StoredLines {
    /// What systemd has kept; to be called once, when the process starts.
    pub(crate) fn from_systemd() -> Self {
        match sd_notify::listen_fds_with_names() {
            Ok(stored) => Self(stored.map(|(descriptor, name)| (name, owned(descriptor))).collect()),
            Err(error) => {
                tracing::warn!(%error, "the descriptors from systemd cannot be used");
                Self::default()
            }
        }
    }

    /// A descriptor of that name.
    pub(crate) fn find(&self, name: &str) -> Option<OwnedFd> {
        self.0.get(name).and_then(|descriptor| descriptor.try_clone().ok())
    }

    /// Gives a descriptor to systemd, if it runs, and keeps it here as long as this
    /// process lasts.
    pub(crate) fn keep(&mut self, name: &str, descriptor: BorrowedFd<'_>) {
        if self.0.contains_key(name) {
            return;
        }
        match descriptor.try_clone_to_owned() {
            Ok(ours) => drop(self.0.insert(name.to_owned(), ours)),
            Err(error) => {
                return tracing::warn!(%error, "a line's descriptor could not be duplicated; pulses are lost over a restart");
            }
        }
        let states = [NotifyState::FdStore, NotifyState::FdName(name)];
        if let Err(error) = sd_notify::notify_with_fds(&states, &[descriptor.as_fd()]) {
            tracing::warn!(%error, "systemd did not take the line's descriptor; pulses are lost over a restart");
        }
    }

    /// Closes the others, here and in systemd, which frees their lines. True if there
    /// were any.
    pub(crate) fn keep_only(&mut self, wanted: &[String]) -> bool {
        let unwanted: Vec<String> = self.0.keys().filter(|name| !wanted.contains(name)).cloned().collect();
        for name in &unwanted {
            tracing::info!(name, "closing a line that is no longer in the settings");
            self.0.remove(name);
            if let Err(error) = sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]) {
                tracing::warn!(%error, "systemd could not be told to close the line");
            }
        }
        !unwanted.is_empty()
    }
}

#[allow(unsafe_code)]
fn owned(descriptor: i32) -> OwnedFd {
    use std::os::fd::FromRawFd;
    // SAFETY: systemd passes it to this process, and nobody else takes it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}
