//! Finds the GPIO character devices and their lines.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gpiocdev::Chip;

use super::SourceError;
use super::line::{HEADER_CHIPS, Line};

/// A chip's description of itself.
#[derive(Debug)]
pub(super) struct ChipFacts {
    /// `/dev/gpiochip0`.
    pub(super) path: PathBuf,
    /// `pinctrl-bcm2711`.
    pub(super) label: String,
    /// Its lines' names by number; empty for a nameless line.
    pub(super) names: Vec<String>,
}

/// A line that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FoundLine {
    pub(super) chip: PathBuf,
    pub(super) offset: u32,
    pub(super) name: String,
}

/// Finds a line on `chip` (a path, a name under /dev or a label), or without
/// one on the chip behind a Pi's header.
pub(super) fn find(chip: Option<&str>, line: &Line) -> Result<FoundLine, SourceError> {
    let chips = read_all()?;
    // On a Pi 5, Pi OS keeps gpiochip4 as a link to the chip that is now gpiochip0.
    let chip = chip.map(|chip| match fs::canonicalize(Path::new("/dev").join(chip)) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => chip.to_owned(),
    });
    choose(&chips, chip.as_deref(), line).ok_or_else(|| missing(&chips, chip.as_deref(), line))
}

fn read_all() -> Result<Vec<ChipFacts>, SourceError> {
    let paths = gpiocdev::chip::chips().map_err(|error| said("listing the GPIO chips", &error))?;
    let mut denied = None;
    let mut chips = Vec::new();
    for path in paths {
        match read(&path) {
            Ok(chip) => chips.push(chip),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => denied = Some(path),
            Err(error) => tracing::warn!(chip = %path.display(), %error, "GPIO chip skipped"),
        }
    }
    match denied {
        Some(path) if chips.is_empty() => Err(SourceError::Denied { what: path.display().to_string() }),
        _ => Ok(chips),
    }
}

fn read(path: &Path) -> io::Result<ChipFacts> {
    let chip = Chip::from_path(path).map_err(|error| io_error(&error))?;
    let label = chip.info().map_err(|error| io_error(&error))?.label;
    let lines = chip.line_info_iter().map_err(|error| io_error(&error))?;
    // A line without a name keeps its number.
    let names = lines.map(|line| line.map_or_else(|_| String::new(), |line| line.name)).collect();
    Ok(ChipFacts { path: path.to_owned(), label, names })
}

fn choose(chips: &[ChipFacts], wanted: Option<&str>, line: &Line) -> Option<FoundLine> {
    let is_header = |chip: &&ChipFacts| HEADER_CHIPS.contains(&chip.label.as_str());
    let is_wanted = |chip: &&ChipFacts| match wanted {
        Some(wanted) => chip.path == Path::new(wanted) || chip.label == wanted,
        None => is_header(chip),
    };
    let on = |chip: &ChipFacts, offset: usize| {
        let name = chip.names.get(offset)?.clone();
        Some(FoundLine { chip: chip.path.clone(), offset: u32::try_from(offset).ok()?, name })
    };
    if let Line::Name(name) = line {
        // Without a chip a name may be on any of them, the header first.
        let anywhere = chips.iter().filter(|_| wanted.is_none());
        let named = |chip: &ChipFacts| on(chip, chip.names.iter().position(|n| n == name)?);
        if let Some(found) = chips.iter().filter(is_wanted).chain(anywhere).find_map(named) {
            return Some(found);
        }
    }
    // Older device trees do not name lines; GPIO17 is BCM 17 anyway.
    let number = line.bcm_number()? as usize;
    let by_number = |chip: &&ChipFacts| matches!(line, Line::Number(_)) || is_header(chip);
    chips.iter().filter(is_wanted).filter(by_number).find_map(|chip| on(chip, number))
}

fn missing(chips: &[ChipFacts], wanted: Option<&str>, line: &Line) -> SourceError {
    let listed: Vec<String> = chips
        .iter()
        .map(|chip| format!("{} [{}] with {} lines", chip.path.display(), chip.label, chip.names.len()))
        .collect();
    SourceError::Missing {
        what: match wanted {
            Some(chip) => format!("{line} on chip {chip}"),
            None => format!("{line} on a Raspberry Pi's header"),
        },
        remedy: match listed.is_empty() {
            true => "this machine has no GPIO chip; the source kind \"simulated\" needs none".into(),
            false => format!("this machine has: {}", listed.join(", ")),
        },
    }
}

/// The system's error inside one of gpiocdev's.
pub(super) fn io_error(error: &gpiocdev::Error) -> io::Error {
    match error {
        gpiocdev::Error::Os(errno) => io::Error::from_raw_os_error(errno.0),
        gpiocdev::Error::Uapi(_, gpiocdev_uapi::Error::Os(errno)) => io::Error::from_raw_os_error(errno.0),
        other => io::Error::other(other.to_string()),
    }
}

/// An error with what was being done.
pub(super) fn said(doing: impl Into<String>, error: &gpiocdev::Error) -> SourceError {
    SourceError::Io { doing: doing.into(), error: io_error(error) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A real Pi 4: the header's chip, and one with the LEDs.
    fn pi_4(named: bool) -> Vec<ChipFacts> {
        let name = |offset| if named { format!("GPIO{offset}") } else { String::new() };
        vec![
            ChipFacts {
                path: "/dev/gpiochip1".into(),
                label: "raspberrypi-exp-gpio".into(),
                names: ["BT_ON", "WL_ON"].map(str::to_owned).into(),
            },
            ChipFacts {
                path: "/dev/gpiochip0".into(),
                label: "pinctrl-bcm2711".into(),
                names: (0..58).map(name).collect(),
            },
        ]
    }

    fn chosen(named: bool, wanted: Option<&str>, line: &Line) -> Option<(String, u32)> {
        let found = choose(&pi_4(named), wanted, line)?;
        Some((found.chip.file_name().unwrap().to_string_lossy().into_owned(), found.offset))
    }

    fn name(name: &str) -> Line {
        Line::Name(name.to_owned())
    }

    #[test]
    fn a_number_is_on_the_header_unless_a_chip_is_given() {
        assert_eq!(chosen(true, None, &Line::Number(17)), Some(("gpiochip0".into(), 17)));
        assert_eq!(chosen(true, Some("/dev/gpiochip1"), &Line::Number(1)), Some(("gpiochip1".into(), 1)));
        assert_eq!(
            chosen(true, Some("raspberrypi-exp-gpio"), &Line::Number(1)),
            Some(("gpiochip1".into(), 1))
        );
        assert_eq!(chosen(true, None, &Line::Number(58)), None);
    }

    #[test]
    fn a_name_is_looked_for_on_every_chip_and_gpio17_is_bcm_17() {
        assert_eq!(chosen(true, None, &name("GPIO17")), Some(("gpiochip0".into(), 17)));
        assert_eq!(chosen(false, None, &name("GPIO17")), Some(("gpiochip0".into(), 17)));
        assert_eq!(chosen(true, None, &name("WL_ON")), Some(("gpiochip1".into(), 1)));
        assert_eq!(chosen(true, Some("/dev/gpiochip0"), &name("WL_ON")), None);
        assert_eq!(chosen(true, Some("/dev/gpiochip1"), &name("GPIO1")), None);
    }

    #[test]
    fn a_missing_line_is_answered_with_what_there_is() {
        let error = missing(&pi_4(true), Some("pinctrl-rp1"), &Line::Number(17)).to_string();
        assert_eq!(
            error,
            "line 17 on chip pinctrl-rp1 was not found; this machine has: \
             /dev/gpiochip1 [raspberrypi-exp-gpio] with 2 lines, /dev/gpiochip0 [pinctrl-bcm2711] with 58 lines"
        );
        assert!(missing(&[], None, &name("GPIO17")).to_string().contains("\"simulated\""));
    }
}
