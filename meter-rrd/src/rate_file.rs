//! The power or flow of minutes, in a form that librrd can draw as it draws a meter's own file.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use meter_messages::Minute;
use rrd::ConsolidationFn;
use rrd::ops::create::{Archive, DataSource, DataSourceName, create};
use rrd::ops::update::{BatchTime, Datum, Options, update_all};

use crate::error::DatabaseError;
use crate::layout::{DATA_SOURCE, HEARTBEAT_S, STEP_S};

/// Writes a scratch file of minutes (ascending, at least one).
pub(crate) fn write(path: &Path, minutes: &[(Minute, f64)]) -> Result<(), DatabaseError> {
    let (Some((first, _)), Some((last, _))) = (minutes.first(), minutes.last()) else { return Ok(()) };
    create_file(path, *first, (last.epoch_minutes() - first.epoch_minutes() + 1) as u32)?;
    let mut samples: Vec<(BatchTime, [Datum; 1])> = Vec::with_capacity(minutes.len());
    let mut written = first.start();
    for (minute, rate) in minutes {
        if minute.start() != written {
            samples.push((stamp(minute.start()), [Datum::Unspecified]));
        }
        samples.push((stamp(minute.end()), [Datum::Float(*rate)]));
        written = minute.end();
    }
    update_all(path, Options::default(), samples).map_err(DatabaseError::librrd(path))
}

fn create_file(path: &Path, first: Minute, rows: u32) -> Result<(), DatabaseError> {
    let name = DataSourceName::new(DATA_SOURCE).map_err(DatabaseError::argument(path))?;
    let source = DataSource::gauge(&name, HEARTBEAT_S as u32, None, None);
    let archive = Archive::new(ConsolidationFn::Avg, 0.0, 1, rows).map_err(DatabaseError::argument(path))?;
    let step = Duration::from_secs(STEP_S as u64);
    let start = UNIX_EPOCH + Duration::from_secs(first.start().max(0) as u64);
    create(path, start, step, false, None, &[], [&source], [&archive]).map_err(DatabaseError::librrd(path))
}

fn stamp(seconds: i64) -> BatchTime {
    (UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64)).into()
}
