//! One meter's RRD file: a leap year of minutes, without loss.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use meter_messages::{Meter, Minute};
use rrd::ConsolidationFn;
use rrd::ops::create::{Archive, DataSource, DataSourceName, create};
use rrd::ops::fetch;
use rrd::ops::update::{BatchTime, Datum, Options, update_all};

use crate::error::DatabaseError;
use crate::header;
use crate::layout::{ARCHIVE_ROWS, DATA_SOURCE, HEARTBEAT_S, STEP_S};
use crate::lock::{FolderLock, patiently};

/// Samples per call of librrd: more cost memory and gain nothing.
const BATCH: usize = 1000;

/// The result of appending minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// They are in the file.
    Stored,
    /// This one is not later than what is there. An RRD cannot store it; nothing
    /// was stored, and only a rebuild can add it.
    Late(Minute),
    /// This one lies in the future, or so far after what is there that it would push
    /// everything out of the archive; nothing was stored.
    TooFarAhead(Minute),
}

/// The RRD file of one meter, `<dir>/<site>/<meter>.rrd`. A minute lies in it
/// under its end, because RRDtool spreads a value over the time before its stamp.
///
/// Any number of processes may read while one writes; they wait for each other.
#[derive(Debug, Clone)]
pub struct MeterDatabase {
    path: PathBuf,
}

impl MeterDatabase {
    /// How many minutes fit: those of a leap year.
    pub const MINUTES: i64 = ARCHIVE_ROWS as i64;

    /// What a file holds of a meter whose newest minute is `newest`: a leap year up to `latest`, the latest minute that can
    /// have happened.
    pub fn span(newest: Option<Minute>, latest: Minute) -> Range<Minute> {
        let end = next(latest);
        let newest = newest.map_or(end, |newest| newest.min(end));
        Minute::nearest(newest.epoch_minutes() - Self::MINUTES + 1)..end
    }

    /// The file of `meter`, which need not exist.
    pub fn path(dir: &Path, meter: &Meter) -> PathBuf {
        dir.join(meter.site.as_str()).join(format!("{}.rrd", meter.meter))
    }

    /// Opens the file of `meter`; `None` where there is none.
    pub fn open(dir: &Path, meter: &Meter) -> Result<Option<Self>, DatabaseError> {
        let path = Self::path(dir, meter);
        if !path.try_exists().map_err(DatabaseError::io(&path))? {
            return Ok(None);
        }
        header::check(&path)?;
        Ok(Some(Self { path }))
    }

    pub(crate) fn file(&self) -> &Path {
        &self.path
    }

    /// Creates an empty file whose first minute can be `first`, replacing any other;
    /// creates the site's folder, too.
    pub fn create(dir: &Path, meter: &Meter, first: Minute) -> Result<Self, DatabaseError> {
        Self::rebuild(dir, meter, first, [])
    }

    /// Rebuilds the file from `minutes` (ascending, none twice, not before `first`);
    /// it is on disk before it replaces the old one.
    pub fn rebuild(
        dir: &Path,
        meter: &Meter,
        first: Minute,
        minutes: impl IntoIterator<Item = (Minute, u32)>,
    ) -> Result<Self, DatabaseError> {
        let path = Self::path(dir, meter);
        let folder = path.parent().unwrap_or(dir);
        fs::create_dir_all(folder).map_err(DatabaseError::io(folder))?;
        let new = Self { path: path.with_extension("rrd.new") };
        new.create_file(first)?;
        new.write(first, minutes)?;
        let on_disk = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        on_disk(&new.path).map_err(DatabaseError::io(&new.path))?;
        fs::rename(&new.path, &path).map_err(DatabaseError::io(&path))?;
        on_disk(folder).map_err(DatabaseError::io(folder))?;
        Ok(Self { path })
    }

    /// Stores `minutes` with their pulses, all or (unless librrd fails) none.
    /// They ascend; `latest` is the latest minute that can have happened.
    pub fn append(&self, minutes: &[(Minute, u32)], latest: Minute) -> Result<Appended, DatabaseError> {
        let _lock = FolderLock::to_write(&self.path)?;
        let last = self.last_in_file()?;
        let outcome = verdict(last, minutes.iter().map(|(minute, _)| *minute), latest);
        if outcome == Appended::Stored {
            self.write(next(last), minutes.iter().copied())?;
        }
        Ok(outcome)
    }

    /// The last minute in the file; of an empty file, the one before its first.
    pub fn last(&self) -> Result<Minute, DatabaseError> {
        let _lock = FolderLock::to_read(&self.path)?;
        self.last_in_file()
    }

    /// The minutes of a span that are known, in order, with their pulses.
    pub fn fetch(&self, span: Range<Minute>) -> Result<Vec<(Minute, f64)>, DatabaseError> {
        let _lock = FolderLock::to_read(&self.path)?;
        header::check(&self.path)?;
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64);
        let (start, end) = (at(span.start.start()), at(span.end.start()));
        let step = Duration::from_secs(STEP_S as u64);
        let fetched =
            patiently(&self.path, || fetch::fetch(&self.path, ConsolidationFn::Avg, start, end, step))?;
        let first = fetched.start().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64 / 60 - 1;
        let minutes = (first..).map(Minute::nearest).zip(fetched.rows());
        Ok(minutes
            .filter(|(minute, row)| span.contains(minute) && !row[0].is_nan())
            .map(|(minute, row)| (minute, row[0]))
            .collect())
    }

    /// Whether the whole archive has exactly the values of `minutes` (ascending).
    /// Minutes older than the archive are ignored.
    pub fn matches(&self, minutes: impl IntoIterator<Item = (Minute, u32)>) -> Result<bool, DatabaseError> {
        let end = next(self.last()?);
        let oldest = Minute::nearest(end.epoch_minutes() - Self::MINUTES);
        let stored = self.fetch(oldest..end)?;
        let given = minutes.into_iter().skip_while(|(minute, _)| *minute < oldest);
        Ok(stored.into_iter().eq(given.map(|(minute, pulses)| (minute, f64::from(pulses)))))
    }

    fn create_file(&self, first: Minute) -> Result<(), DatabaseError> {
        let name = DataSourceName::new(DATA_SOURCE).map_err(DatabaseError::argument(&self.path))?;
        let source = DataSource::gauge(&name, HEARTBEAT_S as u32, Some(0.0), None);
        let archive = Archive::new(ConsolidationFn::Avg, 0.0, 1, ARCHIVE_ROWS as u32)
            .map_err(DatabaseError::argument(&self.path))?;
        let start = UNIX_EPOCH + Duration::from_secs(first.start() as u64);
        let step = Duration::from_secs(STEP_S as u64);
        create(&self.path, start, step, false, None, &[], [&source], [&archive])
            .map_err(DatabaseError::librrd(&self.path))
    }

    fn last_in_file(&self) -> Result<Minute, DatabaseError> {
        let damaged =
            || DatabaseError::Damaged { path: self.path.clone(), why: "the time of its last update" };
        let last = header::check(&self.path)?;
        if last % Minute::SECONDS != 0 {
            return Err(damaged());
        }
        Minute::containing(last - 1).map_err(|_| damaged())
    }

    /// Writes ascending minutes from `next` on, in batches.
    fn write(
        &self,
        mut next_minute: Minute,
        minutes: impl IntoIterator<Item = (Minute, u32)>,
    ) -> Result<(), DatabaseError> {
        let mut samples: Vec<(BatchTime, [Datum; 1])> = Vec::new();
        for (minute, pulses) in minutes {
            if minute != next_minute {
                // Otherwise the first minute after a gap would be lost: its time since
                // the last sample is longer than the heartbeat.
                samples.push((stamp(minute.start()), [Datum::Unspecified]));
            }
            samples.push((stamp(minute.end()), [Datum::Int(pulses.into())]));
            next_minute = next(minute);
            if samples.len() >= BATCH {
                self.update(&samples)?;
                samples.clear();
            }
        }
        // librrd refuses an empty batch.
        if samples.is_empty() { Ok(()) } else { self.update(&samples) }
    }

    fn update(&self, samples: &[(BatchTime, [Datum; 1])]) -> Result<(), DatabaseError> {
        patiently(&self.path, || update_all(&self.path, Options::default(), samples))
    }
}

fn next(minute: Minute) -> Minute {
    Minute::nearest(minute.epoch_minutes() + 1)
}

fn stamp(seconds: i64) -> BatchTime {
    (UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64)).into()
}

/// The values that an RRD written up to `last` has for `minutes`.
fn verdict(last: Minute, minutes: impl IntoIterator<Item = Minute>, latest: Minute) -> Appended {
    let mut newest = last;
    for minute in minutes {
        let ahead = minute.epoch_minutes() - newest.epoch_minutes();
        if ahead <= 0 {
            return Appended::Late(minute);
        }
        if minute > latest || ahead >= MeterDatabase::MINUTES {
            return Appended::TooFarAhead(minute);
        }
        newest = minute;
    }
    Appended::Stored
}
