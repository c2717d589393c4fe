//! The one thread that owns the RRD files: what the pictures are drawn from.
//!
//! They are derived from the ledger. Whatever is doubtful about a file (late
//! minutes, damage, a difference found at the start) ends in making it anew. A file is written at most every ten
//! seconds: what comes meanwhile is written together.

mod files;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use daemon_runtime::{Alive, LogPace, OwnerThread};
use flume::{Receiver, RecvTimeoutError, Sender};
use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::{Meter, Minute, PulseCount};
use meter_rrd::{Appended, DatabaseError, MeterDatabase};
use tokio_util::sync::CancellationToken;

use crate::pictures::files::{Files, RETRY};

/// A publisher's clock may be ahead of ours by so much; a minute further ahead
/// is in the ledger, but would push a year of others out of the archive.
const AHEAD: i64 = 5;

/// How often it is looked for corrections that somebody has said: they are written by others.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Files are rebuilt for so long before what has come meanwhile is looked at.
const AT_A_TIME: Duration = Duration::from_millis(500);

/// What the thread is told.
#[derive(Debug)]
pub enum News {
    /// Minutes were recorded.
    Recorded(Recorded),
    /// These meters are recorded here from now on, and were elsewhere before.
    Begun(Vec<Meter>),
    /// These meters are recorded elsewhere: their files would lack what comes.
    Ended(Vec<Meter>),
}

/// Minutes that are in the ledger now, and their pulses.
pub type Recorded = HashMap<Meter, Vec<(Minute, u32)>>;

pub(crate) fn add(recorded: &mut Recorded, meter: &Meter, count: &PulseCount) {
    let minute = (count.minute, count.pulses);
    match recorded.get_mut(meter) {
        Some(minutes) => minutes.push(minute),
        None => _ = recorded.insert(meter.clone(), vec![minute]),
    }
}

/// The thread's state.
pub struct Pictures {
    ledger: Ledger,
    rrd_dir: PathBuf,
    files: Files,
    /// Meters with minutes from the future, and the last of them: what they lack
    /// is made good when its time has come.
    ahead: HashMap<Meter, Minute>,
    /// Of each meter that has corrections, how often one was said or undone when it was last looked for.
    corrected: HashMap<Meter, u64>,
    /// The last meter that was forgotten, by its number.
    forgotten: i64,
    looked: Instant,
    shutdown: CancellationToken,
}

impl Pictures {
    /// Draws on `ledger` (a reader of its own), for at most so many meters. On `shutdown` long work is left:
    /// the next start checks everything.
    pub fn new(ledger: Ledger, rrd_dir: PathBuf, max_files: usize, shutdown: CancellationToken) -> Self {
        let (files, looked) = (Files::new(max_files), Instant::now());
        let (ahead, corrected, forgotten) = (HashMap::new(), HashMap::new(), 0);
        Self { ledger, rrd_dir, files, ahead, corrected, forgotten, looked, shutdown }
    }

    /// Checks every file against the ledger, then follows it until every sender
    /// is gone.
    pub fn spawn(mut self) -> std::io::Result<(Sender<News>, OwnerThread)> {
        let (sender, news) = flume::unbounded();
        let thread = OwnerThread::spawn("pictures", move |alive| {
            if let Err(error) = self.check_all(alive) {
                tracing::error!("checking the RRD files: {error:#}");
            }
            self.follow(alive, &news);
            Ok(())
        })?;
        Ok((sender, thread))
    }

    fn check_all(&mut self, alive: &Alive) -> anyhow::Result<()> {
        // Looked at first: what is said meanwhile is found by the next look.
        self.corrected = self.ledger.correction_editions()?.into_iter().collect();
        self.forget()?;
        if self.ledger.is_shared() {
            // It is told which meters are recorded here.
            return Ok(());
        }
        let (with_file, without): (Vec<_>, Vec<_>) = (self.ledger.meters()?.into_iter())
            .partition(|known| MeterDatabase::path(&self.rrd_dir, &known.meter).exists());
        for known in with_file {
            alive.step();
            if self.shutdown.is_cancelled() {
                return Ok(());
            }
            let trusted = self.checked(&known).unwrap_or_else(|error| {
                tracing::warn!(meter = %known.meter, "{error:#}");
                None
            });
            self.files.hold(known.meter, trusted);
        }
        for known in without {
            self.begin(&known.meter);
        }
        self.rebuild_outdated(alive);
        Ok(())
    }

    /// The file if it says what the ledger says.
    fn checked(&self, known: &RecordedMeter) -> anyhow::Result<Option<MeterDatabase>> {
        let Some(database) = MeterDatabase::open(&self.rrd_dir, &known.meter)? else { return Ok(None) };
        let minutes = self.minutes(known)?;
        let same = database.matches(minutes)?;
        if !same {
            tracing::warn!(meter = %known.meter, "the RRD file differs from the ledger; rebuilding it");
        }
        Ok(same.then_some(database))
    }

    /// Has a meter's file made, if there may be one more.
    fn begin(&mut self, meter: &Meter) {
        if self.files.take(meter) {
            return;
        }
        static PACE: LogPace = LogPace::new();
        if let Some(left_out) = PACE.due() {
            tracing::warn!(%meter, left_out, "no RRD file, and so no pictures: its site has as many as it may have (max_rrd_files)");
        }
    }

    fn follow(&mut self, alive: &Alive, news: &Receiver<News>) {
        loop {
            // On a shutdown nothing is rebuilt any more.
            let patience = self.files.patience(Instant::now()).map_or(LOOK_EVERY, |due| due.min(LOOK_EVERY));
            let patience = (!self.shutdown.is_cancelled()).then_some(patience);
            let first = alive.wait(|| match patience {
                Some(patience) => news.recv_timeout(patience),
                None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
            });
            let ends = matches!(first, Err(RecvTimeoutError::Disconnected));
            let now = Instant::now();
            for news in first.into_iter().chain(news.try_iter()) {
                self.take_in(alive, news, now);
            }
            while let Some((meter, minutes)) = if ends { self.files.waiting() } else { self.files.due(now) } {
                alive.step();
                self.append(&meter, minutes);
            }
            if ends {
                return;
            }
            if now.duration_since(self.looked) >= LOOK_EVERY {
                self.looked = now;
                if let Err(error) = self.look() {
                    static PACE: LogPace = LogPace::new();
                    if PACE.due().is_some() {
                        tracing::warn!("looking for corrections: {error:#}");
                    }
                }
            }
            self.rebuild_outdated(alive);
        }
    }

    fn take_in(&mut self, alive: &Alive, news: News, now: Instant) {
        match news {
            News::Recorded(recorded) => {
                for (meter, minutes) in recorded {
                    if !self.files.is_there(&meter) {
                        self.begin(&meter);
                    }
                    self.files.wait(meter, minutes, now);
                }
            }
            News::Begun(meters) => {
                for meter in meters {
                    alive.step();
                    self.take_up(meter);
                }
            }
            News::Ended(meters) => {
                for meter in meters {
                    self.files.remove(&meter);
                    self.remove_file(&meter);
                }
                self.files.count_anew();
            }
        }
    }

    /// Goes on with a file if it says what the ledger says.
    fn take_up(&mut self, meter: Meter) {
        if self.files.is_there(&meter) {
            return self.files.doubt(&meter);
        }
        if !MeterDatabase::path(&self.rrd_dir, &meter).exists() {
            return self.begin(&meter);
        }
        let known = self.ledger.meter(&meter).map_err(anyhow::Error::from);
        let checked = known.and_then(|known| known.map_or(Ok(None), |known| self.checked(&known)));
        let trusted = checked.unwrap_or_else(|error| {
            tracing::warn!(%meter, "{error:#}");
            None
        });
        self.files.hold(meter, trusted);
    }

    /// Has the files of meters made anew of which a correction was said or undone, and deletes those of meters that
    /// were forgotten.
    fn look(&mut self) -> anyhow::Result<()> {
        for (meter, edition) in self.ledger.correction_editions()? {
            if self.corrected.insert(meter.clone(), edition) != Some(edition) {
                self.files.doubt(&meter);
            }
        }
        for moved in self.ledger.forgotten_after(self.forgotten)? {
            // What it is now is drawn from all that it has.
            let Some(now) = moved.moved_to else { continue };
            if self.files.is_there(&now) {
                self.files.doubt(&now);
            } else if self.is_called(&now)? && (!self.ledger.is_shared() || self.files.is_there(&moved.meter))
            {
                self.begin(&now);
            }
        }
        self.forget()
    }

    /// Deletes the files of names that are gone.
    fn forget(&mut self) -> anyhow::Result<()> {
        for forgotten in self.ledger.forgotten_after(self.forgotten)? {
            self.forgotten = forgotten.id;
            // It may have come again.
            if self.is_called(&forgotten.meter)? {
                self.files.doubt(&forgotten.meter);
                continue;
            }
            self.files.remove(&forgotten.meter);
            self.remove_file(&forgotten.meter);
        }
        Ok(())
    }

    fn remove_file(&self, meter: &Meter) {
        let file = MeterDatabase::path(&self.rrd_dir, meter);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(file = %file.display(), %error, "the file of a meter that is not recorded here stays");
            }
            _ => {}
        }
    }

    /// Whether there is a meter that is called so now.
    fn is_called(&self, meter: &Meter) -> anyhow::Result<bool> {
        Ok(self.ledger.meter(meter)?.is_some_and(|known| known.meter == *meter))
    }

    fn append(&mut self, meter: &Meter, mut minutes: Vec<(Minute, u32)>) {
        let Some(database) = self.files.get(meter) else { return };
        let latest = latest();
        if self.ahead.get(meter).is_some_and(|last| *last <= latest) {
            self.ahead.remove(meter);
            self.files.doubt(meter);
            return;
        }
        let ahead = minutes.iter().map(|(minute, _)| *minute).filter(|minute| *minute > latest).max();
        if let Some(minute) = ahead {
            minutes.retain(|(minute, _)| *minute <= latest);
            if self.ahead.insert(meter.clone(), minute).is_none() {
                tracing::warn!(%meter, %minute, "minutes from the future; no picture shows them yet");
            }
        }
        match appended(database, &mut minutes, latest) {
            Ok(Appended::Stored) => return,
            Ok(Appended::Late(minute) | Appended::TooFarAhead(minute)) => {
                tracing::debug!(%meter, %minute, "a minute out of order; rebuilding the RRD file");
            }
            Err(error) => tracing::warn!(%meter, %error, "rebuilding the RRD file"),
        }
        self.files.doubt(meter);
    }

    fn rebuild_outdated(&mut self, alive: &Alive) {
        let began = Instant::now();
        while let Some(meter) = self.files.doubtful(Instant::now()) {
            if self.shutdown.is_cancelled() || began.elapsed() >= AT_A_TIME {
                return;
            }
            alive.step();
            match self.rebuilt(&meter).with_context(|| format!("rebuilding the RRD file of {meter}")) {
                Ok(database) => self.files.rebuilt(&meter, database, Instant::now()),
                Err(error) => {
                    tracing::error!("{error:#}; next try in {RETRY:?}");
                    self.files.rebuilt(&meter, None, Instant::now());
                }
            }
        }
    }

    /// A new file from the ledger; none while the ledger has no minute for it.
    fn rebuilt(&self, meter: &Meter) -> anyhow::Result<Option<MeterDatabase>> {
        let known = self.ledger.meter(meter)?.filter(|known| known.meter == *meter);
        let Some(known) = known else { return Ok(None) };
        let minutes = self.minutes(&known)?;
        let Some(&(first, _)) = minutes.first() else { return Ok(None) };
        std::fs::create_dir_all(&self.rrd_dir)?;
        Ok(Some(MeterDatabase::rebuild(&self.rrd_dir, meter, first, minutes)?))
    }

    /// What the archive should hold: the last leap year up to now.
    fn minutes(&self, known: &RecordedMeter) -> anyhow::Result<Vec<(Minute, u32)>> {
        let newest = self.ledger.newest(known)?.map(|newest| newest.minute);
        let minutes = self.ledger.minutes(known, MeterDatabase::span(newest, latest()))?;
        Ok(minutes.into_iter().map(|minute| (minute.minute, minute.pulses)).collect())
    }
}

/// The latest minute that can have happened.
fn latest() -> Minute {
    Minute::nearest(daemon_runtime::now().as_second() / Minute::SECONDS + AHEAD)
}

/// Appends what the file does not have yet: one that was rebuilt meanwhile has it.
fn appended(
    database: &MeterDatabase,
    minutes: &mut Vec<(Minute, u32)>,
    latest: Minute,
) -> Result<Appended, DatabaseError> {
    if !minutes.is_sorted_by(|one, next| one.0 < next.0) {
        minutes.sort_unstable();
    }
    let outcome = database.append(minutes, latest)?;
    let (Appended::Late(_), Some((first, _))) = (outcome, minutes.first().copied()) else {
        return Ok(outcome);
    };
    let end = Minute::nearest(database.last()?.epoch_minutes() + 1);
    let stored: HashMap<_, _> = database.fetch(first..end)?.into_iter().collect();
    minutes.retain(|(minute, pulses)| stored.get(minute) != Some(&f64::from(*pulses)));
    database.append(minutes, latest)
}
