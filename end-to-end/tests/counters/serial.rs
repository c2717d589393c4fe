//! A serial line that can be plugged in and pulled out: a pseudo-terminal.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The end of the meter.
#[derive(Debug)]
pub(crate) struct SerialEnd {
    device: PathBuf,
    plugged: Option<File>,
}

impl SerialEnd {
    /// A line that is not plugged in yet.
    pub(crate) fn new(device: &Path) -> Self {
        Self { device: device.to_owned(), plugged: None }
    }

    /// Makes the device.
    pub(crate) fn plug(&mut self) {
        let (terminal, name) = terminal();
        fcntl_setfl(&terminal, OFlags::NONBLOCK).unwrap();
        std::os::unix::fs::symlink(name, &self.device).unwrap();
        self.plugged = Some(File::from(terminal));
    }

    /// Takes the device away, as pulling out does.
    pub(crate) fn unplug(&mut self) {
        std::fs::remove_file(&self.device).unwrap();
        self.plugged = None;
    }

    /// Sends, to whoever listens; what nobody takes is lost, as light is.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let Some(line) = &mut self.plugged else { return };
        if let Err(error) = line.write_all(bytes) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
        }
        // What a terminal says back before somebody has set it up.
        let _ = line.read(&mut [0; 4096]);
    }
}

/// A new pseudo-terminal: the one end, and the path of the other.
pub(crate) fn terminal() -> (OwnedFd, PathBuf) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    (terminal, PathBuf::from(name.into_string().unwrap()))
}
