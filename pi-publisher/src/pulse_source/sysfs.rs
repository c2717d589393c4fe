//! A line by `/sys/class/gpio`, for kernels without the character device.
//!
//! This source can lose pulses: the kernel keeps one flag here and no queue, so what
//! changes while nobody reads is lost, and an edge is stamped when it is read. So
//! a thread does nothing but read, at least twice a second; if it could not, the
//! time is reported as not watched. A shorter delay, in which a pulse can still be
//! lost, goes unnoticed. There is no resistor to switch on, either: the line needs
//! one outside, or `gpio=17=pu` in the Pi's
//! `config.txt`.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use daemon_runtime::{Alive, OwnerThread};
use flume::{Receiver, RecvTimeoutError, Sender};
use futures_util::StreamExt;
use serde::Deserialize;
use sysfs_gpio::PinValueStream;
use tokio_util::sync::CancellationToken;

use super::exported_pin::{ExportedPin, said};
use super::line::{HEADER_CHIPS, Line};
use super::{Contact, Edge, PulseSource, SourceClock, SourceError, SourceTime, Watched};
use crate::clock::monotonic_now;

/// How long a quiet line is waited for.
const WAIT: Duration = Duration::from_millis(500);
/// How much later than [`WAIT`] a read may come on a busy machine.
const LATE: Duration = Duration::from_millis(250);
const FIRST_EVENT_WITHIN: Duration = Duration::from_millis(100);
/// Where the kernel shows its chips.
const CLASS: &str = "/sys/class/gpio";

/// The settings of a line in sysfs: `line`, or `number` if that is known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SysfsSettings {
    /// The chip's label; by default the one behind a Pi's header.
    #[serde(default)]
    pub chip: Option<String>,
    /// The line's number on the chip, on a Pi the BCM number: `17`, `"GPIO17"` or
    /// `"pin 11"`. Sysfs knows no other names.
    #[serde(default)]
    pub line: Option<Line>,
    /// The kernel's number over all chips, which may change with the kernel.
    #[serde(default)]
    pub number: Option<u64>,
    /// Whether a closed contact pulls the line low.
    #[serde(default = "yes")]
    pub active_low: bool,
}

fn yes() -> bool {
    true
}

/// A thread that reads an exported pin.
#[derive(Debug)]
pub struct ExportedLine {
    described: String,
    began: (SourceTime, Contact),
    /// It was read up to here.
    until: SourceTime,
    read: Receiver<Result<Watched, SourceError>>,
    stop: CancellationToken,
    thread: Option<OwnerThread>,
}

impl ExportedLine {
    /// Exports the pin and starts reading it.
    pub fn open(settings: &SysfsSettings) -> Result<Self, SourceError> {
        let number = number(Path::new(CLASS), settings)?;
        let described = match &settings.line {
            Some(line) => format!("sysfs {line} (gpio{number})"),
            None => format!("sysfs gpio{number}"),
        };
        let pin = ExportedPin::export(number, settings.active_low)?;
        let (begins, began) = flume::bounded(1);
        let (writes, read) = flume::unbounded();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = OwnerThread::spawn(format!("gpio{number}"), move |alive| {
            read_until(alive, &stopped, &pin, &begins, &writes);
            Ok(())
        })
        .map_err(|error| SourceError::Io { doing: "starting a thread".into(), error })?;
        match began.recv() {
            Ok(began) => Ok(Self { described, began, until: began.0, read, stop, thread: Some(thread) }),
            // It ended before it started, and has sent its error.
            Err(_) => Err(read.recv().ok().and_then(Result::err).unwrap_or_else(|| ended(&described))),
        }
    }
}

fn ended(described: &str) -> SourceError {
    said(format!("reading {described}"), std::io::Error::other("its thread has ended"))
}

impl PulseSource for ExportedLine {
    fn began(&self) -> (SourceTime, Contact) {
        self.began
    }

    fn watch(&mut self) -> Result<Watched, SourceError> {
        // The thread reports twice a second, with edges or without.
        let mut watched = match self.read.recv_timeout(2 * WAIT) {
            Ok(watched) => watched?,
            Err(RecvTimeoutError::Timeout) => {
                Watched { edges: Vec::new(), until: self.until, unwatched: Vec::new() }
            }
            Err(RecvTimeoutError::Disconnected) => return Err(ended(&self.described)),
        };
        for more in self.read.try_iter() {
            let more = more?;
            watched.edges.extend(more.edges);
            watched.unwatched.extend(more.unwatched);
            watched.until = more.until;
        }
        self.until = watched.until;
        Ok(watched)
    }

    fn clock(&self) -> SourceClock {
        SourceClock::Monotonic
    }

    fn describe(&self) -> String {
        self.described.clone()
    }
}

impl Drop for ExportedLine {
    /// Waits until the pin is unexported.
    fn drop(&mut self) {
        self.stop.cancel();
        if self.thread.take().is_some_and(|thread| thread.join_blocking().is_err()) {
            tracing::error!(line = self.described, "the reading thread panicked");
        }
    }
}

fn read_until(
    alive: &Alive,
    stop: &CancellationToken,
    pin: &ExportedPin,
    begins: &Sender<(SourceTime, Contact)>,
    writes: &Sender<Result<Watched, SourceError>>,
) {
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| SourceError::Io { doing: "starting the async runtime".into(), error })
        .and_then(|runtime| runtime.block_on(read(alive, stop, pin, begins, writes)));
    if let Err(error) = outcome {
        // If this fails, nobody is listening any more.
        let _ = writes.send(Err(error));
    }
}

async fn read(
    alive: &Alive,
    stop: &CancellationToken,
    pin: &ExportedPin,
    begins: &Sender<(SourceTime, Contact)>,
    writes: &Sender<Result<Watched, SourceError>>,
) -> Result<(), SourceError> {
    let mut stream = pin.values()?;
    let began = monotonic_now();
    // The stream swallows its first event, which comes at once. Only
    // reading the line after it cannot miss a change.
    let _ = tokio::time::timeout(FIRST_EVENT_WITHIN, stream.next()).await;
    let contact = pin.contact()?;
    if begins.send((began, contact)).is_err() {
        return Ok(());
    }
    let mut looked = monotonic_now();
    while let Some(watched) = stop.run_until_cancelled(next(&mut stream, pin)).await {
        alive.step();
        let mut watched = watched?;
        let now = monotonic_now();
        watched.unwatched = unwatched(looked, now);
        looked = now;
        if let Some(missed) = watched.unwatched.first() {
            let seconds = missed.end.since(missed.start) as f64 / 1e9;
            tracing::warn!(%pin, seconds, "the line was not read; pulses of this time are lost");
            watched.until = watched.until.max(missed.end);
        }
        if writes.send(Ok(watched)).is_err() {
            break;
        }
    }
    Ok(())
}

/// The time between two reads, if it is longer than a quiet line explains: this
/// process was stopped, or the machine was too busy to run it.
fn unwatched(looked: SourceTime, now: SourceTime) -> Vec<Range<SourceTime>> {
    let longest = i64::try_from((WAIT + LATE).as_nanos()).unwrap_or(i64::MAX);
    if now.since(looked) > longest { vec![looked..now] } else { Vec::new() }
}

async fn next(stream: &mut PinValueStream, pin: &ExportedPin) -> Result<Watched, SourceError> {
    let before = monotonic_now();
    let Ok(value) = tokio::time::timeout(WAIT, stream.next()).await else {
        // Quiet all the time: nothing from before can still come.
        return Ok(Watched { edges: Vec::new(), until: before, unwatched: Vec::new() });
    };
    let value = value.transpose().map_err(|error| said(format!("reading {pin}"), error))?;
    let at = monotonic_now();
    let contact = value.map_or_else(|| pin.contact(), |value| Ok(ExportedPin::contact_of(value)))?;
    Ok(Watched { edges: vec![Edge { at, contact, lost_before: 0 }], until: at, unwatched: Vec::new() })
}

/// The kernel's number over all chips: the chip's first one plus the line's.
fn number(class: &Path, settings: &SysfsSettings) -> Result<u64, SourceError> {
    let (line, chip) = match (settings.number, &settings.line, &settings.chip) {
        (Some(number), None, None) => return Ok(number),
        (None, Some(line), chip) => (line, chip.as_deref()),
        _ => {
            return Err(SourceError::Missing {
                what: "a line in the settings of sysfs".into(),
                remedy: "give either `line` (with or without `chip`) or `number` alone".into(),
            });
        }
    };
    let chips = Chip::all(class)?;
    let is_wanted = |candidate: &&Chip| match chip {
        Some(label) => candidate.label == label,
        None => HEADER_CHIPS.contains(&candidate.label.as_str()),
    };
    let bcm = line.bcm_number().map(u64::from);
    let on = |chip: &Chip| bcm.filter(|bcm| *bcm < chip.lines).map(|bcm| chip.base + bcm);
    chips.iter().filter(is_wanted).find_map(on).ok_or_else(|| {
        let listed: Vec<String> = chips
            .iter()
            .map(|chip| format!("{} with {} lines from {}", chip.label, chip.lines, chip.base))
            .collect();
        SourceError::Missing {
            what: format!("{line} on {}", chip.unwrap_or("a Raspberry Pi's header")),
            remedy: match listed.is_empty() {
                true => format!("{} shows no chips; try the source kind \"cdev\"", class.display()),
                false => format!("sysfs has: {}", listed.join(", ")),
            },
        }
    })
}

/// A chip as sysfs shows it.
struct Chip {
    label: String,
    base: u64,
    lines: u64,
}

impl Chip {
    fn all(class: &Path) -> Result<Vec<Self>, SourceError> {
        let said = |error| SourceError::Io { doing: format!("listing {}", class.display()), error };
        let folder = match std::fs::read_dir(class) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder.map_err(said)?,
        };
        let mut chips = Vec::new();
        for entry in folder {
            let path = entry.map_err(said)?.path();
            let read = |file| std::fs::read_to_string(path.join(file)).map(|text| text.trim().to_owned());
            // Pins and the export files are beside the chips.
            let (Ok(label), Ok(base), Ok(lines)) = (read("label"), read("base"), read("ngpio")) else {
                continue;
            };
            if let (Ok(base), Ok(lines)) = (base.parse(), lines.parse()) {
                chips.push(Self { label, base, lines });
            }
        }
        chips.sort_by_key(|chip| chip.base);
        Ok(chips)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> SysfsSettings {
        daemon_runtime::parse(toml).unwrap()
    }

    #[test]
    fn a_reader_that_was_put_aside_says_so() {
        let at = |ms: i64| SourceTime(ms * SourceTime::MS);
        assert_eq!(unwatched(at(0), at(750)), []);
        assert_eq!(unwatched(at(0), at(5_200)), [at(0)..at(5_200)]);
    }

    /// `/sys/class/gpio` of a Pi 4 since Linux 6.6.
    fn pi_4() -> tempfile::TempDir {
        let class = tempfile::tempdir().unwrap();
        for (chip, label, lines) in [(570, "raspberrypi-exp-gpio", 8), (512, "pinctrl-bcm2711", 58)] {
            let folder = class.path().join(format!("gpiochip{chip}"));
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("label"), format!("{label}\n")).unwrap();
            std::fs::write(folder.join("base"), format!("{chip}\n")).unwrap();
            std::fs::write(folder.join("ngpio"), format!("{lines}\n")).unwrap();
        }
        std::fs::write(class.path().join("export"), "").unwrap();
        class
    }

    #[test]
    fn a_bcm_number_is_counted_from_the_chips_base() {
        let class = pi_4();
        let number = |toml| number(class.path(), &settings(toml)).unwrap();
        assert_eq!(number("line = 17"), 529);
        assert_eq!(number("line = \"GPIO17\""), 529);
        assert_eq!(number("line = 2\nchip = \"raspberrypi-exp-gpio\""), 572);
        assert_eq!(number("number = 17"), 17);
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let class = pi_4();
        let error = |toml| number(class.path(), &settings(toml)).unwrap_err().to_string();
        assert_eq!(
            error("line = 58"),
            "line 58 on a Raspberry Pi's header was not found; \
             sysfs has: pinctrl-bcm2711 with 58 lines from 512, raspberrypi-exp-gpio with 8 lines from 570"
        );
        assert!(error("line = \"ID_SDA\"").contains("line ID_SDA"));
        for unclear in ["", "line = 17\nnumber = 529", "number = 1\nchip = \"x\""] {
            assert!(error(unclear).contains("either `line`"), "{unclear}");
        }
        let gone = number(&class.path().join("none"), &settings("line = 17")).unwrap_err();
        assert!(gone.to_string().contains("\"cdev\""));
    }
}
