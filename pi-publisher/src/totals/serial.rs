//! A serial line: an adapter on USB, or one of the Pi's own.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use foreign_text::is_control;
use rustix::fs::{Mode, OFlags};
use rustix::termios::ioctl_tiocexcl;
use serde::Deserialize;
use serial2_tokio::SerialPort;

/// Who never says how fast it speaks: what heads and meters do by default.
pub const USUAL_BAUD: u32 = 9600;

/// How bytes are checked on a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    /// Not at all.
    #[default]
    None,
    /// By an even number of ones.
    Even,
    /// By an odd number of ones.
    Odd,
}

/// A serial line and how it is spoken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialSettings {
    /// The device, like `/dev/serial/by-id/usb-…`.
    pub device: PathBuf,
    /// Bits a second.
    pub baud: u32,
    /// How bytes are checked.
    pub parity: Parity,
    /// 1 or 2 bits of pause after each byte.
    pub stop_bits: u8,
}

/// An open line that nobody else uses.
#[derive(Debug)]
pub struct SerialLine {
    /// What is read from and written to.
    pub port: SerialPort,
    /// Held as long as the line is used.
    pub lock: File,
}

impl SerialSettings {
    /// A line, if it can be one.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn new(device: PathBuf, baud: Option<u32>) -> Result<Self, String> {
        let is_path = device.is_absolute() && !device.to_string_lossy().contains(is_control);
        if !is_path {
            return Err(format!(
                "device is \"{}\"; write a path like \"/dev/serial/by-id/usb-…\" or \"/dev/ttyUSB0\"",
                device.display()
            ));
        }
        let baud = baud.unwrap_or(USUAL_BAUD);
        if !(50..=4_000_000).contains(&baud) {
            return Err(format!("baud is {baud}; lines have 50 to 4000000, most of them 9600"));
        }
        Ok(Self { device, baud, parity: Parity::None, stop_bits: 1 })
    }

    /// The device for people, and to compare it.
    pub fn name(&self) -> String {
        self.device.display().to_string()
    }

    /// Opens the line for us alone. What had come before is dropped: nobody knows when that was.
    ///
    /// # Errors
    /// It is not there, not ours, or in use.
    pub async fn open(&self) -> anyhow::Result<SerialLine> {
        let settings = self.clone();
        // A driver may take its time, and nobody else shall wait for it.
        tokio::task::spawn_blocking(move || settings.open_now()).await?
    }

    fn open_now(&self) -> anyhow::Result<SerialLine> {
        let refused = |error: io::Error| why(&self.device, &error);
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let lock = rustix::fs::open(&self.device, flags, Mode::empty());
        let lock = File::from(lock.map_err(|error| refused(error.into()))?);
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&self.device)),
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        let port = SerialPort::open(&self.device, |line| self.configured(line)).map_err(refused)?;
        port.discard_input_buffer().map_err(refused)?;
        // Two who read share the bytes, and neither gets whole telegrams. It ends when the line is closed.
        ioctl_tiocexcl(&lock).with_context(|| format!("keeping {} for us", self.device.display()))?;
        Ok(SerialLine { port, lock })
    }

    fn configured(&self, mut line: serial2_tokio::Settings) -> io::Result<serial2_tokio::Settings> {
        line.set_raw();
        line.set_baud_rate(self.baud)?;
        line.set_parity(match self.parity {
            Parity::None => serial2_tokio::Parity::None,
            Parity::Even => serial2_tokio::Parity::Even,
            Parity::Odd => serial2_tokio::Parity::Odd,
        });
        line.set_stop_bits(match self.stop_bits {
            2 => serial2_tokio::StopBits::Two,
            _ => serial2_tokio::StopBits::One,
        });
        Ok(line)
    }
}

fn in_use(device: &Path) -> anyhow::Error {
    anyhow!(
        "{} is in use by another program. Stop that first; if it is the publisher: systemctl stop pi-publisher",
        device.display()
    )
}

fn why(device: &Path, error: &io::Error) -> anyhow::Error {
    let name = device.display();
    match error.kind() {
        ErrorKind::NotFound => {
            anyhow!("there is no {name}; is it plugged in? ls /dev/serial/by-id shows what is")
        }
        ErrorKind::PermissionDenied => {
            anyhow!("{name} may not be opened; whoever runs this has to be in the group dialout")
        }
        ErrorKind::ResourceBusy => in_use(device),
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOTTY.raw_os_error()) => {
            anyhow!("{name} is not a serial line")
        }
        _ => anyhow!("{name}: {error}"),
    }
}
