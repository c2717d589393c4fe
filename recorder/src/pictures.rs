//! The one thread that owns the RRD files: what the pictures are drawn from.
//!
//! They are derived from the ledger. Whatever is doubtful about a file (late
//! minutes, damage, a difference found at the start) ends in making it anew.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use daemon_runtime::{Alive, OwnerThread};
use flume::{Receiver, RecvTimeoutError, Sender};
use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::{Meter, Minute, PulseCount};
use meter_rrd::{Appended, MeterDatabase};
use tokio_util::sync::CancellationToken;

/// A publisher's clock may be ahead of ours by so much; a minute further ahead
/// is in the ledger, but would push a year of others out of the archive.
const AHEAD: i64 = 5;

/// How often rebuilding a file is retried.
const RETRY: Duration = Duration::from_secs(30);

/// A minute that is in the ledger now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its meter.
    pub meter: Meter,
    /// The minute.
    pub minute: Minute,
    /// Its pulses.
    pub pulses: u32,
}

impl Recorded {
    pub(crate) fn of(meter: &Meter, count: &PulseCount) -> Self {
        Self { meter: meter.clone(), minute: count.minute, pulses: count.pulses }
    }
}

/// The thread's state.
pub struct Pictures {
    ledger: Ledger,
    rrd_dir: PathBuf,
    /// `None` for a meter whose file has to be rebuilt.
    databases: HashMap<Meter, Option<MeterDatabase>>,
    /// Meters with minutes from the future, and the last of them: what they lack
    /// is made good when its time has come.
    ahead: HashMap<Meter, Minute>,
    shutdown: CancellationToken,
}

impl Pictures {
    /// Draws on `ledger` (a reader of its own). On `shutdown` long work is left:
    /// the next start checks everything.
    pub fn new(ledger: Ledger, rrd_dir: PathBuf, shutdown: CancellationToken) -> Self {
        Self { ledger, rrd_dir, databases: HashMap::new(), ahead: HashMap::new(), shutdown }
    }

    /// Checks every file against the ledger, then follows it until every sender
    /// is gone.
    pub fn spawn(mut self) -> std::io::Result<(Sender<Vec<Recorded>>, OwnerThread)> {
        let (sender, recorded) = flume::unbounded();
        let thread = OwnerThread::spawn("pictures", move |alive| {
            if let Err(error) = self.check_all(alive) {
                tracing::error!("checking the RRD files: {error:#}");
            }
            self.follow(alive, &recorded);
            Ok(())
        })?;
        Ok((sender, thread))
    }

    fn check_all(&mut self, alive: &Alive) -> anyhow::Result<()> {
        for known in self.ledger.meters()? {
            alive.step();
            if self.shutdown.is_cancelled() {
                return Ok(());
            }
            let trusted = self.checked(&known).unwrap_or_else(|error| {
                tracing::warn!(meter = %known.meter, "{error:#}");
                None
            });
            self.databases.insert(known.meter, trusted);
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

    fn follow(&mut self, alive: &Alive, recorded: &Receiver<Vec<Recorded>>) {
        loop {
            let doubtful = self.databases.values().any(Option::is_none);
            let first = alive.wait(|| match doubtful {
                true => recorded.recv_timeout(RETRY),
                false => recorded.recv().map_err(|_| RecvTimeoutError::Disconnected),
            });
            if matches!(first, Err(RecvTimeoutError::Disconnected)) {
                return;
            }
            let mut of_meter: BTreeMap<Meter, Vec<(Minute, u32)>> = BTreeMap::new();
            for Recorded { meter, minute, pulses } in first.into_iter().chain(recorded.try_iter()).flatten() {
                of_meter.entry(meter).or_default().push((minute, pulses));
            }
            for (meter, minutes) in of_meter {
                self.append(&meter, &minutes);
            }
            self.rebuild_outdated(alive);
        }
    }

    fn append(&mut self, meter: &Meter, minutes: &[(Minute, u32)]) {
        // A meter that is not known yet, or whose file is in doubt: rebuilt.
        let Some(Some(database)) = self.databases.get(meter) else {
            self.databases.insert(meter.clone(), None);
            return;
        };
        let latest = latest();
        if self.ahead.get(meter).is_some_and(|last| *last <= latest) {
            self.ahead.remove(meter);
            self.databases.insert(meter.clone(), None);
            return;
        }
        let (minutes, ahead): (Vec<_>, Vec<_>) = minutes.iter().partition(|(minute, _)| *minute <= latest);
        if let Some((minute, _)) = ahead.into_iter().max()
            && self.ahead.insert(meter.clone(), minute).is_none()
        {
            tracing::warn!(%meter, %minute, "minutes from the future; no picture shows them yet");
        }
        let Some((first, _)) = minutes.first().copied() else { return };
        let ascending = minutes.is_sorted_by(|one, next| one.0 < next.0);
        match if ascending { database.append(&minutes, latest) } else { Ok(Appended::Late(first)) } {
            Ok(Appended::Stored) => return,
            Ok(Appended::Late(minute) | Appended::TooFarAhead(minute)) => {
                tracing::debug!(%meter, %minute, "a minute out of order; rebuilding the RRD file");
            }
            Err(error) => tracing::warn!(%meter, %error, "rebuilding the RRD file"),
        }
        self.databases.insert(meter.clone(), None);
    }

    fn rebuild_outdated(&mut self, alive: &Alive) {
        let doubtful: Vec<Meter> = self
            .databases
            .iter()
            .filter(|(_, database)| database.is_none())
            .map(|(meter, _)| meter.clone())
            .collect();
        for meter in doubtful {
            if self.shutdown.is_cancelled() {
                return;
            }
            alive.step();
            match self.rebuilt(&meter).with_context(|| format!("rebuilding the RRD file of {meter}")) {
                Ok(database) => {
                    self.databases.insert(meter, database);
                }
                Err(error) => tracing::error!("{error:#}; next try in {RETRY:?}"),
            }
        }
    }

    /// A new file from the ledger; none while the ledger has no minute for it.
    fn rebuilt(&self, meter: &Meter) -> anyhow::Result<Option<MeterDatabase>> {
        let Some(known) = self.ledger.meter(meter)? else { return Ok(None) };
        let minutes = self.minutes(&known)?;
        let Some(&(first, _)) = minutes.first() else { return Ok(None) };
        std::fs::create_dir_all(&self.rrd_dir)?;
        Ok(Some(MeterDatabase::rebuild(&self.rrd_dir, meter, first, minutes)?))
    }

    /// What the archive should hold: the last leap year up to now.
    fn minutes(&self, known: &RecordedMeter) -> anyhow::Result<Vec<(Minute, u32)>> {
        let end = Minute::nearest(latest().epoch_minutes() + 1);
        let newest = self.ledger.newest(known)?.map_or(end, |newest| newest.minute.min(end));
        let start = Minute::nearest(newest.epoch_minutes() - MeterDatabase::MINUTES + 1);
        let minutes = self.ledger.minutes(known, start..end)?;
        Ok(minutes.into_iter().map(|minute| (minute.minute, minute.pulses)).collect())
    }
}

/// The latest minute that can have happened.
fn latest() -> Minute {
    Minute::nearest(daemon_runtime::now().as_second() / Minute::SECONDS + AHEAD)
}
