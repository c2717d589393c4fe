//! Opens the source that the settings name.

use meter_messages::PulsesPerKwh;

use super::cdev::CharacterDevice;
use super::sysfs::ExportedLine;
use super::{PulseSource, SourceError, SourceTime, simulated};
use crate::settings::SourceSettings;

/// Opens a meter's source.
///
/// A simulated household uses energy as `pulses_per_kwh` says, and goes on
/// where it was counted to; a line needs neither.
pub fn open(
    settings: &SourceSettings,
    pulses_per_kwh: PulsesPerKwh,
    counted_until_utc_ns: Option<i64>,
) -> Result<Box<dyn PulseSource>, SourceError> {
    Ok(match settings {
        SourceSettings::Cdev(settings) => Box::new(CharacterDevice::open(settings)?),
        SourceSettings::Sysfs(settings) => Box::new(ExportedLine::open(settings)?),
        SourceSettings::Simulated(settings) => {
            Box::new(simulated::open(settings, pulses_per_kwh, counted_until_utc_ns.map(SourceTime))?)
        }
    })
}
