//! A pin under `/sys/class/gpio` while this process uses it.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use sysfs_gpio::{Direction, Edge, Pin, PinValueStream};

use super::{Contact, SourceError};

/// After an export the files belong to root until udev gives them to the group.
const UDEV_WITHIN: Duration = Duration::from_secs(2);
const UDEV_ASKED_EVERY: Duration = Duration::from_millis(50);

/// A pin that is exported and read by this process alone; unexported when dropped.
#[derive(Debug)]
pub(super) struct ExportedPin {
    export: Export,
    /// Held open for its lock: a killed reader leaves the pin exported, and
    /// this tells it from one that still reads.
    _lock: File,
}

impl ExportedPin {
    /// Exports pin `number` and watches it for both edges.
    pub(super) fn export(number: u64, active_low: bool) -> Result<Self, SourceError> {
        let mut export = Export::of(number)?;
        let pin = export.pin;
        let lock = lock(number)?;
        let failed = |error| said(format!("setting up gpio{number}"), error);
        if !export.ours {
            if pin.get_direction().map_err(failed)? == Direction::Out {
                return Err(busy(number, "a program that exported it as an output"));
            }
            // A killed pi-publisher leaves a pin with both edges behind.
            export.ours = pin.get_edge().map_err(failed)? == Edge::BothEdges;
        }
        once_udev_has_run(number, || pin.set_direction(Direction::In))?;
        once_udev_has_run(number, || pin.set_active_low(active_low))?;
        once_udev_has_run(number, || pin.set_edge(Edge::BothEdges))?;
        Ok(Self { export, _lock: lock })
    }

    /// The contact's changes; needs a tokio runtime around it.
    pub(super) fn values(&self) -> Result<PinValueStream, SourceError> {
        self.export.pin.get_value_stream().map_err(|error| said(format!("watching {self}"), error))
    }

    /// The contact now.
    pub(super) fn contact(&self) -> Result<Contact, SourceError> {
        let value = self.export.pin.get_value().map_err(|error| said(format!("reading {self}"), error))?;
        Ok(Self::contact_of(value))
    }

    /// The contact for a value; 1 is active, whatever level that is.
    pub(super) fn contact_of(value: u8) -> Contact {
        if value == 0 { Contact::Open } else { Contact::Closed }
    }
}

impl fmt::Display for ExportedPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gpio{}", self.export.pin.get_pin_num())
    }
}

/// A pin in sysfs. Another program's export stays when this is dropped.
#[derive(Debug)]
struct Export {
    pin: Pin,
    ours: bool,
}

impl Export {
    fn of(number: u64) -> Result<Self, SourceError> {
        let pin = Pin::new(number);
        let ours = !pin.is_exported();
        pin.export().map_err(|error| not_exported(number, error))?;
        Ok(Self { pin, ours })
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        if !self.ours {
            return;
        }
        if let Err(error) = self.pin.unexport() {
            tracing::warn!(pin = self.pin.get_pin_num(), %error, "could not be unexported from sysfs");
        }
    }
}

fn lock(number: u64) -> Result<File, SourceError> {
    let value = format!("/sys/class/gpio/gpio{number}/value");
    let lock = once_udev_has_run(number, || File::open(&value))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(busy(number, "another reader of sysfs")),
        Err(TryLockError::Error(error)) => Err(said(format!("locking {value}"), error)),
    }
}

fn busy(number: u64, by: &str) -> SourceError {
    SourceError::Busy { what: format!("gpio{number}"), by: by.into() }
}

fn once_udev_has_run<T, E: Into<io::Error>>(
    number: u64,
    attempt: impl Fn() -> Result<T, E>,
) -> Result<T, SourceError> {
    let began = Instant::now();
    loop {
        match attempt().map_err(Into::into) {
            Ok(value) => return Ok(value),
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => {
                return Err(said(format!("setting up gpio{number}"), error));
            }
            Err(_) if began.elapsed() > UDEV_WITHIN => {
                return Err(SourceError::Denied { what: format!("/sys/class/gpio/gpio{number}") });
            }
            Err(_) => std::thread::sleep(UDEV_ASKED_EVERY),
        }
    }
}

fn not_exported(number: u64, error: sysfs_gpio::Error) -> SourceError {
    let error = io::Error::from(error);
    match error.kind() {
        io::ErrorKind::PermissionDenied => SourceError::Denied { what: "/sys/class/gpio/export".into() },
        io::ErrorKind::ResourceBusy => {
            busy(number, "the kernel or a program on the character device (gpioinfo names it)")
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::NotFound => SourceError::Missing {
            what: format!("gpio{number} in sysfs"),
            remedy: "give the line by `line`, or use the source kind \"cdev\"".into(),
        },
        _ => said(format!("exporting gpio{number}"), error),
    }
}

/// An error with what was being done.
pub(super) fn said(doing: impl Into<String>, error: impl Into<io::Error>) -> SourceError {
    SourceError::Io { doing: doing.into(), error: error.into() }
}
