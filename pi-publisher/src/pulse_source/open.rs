//! Opens the source that the settings name.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use meter_messages::MeterConstant;

use super::cdev::{self, CharacterDevice};
use super::sysfs::ExportedLine;
use super::{Contact, LineRequest, PulseSource, SourceError, SourceTime, simulated};
use crate::settings::SourceSettings;

/// What earlier runs kept for a source.
#[derive(Debug, Default)]
pub struct Kept {
    /// Everything up to here is counted, in nanoseconds of UTC since 1970.
    pub counted_until_utc_ns: Option<i64>,
    /// A file in a tmpfs for edges that are read but not counted yet.
    pub edges: Option<PathBuf>,
    /// The line itself, in which the kernel keeps queueing edges.
    pub line: Option<KeptLine>,
}

/// A line that was requested by an earlier run.
#[derive(Debug)]
pub struct KeptLine {
    /// Its descriptor.
    pub descriptor: OwnedFd,
    /// The request.
    pub request: LineRequest,
    /// Counted up to here.
    pub until: SourceTime,
    /// The contact's state then.
    pub contact: Contact,
}

/// Opens a meter's source.
///
/// A simulated household uses energy as `pulses_per_kwh` says, and continues
/// where counting stopped; a line needs neither.
pub fn open(
    settings: &SourceSettings,
    pulses_per_kwh: MeterConstant,
    kept: Kept,
) -> Result<Box<dyn PulseSource>, SourceError> {
    Ok(match settings {
        SourceSettings::Cdev(settings) => Box::new(CharacterDevice::open(settings, kept)?),
        SourceSettings::Sysfs(settings) => Box::new(ExportedLine::open(settings)?),
        SourceSettings::Simulated(settings) => {
            Box::new(simulated::open(settings, pulses_per_kwh, kept.counted_until_utc_ns.map(SourceTime))?)
        }
    })
}

/// The settings with which a line is requested, for one that can be kept.
pub fn line_settings(settings: &SourceSettings) -> Option<String> {
    match settings {
        SourceSettings::Cdev(settings) => Some(cdev::line_settings(settings)),
        SourceSettings::Sysfs(_) | SourceSettings::Simulated(_) => None,
    }
}
