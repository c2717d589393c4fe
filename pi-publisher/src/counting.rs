//! From a source to the outbox: one thread a meter, because waiting for a line
//! blocks.

use std::os::fd::BorrowedFd;

use daemon_runtime::{Alive, Clocks, OwnerThread, TrustedClock};
use flume::Sender;
use meter_messages::{MeterConstant, MeterId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::bounce_filter::{BounceFilter, BounceSettings, Filtered};
use crate::interim::{LineProgress, Resumed, Waiting};
use crate::outbox_keeper::{Command, Counted};
use crate::power::PulseSpacing;
use crate::pulse_counter::{FinishedMinute, PulseCounter};
use crate::pulse_source::{LineRequest, PulseSource, SourceClock, SourceTime, Watched};
use crate::totals::counter_state::Broken;
use crate::unkept::{Keeping, Unkept};

/// A source that is further behind than this runs through its past, and has no
/// live value.
const LIVE_WITHIN_NS: i64 = 5_000_000_000;

/// A meter's current values.
#[derive(Debug, Clone, Default)]
pub struct CurrentValues {
    /// Pulses since the meter was set up.
    pub total: u64,
    /// Power in W or flow in l/h, from pulse spacing.
    pub rate: Option<u32>,
    /// Whether this is now, and not a simulation's past.
    pub live: bool,
    /// Closings that were too short for a pulse, since the publisher started.
    pub rejected: u64,
    /// Edges that the kernel dropped, since the publisher started.
    pub lost_edges: u64,
    /// Pulse widths of the last finished minute.
    pub widths: Option<Widths>,
    /// The clock: `synchronised`, `unsynchronised` or `simulated`.
    pub clock: &'static str,
    /// When a counter of others last did not go on from where it was.
    pub broken: Option<Broken>,
}

/// Widths of some pulses, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Widths {
    /// The shortest.
    pub min_ns: i64,
    /// The longest.
    pub max_ns: i64,
    /// All together.
    pub sum_ns: i64,
    /// How many there were.
    pub pulses: u32,
}

impl Widths {
    fn with(collected: Option<Self>, ns: i64) -> Option<Self> {
        let before = collected.unwrap_or(Self { min_ns: i64::MAX, max_ns: 0, sum_ns: 0, pulses: 0 });
        Some(Self {
            min_ns: before.min_ns.min(ns),
            max_ns: before.max_ns.max(ns),
            sum_ns: before.sum_ns.saturating_add(ns),
            pulses: before.pulses + 1,
        })
    }
}

/// One meter's way from edges to finished minutes.
pub struct Counting {
    meter: usize,
    source: Box<dyn PulseSource>,
    filter: BounceFilter,
    counter: PulseCounter,
    spacing: PulseSpacing,
    constant: MeterConstant,
    clock: TrustedClock,
    /// Widths of the minute in progress.
    widths: Option<Widths>,
    unkept: Unkept,
    reading: CurrentValues,
    readings: watch::Sender<CurrentValues>,
}

/// What [`Counting`] has to know of its meter.
#[derive(Debug, Clone, Copy)]
pub struct Constants {
    /// Its place among the publisher's meters.
    pub meter: usize,
    /// The meter constant.
    pub constant: MeterConstant,
    /// What a pulse must look like.
    pub bounce: BounceSettings,
    /// Whether minutes wait for a synchronised clock.
    pub wait_for_sync: bool,
}

impl Counting {
    /// Prepares to count where an earlier run stopped.
    pub fn new(
        source: Box<dyn PulseSource>,
        resumed: Resumed,
        keeping: Keeping,
        constants: Constants,
    ) -> (Self, watch::Receiver<CurrentValues>) {
        let (began, contact) = source.began();
        let unkept = Unkept::new(keeping, &resumed);
        let kept =
            resumed.line.filter(|line| source.request().is_some_and(|request| request.id == line.request.id));
        let watched_from = kept.as_ref().map_or(began, |line| line.counted_until);
        let filter = match kept {
            Some(line) => BounceFilter::resume(constants.bounce, line.filter),
            None => BounceFilter::new(constants.bounce, began, contact),
        };
        let reading = CurrentValues { total: resumed.total, ..CurrentValues::default() };
        let (readings, newest) = watch::channel(reading.clone());
        let mut counter = PulseCounter::new(watched_from, resumed.last_minute, resumed.in_progress);
        if let Some(waiting) = resumed.waiting {
            counter = counter.after(waiting.stretches);
        }
        let mut counting = Self {
            meter: constants.meter,
            source,
            filter,
            counter,
            spacing: PulseSpacing::default(),
            constant: constants.constant,
            clock: TrustedClock::new(constants.wait_for_sync, resumed.utc_of_boot_ns),
            widths: None,
            unkept,
            reading,
            readings,
        };
        // Before anybody else gets to know the line's request.
        counting.keep(&[]);
        (counting, newest)
    }

    /// The line's request and its descriptor, where they can be kept for the next
    /// run.
    pub fn line(&self) -> Option<(LineRequest, BorrowedFd<'_>)> {
        self.source.request().zip(self.source.descriptor())
    }

    /// Counts in a thread of its own until `shutdown`, or until the source
    /// fails; hands the minute in progress over at the end in either case.
    pub fn spawn(
        mut self,
        id: &MeterId,
        keeper: Sender<Command>,
        shutdown: CancellationToken,
    ) -> std::io::Result<OwnerThread> {
        OwnerThread::spawn(format!("meter {id}"), move |alive| {
            if !self.unkept.interim.finished.is_empty() {
                self.hand_over(self.unkept.interim.finished.clone(), &keeper);
            }
            let outcome = self.run(alive, &keeper, &shutdown);
            self.hand_over(Vec::new(), &keeper);
            outcome
        })
    }

    fn run(
        &mut self,
        alive: &Alive,
        keeper: &Sender<Command>,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<()> {
        while !shutdown.is_cancelled() {
            alive.step();
            let watched = self.source.watch()?;
            let finished = self.step(&watched)?;
            if !finished.is_empty() {
                self.hand_over(finished, keeper);
            }
        }
        // A pulse that has begun is ours: after a restart it would be found on,
        // and taken for one that was counted.
        while self.filter.is_closing() {
            alive.step();
            let watched = self.source.watch()?;
            let finished = self.step(&watched)?;
            self.hand_over(finished, keeper);
        }
        Ok(())
    }

    fn hand_over(&self, finished: Vec<FinishedMinute>, keeper: &Sender<Command>) {
        let in_progress = self.counter.in_progress();
        let counted = Counted { meter: self.meter, finished, in_progress, counter: None };
        // The keeper outlives all who count; where it is gone, this process is about to end, and the
        // next one finds these minutes where `keep` has put them.
        let _ = keeper.send(Command::Counted(counted));
    }

    /// One report of the source, through filter and counter.
    fn step(&mut self, watched: &Watched) -> std::io::Result<Vec<FinishedMinute>> {
        let filtered = self.filter.take(&watched.edges, watched.until);
        let (utc_offset_ns, clock, now) = self.time()?;
        let pulses: Vec<SourceTime> = filtered.pulses.iter().map(|pulse| pulse.at).collect();
        let mut pulses = pulses.as_slice();
        for unwatched in &watched.unwatched {
            let before = pulses.partition_point(|pulse| *pulse < unwatched.start);
            self.counter.pass_over(&pulses[..before], unwatched);
            pulses = &pulses[before..];
        }
        let finished = self.counter.count(pulses, filtered.settled, utc_offset_ns);
        self.keep(&finished);
        if !watched.unwatched.is_empty() {
            self.spacing.interrupt();
        }
        self.note(&filtered, !finished.is_empty());
        self.reading.clock = clock;
        self.reading.live = now.since(watched.until) < LIVE_WITHIN_NS;
        self.reading.rate = self.spacing.rate(watched.until, self.constant);
        self.readings.send_replace(self.reading.clone());
        Ok(finished)
    }

    /// Stores what is not in the outbox yet, before it is reported: from here on a kill
    /// loses none of it.
    fn keep(&mut self, finished: &[FinishedMinute]) {
        self.unkept.add(finished);
        let (boot, interim) = (&self.unkept.boot, &mut self.unkept.interim);
        interim.in_progress = self.counter.in_progress();
        let stretches = self.counter.waiting();
        interim.waiting = (!stretches.is_empty()).then(|| Waiting { boot: boot.clone(), stretches });
        interim.line = self.source.request().map(|request| LineProgress {
            boot: boot.clone(),
            request,
            filter: self.filter.state(),
            counted_until: self.counter.watched_until(),
        });
        self.unkept.store(&self.clock);
    }

    fn note(&mut self, filtered: &Filtered, minute_is_over: bool) {
        for pulse in &filtered.pulses {
            if pulse.stamped { self.spacing.pulse(pulse.at) } else { self.spacing.interrupt() }
        }
        self.widths = filtered.widths.iter().fold(self.widths, |all, width| Widths::with(all, width.ns));
        self.reading.total += filtered.pulses.len() as u64;
        self.reading.rejected += u64::from(filtered.rejected);
        self.reading.lost_edges += u64::from(filtered.lost_edges);
        if minute_is_over {
            self.reading.widths = self.widths.take();
        }
    }

    /// What to add for UTC (nothing while the clock is not trusted), what to
    /// call the clock, and now on the source's clock.
    fn time(&mut self) -> std::io::Result<(Option<i64>, &'static str, SourceTime)> {
        let clocks = Clocks::now()?;
        let monotonic = SourceTime(clocks.monotonic_ns);
        Ok(match self.source.clock() {
            SourceClock::Utc => (Some(0), "simulated", monotonic.plus_ns(clocks.utc_offset_ns)),
            SourceClock::Monotonic => {
                let utc_offset_ns = self.clock.utc_offset_ns(&clocks);
                let clock = if clocks.synchronised { "synchronised" } else { "unsynchronised" };
                (utc_offset_ns, clock, monotonic)
            }
        })
    }
}
