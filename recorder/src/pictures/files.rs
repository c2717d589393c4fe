//! Which meters have files, which of them are to be written or rebuilt, and when. Pure.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use daemon_runtime::Shares;
use meter_messages::{Meter, Minute, SiteId};
use meter_rrd::MeterDatabase;

/// How often rebuilding a file is retried.
pub(super) const RETRY: Duration = Duration::from_secs(30);

/// How often a file is written at most.
const EVERY: Duration = Duration::from_secs(10);

/// The file of one meter.
struct OneFile {
    /// `None` if it has to be rebuilt.
    database: Option<MeterDatabase>,
    /// When it may be written again.
    rests_until: Instant,
    /// What is to be written.
    waiting: Vec<(Minute, u32)>,
    /// When it is to be rebuilt.
    rebuild_at: Instant,
}

/// The files of all meters that have one.
pub(super) struct Files {
    max_files: usize,
    shares: Shares<SiteId>,
    files: HashMap<Meter, OneFile>,
    /// Those of which something waits, by when it may be written.
    queue: BTreeSet<(Instant, Meter)>,
    /// Those that have to be rebuilt, by when that is tried.
    doubtful: BTreeSet<(Instant, Meter)>,
}

impl Files {
    /// None yet, and at most so many.
    pub(super) fn new(max_files: usize) -> Self {
        let (queue, doubtful) = (BTreeSet::new(), BTreeSet::new());
        Self { max_files, shares: Shares::new(max_files), files: HashMap::new(), queue, doubtful }
    }

    pub(super) fn is_there(&self, meter: &Meter) -> bool {
        self.files.contains_key(meter)
    }

    /// The file of a meter, unless it is to be rebuilt.
    pub(super) fn get(&self, meter: &Meter) -> Option<&MeterDatabase> {
        self.files.get(meter)?.database.as_ref()
    }

    /// One that is there already; `None` if it has to be rebuilt.
    pub(super) fn hold(&mut self, meter: Meter, database: Option<MeterDatabase>) {
        self.shares.hold(&meter.site);
        self.insert(meter, database);
    }

    /// One that is to be made; false if there may be no more.
    pub(super) fn take(&mut self, meter: &Meter) -> bool {
        let takes = self.shares.take(&meter.site);
        if takes {
            self.insert(meter.clone(), None);
        }
        takes
    }

    fn insert(&mut self, meter: Meter, database: Option<MeterDatabase>) {
        let now = Instant::now();
        if database.is_none() {
            self.doubtful.insert((now, meter.clone()));
        }
        let file = OneFile { database, rests_until: now, waiting: Vec::new(), rebuild_at: now };
        self.files.insert(meter, file);
    }

    /// Something is to be written. A file that has to be rebuilt will have it by that, now at the latest.
    pub(super) fn wait(&mut self, meter: Meter, mut minutes: Vec<(Minute, u32)>, now: Instant) {
        let Some(file) = self.files.get_mut(&meter) else { return };
        if file.database.is_none() {
            if file.rebuild_at > now && self.doubtful.remove(&(file.rebuild_at, meter.clone())) {
                file.rebuild_at = now;
                self.doubtful.insert((now, meter));
            }
            return;
        }
        if file.waiting.is_empty() {
            self.queue.insert((file.rests_until, meter));
        }
        file.waiting.append(&mut minutes);
    }

    /// What may be written now.
    pub(super) fn due(&mut self, now: Instant) -> Option<(Meter, Vec<(Minute, u32)>)> {
        self.queue.first().filter(|(at, _)| *at <= now)?;
        let (meter, minutes) = self.waiting()?;
        if let Some(file) = self.files.get_mut(&meter) {
            file.rests_until = now + EVERY;
        }
        Some((meter, minutes))
    }

    /// What waits longest.
    pub(super) fn waiting(&mut self) -> Option<(Meter, Vec<(Minute, u32)>)> {
        let (_, meter) = self.queue.pop_first()?;
        let minutes = self.files.get_mut(&meter).map(|file| std::mem::take(&mut file.waiting));
        Some((meter, minutes.unwrap_or_default()))
    }

    /// A file has to be rebuilt.
    pub(super) fn doubt(&mut self, meter: &Meter) {
        let Some(file) = self.files.get_mut(meter) else { return };
        let now = Instant::now();
        self.doubtful.remove(&(file.rebuild_at, meter.clone()));
        (file.database, file.rebuild_at) = (None, now);
        self.doubtful.insert((now, meter.clone()));
    }

    /// There is none any more.
    pub(super) fn remove(&mut self, meter: &Meter) {
        let Some(file) = self.files.remove(meter) else { return };
        self.doubtful.remove(&(file.rebuild_at, meter.clone()));
        self.queue.retain(|(_, waiting)| waiting != meter);
    }

    /// The places of those that are no more are free again.
    pub(super) fn count_anew(&mut self) {
        self.shares = Shares::new(self.max_files);
        self.files.keys().for_each(|meter| self.shares.hold(&meter.site));
    }

    /// One that is to be rebuilt now.
    pub(super) fn doubtful(&self, now: Instant) -> Option<Meter> {
        self.doubtful.first().filter(|(at, _)| *at <= now).map(|(_, meter)| meter.clone())
    }

    /// The one that was to be rebuilt was, or (`None`) is to be tried again later.
    pub(super) fn rebuilt(&mut self, meter: &Meter, database: Option<MeterDatabase>, now: Instant) {
        let Some(file) = self.files.get_mut(meter) else { return };
        self.doubtful.remove(&(file.rebuild_at, meter.clone()));
        if database.is_none() {
            file.rebuild_at = now + RETRY;
            self.doubtful.insert((file.rebuild_at, meter.clone()));
        }
        (file.database, file.rests_until) = (database, now + EVERY);
    }

    /// How long nothing has to be done; `None` if nothing waits.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let next = [self.queue.first(), self.doubtful.first()].into_iter().flatten().map(|(at, _)| *at).min();
        next.map(|at| at.saturating_duration_since(now))
    }
}
