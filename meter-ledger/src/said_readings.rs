//! Readings that a publisher says in its `info`, as they are stored.

use meter_messages::MeterReading;

/// What a publisher says, as it is stored; nothing if it says nothing of readings.
pub(crate) fn as_said(readings: Option<&[MeterReading]>) -> Option<String> {
    // Plain numbers and text: this does not fail.
    readings.map(|readings| serde_json::to_string(readings).unwrap_or_default())
}
