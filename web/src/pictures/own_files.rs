//! RRD files of the pages' own, where the ledger is in PostgreSQL: the recorder that looks after a site may be on another
//! machine. A file is made when a picture is looked at, and brought up to date when one is looked at again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use meter_ledger::{Ledger, LedgerError, LedgerHome, RecordedMeter};
use meter_messages::{Meter, Minute};
use meter_rrd::{Appended, DatabaseError, MeterDatabase};

use super::picture::PictureError;
use crate::ledger::reader::{ReadError, minute_in_progress};

/// Files that are kept, of 4.2 MB each; the one that nobody has looked at for longest goes first.
const MOST_FILES: usize = 100;

/// What the pages keep of their own.
#[derive(Debug)]
pub(crate) struct OwnFiles {
    dir: PathBuf,
    most: usize,
    /// Whose minutes they are, and a reader of its own: a year of a meter is read for a file, and nobody else waits for that.
    ledger: Option<(String, Ledger)>,
    files: HashMap<Meter, OwnFile>,
    /// How often one was looked at.
    looks: u64,
}

/// A file, and what of the ledger is in it.
#[derive(Debug)]
struct OwnFile {
    first: Minute,
    last: Minute,
    content: Content,
    looked: u64,
}

/// Tells whether something has come or changed between two minutes: how often a correction was said or undone, pulses, and
/// minutes.
type Content = (u64, u64, u64);

impl OwnFiles {
    /// Those of a folder, which need not be there. What an earlier run has left in it is not trusted.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, most: MOST_FILES, ledger: None, files: HashMap::new(), looks: 0 }
    }

    /// The file of a meter, with all that is recorded by now; `None` if nothing is.
    pub(super) fn up_to_date(
        &mut self,
        home: &LedgerHome,
        meter: &Meter,
    ) -> Result<Option<MeterDatabase>, PictureError> {
        let ledger = self.ledger_of(home).map_err(ReadError::from)?;
        let known = self.files.remove(meter);
        let made = brought_up_to_date(&ledger, &self.dir, meter, known);
        self.ledger = Some((home.to_string(), ledger));
        let Some((database, file)) = made? else { return Ok(None) };
        self.looks += 1;
        self.files.insert(meter.clone(), OwnFile { looked: self.looks, ..file });
        self.make_room();
        Ok(Some(database))
    }

    /// A reader of the ledger; where it is another one than before, nothing that was made holds any more.
    fn ledger_of(&mut self, home: &LedgerHome) -> Result<Ledger, LedgerError> {
        match self.ledger.take() {
            Some((known, ledger)) if known == home.to_string() => return Ok(ledger),
            _ => {
                self.files.clear();
                drop(std::fs::remove_dir_all(&self.dir));
            }
        }
        Ledger::open_read_only(home)
    }

    fn make_room(&mut self) {
        while self.files.len() > self.most {
            let Some((oldest, _)) = self.files.iter().min_by_key(|(_, file)| file.looked) else { return };
            let oldest = oldest.clone();
            self.files.remove(&oldest);
            drop(std::fs::remove_file(MeterDatabase::path(&self.dir, &oldest)));
        }
    }
}

fn brought_up_to_date(
    ledger: &Ledger,
    dir: &Path,
    meter: &Meter,
    known: Option<OwnFile>,
) -> Result<Option<(MeterDatabase, OwnFile)>, PictureError> {
    let Some(recorded) = ledger.meter(meter).map_err(ReadError::from)? else { return Ok(None) };
    let now = minute_in_progress();
    if let Some(file) = known
        && let Some(database) = MeterDatabase::open(dir, meter).unwrap_or_default()
        && let Some(file) = appended(ledger, &recorded, &database, file, now)?
    {
        return Ok(Some((database, file)));
    }
    let newest = ledger.newest(&recorded).map_err(ReadError::from)?.map(|newest| newest.minute);
    let span = MeterDatabase::span(newest, now);
    // Looked at first: what comes meanwhile makes it differ, and is found the next time.
    let content = content(ledger, &recorded, span.start, span.end)?;
    let minutes = minutes(ledger, &recorded, span.start, span.end)?;
    let (Some(&(first, _)), Some(&(last, _))) = (minutes.first(), minutes.last()) else { return Ok(None) };
    std::fs::create_dir_all(dir).map_err(|error| DatabaseError::Io { path: dir.to_owned(), error })?;
    let database = MeterDatabase::rebuild(dir, meter, first, minutes)?;
    Ok(Some((database, OwnFile { first: span.start, last, content, looked: 0 })))
}

/// Appends what has come since; `None` if the file is to be made anew, because something else has changed.
fn appended(
    ledger: &Ledger,
    recorded: &RecordedMeter,
    database: &MeterDatabase,
    file: OwnFile,
    now: Minute,
) -> Result<Option<OwnFile>, PictureError> {
    let (after, end) = (next(file.last), next(now));
    if content(ledger, recorded, file.first, after)? != file.content {
        return Ok(None);
    }
    let content = content(ledger, recorded, file.first, end)?;
    let more = minutes(ledger, recorded, after, end)?;
    let Some(&(last, _)) = more.last() else { return Ok(Some(file)) };
    match database.append(&more, now) {
        Ok(Appended::Stored) => Ok(Some(OwnFile { last, content, ..file })),
        Ok(Appended::Late(_) | Appended::TooFarAhead(_)) => Ok(None),
        Err(error) => {
            tracing::warn!(meter = %recorded.meter, %error, "making an RRD file anew");
            Ok(None)
        }
    }
}

fn content(
    ledger: &Ledger,
    recorded: &RecordedMeter,
    from: Minute,
    to: Minute,
) -> Result<Content, PictureError> {
    let sum = ledger.sum(recorded, from..to).map_err(ReadError::from)?;
    Ok((recorded.edition(), sum.pulses, sum.minutes))
}

fn minutes(
    ledger: &Ledger,
    recorded: &RecordedMeter,
    from: Minute,
    to: Minute,
) -> Result<Vec<(Minute, u32)>, PictureError> {
    let minutes = ledger.minutes(recorded, from..to).map_err(ReadError::from)?;
    Ok(minutes.into_iter().map(|minute| (minute.minute, minute.pulses)).collect())
}

fn next(minute: Minute) -> Minute {
    Minute::nearest(minute.epoch_minutes() + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use meter_ledger::NewCorrection;
    use meter_messages::{CorrectionKind, Info, PulseCount};
    use tempfile::TempDir;

    use super::*;

    struct World {
        folder: TempDir,
        ledger: Ledger,
        home: LedgerHome,
        own: OwnFiles,
    }

    impl World {
        fn new() -> Self {
            let folder = TempDir::new().unwrap();
            let home = LedgerHome::File(folder.path().join("ledger.sqlite"));
            let (ledger, own) = (Ledger::open(&home).unwrap(), OwnFiles::new(folder.path().join("rrd")));
            Self { folder, ledger, home, own }
        }

        /// Records minutes of an outbox, by how many minutes ago they were.
        fn record(&mut self, meter: &Meter, outbox: &str, ago: std::ops::Range<i64>) {
            let info = format!(
                r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":1}}"#
            );
            let now = minute_in_progress().epoch_minutes();
            let mut batch = self.ledger.batch().unwrap();
            let mark = batch.register(meter, &Info::from_json(info.as_bytes()).unwrap()).unwrap();
            for ago in ago.rev() {
                let (minute, seq) = (Minute::nearest(now - ago), 1_000_000 - ago as u64);
                let count = PulseCount { minute, watched_s: 60, seq, pulses: 3, total: 3 * seq };
                batch.record(&mark, &count).unwrap();
            }
            batch.commit().unwrap();
        }

        /// The file says what the ledger says; which file it is.
        fn is_right(&mut self, meter: &Meter) -> u64 {
            let database = self.own.up_to_date(&self.home, meter).unwrap().unwrap();
            let known = self.ledger.meter(meter).unwrap().unwrap();
            let all = self.ledger.minutes(&known, Minute::nearest(0)..minute_in_progress()).unwrap();
            assert!(database.matches(all.iter().map(|minute| (minute.minute, minute.pulses))).unwrap());
            self.file(meter).metadata().unwrap().ino()
        }

        fn file(&self, meter: &Meter) -> PathBuf {
            MeterDatabase::path(&self.folder.path().join("rrd"), meter)
        }
    }

    fn meter(name: &str) -> Meter {
        format!("hq/{name}").parse().unwrap()
    }

    #[test]
    fn a_file_says_what_the_ledger_says_whenever_it_is_looked_at() {
        let (mut world, main) = (World::new(), meter("main"));
        assert!(world.own.up_to_date(&world.home, &main).unwrap().is_none(), "there is no such meter");
        world.record(&main, "a", 50..60);
        let first = world.is_right(&main);
        world.record(&main, "a", 20..40);
        assert_eq!(world.is_right(&main), first, "what is new is added");
        // Of another card, and of a time that is in the file.
        world.record(&main, "b", 45..55);
        let late = world.is_right(&main);
        assert_ne!(late, first);
        let at = |ago| Minute::nearest(minute_in_progress().epoch_minutes() - ago);
        let void = NewCorrection {
            span: at(30)..at(25),
            kind: CorrectionKind::Void,
            reason: "bounces".into(),
            by: "otto".into(),
        };
        let mut batch = world.ledger.batch().unwrap();
        batch.correct(&main, &void, daemon_runtime::now()).unwrap();
        batch.commit().unwrap();
        assert_ne!(world.is_right(&main), late);
        std::fs::write(world.file(&main), "damaged").unwrap();
        world.is_right(&main);
    }

    #[test]
    fn the_file_that_nobody_looked_at_for_longest_makes_room_and_those_of_an_earlier_run_go() {
        let mut world = World::new();
        world.own.most = 2;
        let [a, b, c] = ["a", "b", "c"].map(meter);
        for meter in [&a, &b, &c] {
            world.record(meter, "a", 10..20);
        }
        for meter in [&a, &b, &a, &c] {
            world.is_right(meter);
        }
        assert_eq!([&a, &b, &c].map(|meter| world.file(meter).exists()), [true, false, true]);
        world.own = OwnFiles::new(world.folder.path().join("rrd"));
        world.is_right(&b);
        assert_eq!([&a, &b, &c].map(|meter| world.file(meter).exists()), [false, true, false]);
    }
}
