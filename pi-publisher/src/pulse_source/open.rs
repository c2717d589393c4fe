//! Opens the source that the settings name.

use meter_messages::MeterConstant;

use super::cdev::{self, CharacterDevice};
use super::kept::EarlierRun;
use super::sysfs::ExportedLine;
use super::{PulseSource, SourceError, SourceTime, simulated};
use crate::settings::SourceSettings;

/// Opens a meter's source.
///
/// A simulated household uses energy as `pulses_per_kwh` says, and continues
/// where counting stopped; a line needs neither.
pub fn open(
    settings: &SourceSettings,
    pulses_per_kwh: MeterConstant,
    kept: EarlierRun,
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
