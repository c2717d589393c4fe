//! How a meter's RRD file is laid out.

/// The step in seconds: a minute.
pub(crate) const STEP_S: usize = 60;

/// A heartbeat of one step: nothing is ever interpolated between two minutes.
pub(crate) const HEARTBEAT_S: usize = 60;

/// Minutes in a leap year.
pub(crate) const ARCHIVE_ROWS: usize = 527_040;

/// The only data source.
pub(crate) const DATA_SOURCE: &str = "pulses";
