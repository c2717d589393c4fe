//! Lines that outlive a restart: systemd keeps their descriptors, in which the
//! kernel goes on queueing edges, and hands them to the next publisher.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sd_notify::NotifyState;

/// Descriptors by name: meter and request.
#[derive(Debug, Default)]
pub(crate) struct StoredLines(BTreeMap<String, OwnedFd>);

impl StoredLines {
    /// What systemd has kept; to be called once, when the process begins.
    pub(crate) fn from_systemd() -> Self {
        match sd_notify::listen_fds_with_names() {
            Ok(stored) => Self(stored.map(|(descriptor, name)| (name, owned(descriptor))).collect()),
            Err(error) => {
                tracing::warn!(%error, "descriptors from systemd cannot be used");
                Self::default()
            }
        }
    }

    /// A descriptor of that name.
    pub(crate) fn find(&self, name: &str) -> Option<OwnedFd> {
        self.0.get(name).and_then(|descriptor| descriptor.try_clone().ok())
    }

    /// Gives a descriptor to systemd, where there is one, and keeps it here as
    /// long as this process lasts.
    pub(crate) fn keep(&mut self, name: &str, descriptor: BorrowedFd<'_>) {
        if self.0.contains_key(name) {
            return;
        }
        match descriptor.try_clone_to_owned() {
            Ok(ours) => drop(self.0.insert(name.to_owned(), ours)),
            Err(error) => return tracing::warn!(%error, "a line's descriptor cannot be kept"),
        }
        let states = [NotifyState::FdStore, NotifyState::FdName(name)];
        if let Err(error) = sd_notify::notify_with_fds(&states, &[descriptor.as_fd()]) {
            tracing::warn!(%error, "systemd does not keep the line's descriptor");
        }
    }

    /// Closes the others, here and at systemd: their lines are free then. True
    /// if there were any.
    pub(crate) fn keep_only(&mut self, wanted: &[String]) -> bool {
        let unwanted: Vec<String> = self.0.keys().filter(|name| !wanted.contains(name)).cloned().collect();
        for name in &unwanted {
            tracing::info!(name, "a line that was kept is not wanted any more");
            self.0.remove(name);
            if let Err(error) = sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]) {
                tracing::warn!(%error, "systemd keeps the line's descriptor");
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
