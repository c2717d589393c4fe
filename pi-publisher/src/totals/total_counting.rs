//! From a counter's totals to the outbox: one thread a meter, because what is counted is stored in files.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use daemon_runtime::{Alive, Clocks, LogPace, OwnerThread, TrustedClock};
use flume::{Receiver, RecvTimeoutError, Sender};
use meter_messages::{MeterConstant, MeterId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::counting::CurrentValues;
use crate::interim::Resumed;
use crate::outbox_keeper::{Command, Counted};
use crate::pulse_counter::{FinishedMinute, PulseCounter};
use crate::pulse_source::SourceTime;
use crate::totals::heard::Heard;
use crate::totals::total_counter::{Booking, Limits, Reading, TotalCounter, Verdict};
use crate::unkept::{Keeping, Unkept};

/// How long is waited for a message before the values of now are looked at.
const WAIT: Duration = Duration::from_millis(500);
/// After this time without a word, nobody knows what a counter counts now.
const SILENT_AFTER: Duration = Duration::from_secs(900);
/// A power that was said counts no longer than this.
const RATE_FOR: Duration = Duration::from_secs(300);

/// One meter's way from totals to finished minutes.
#[derive(Debug)]
pub struct TotalCounting {
    meter: usize,
    id: MeterId,
    heard: Receiver<Heard>,
    counter: TotalCounter,
    minutes: PulseCounter,
    clock: TrustedClock,
    unkept: Unkept,
    growth: Growth,
    /// The power or flow that was said, and when.
    said: Option<(u32, Instant)>,
    /// Whether it was logged that there is none.
    is_without_rate: bool,
    /// What the counter called itself last.
    name: String,
    last_heard: Option<Instant>,
    reading: CurrentValues,
    readings: watch::Sender<CurrentValues>,
}

/// What [`TotalCounting`] has to know of its meter.
#[derive(Debug)]
pub struct OfMeter {
    /// Its place among the publisher's meters.
    pub place: usize,
    /// Its id.
    pub id: MeterId,
    /// The meter constant of its pulses.
    pub constant: MeterConstant,
    /// What it counts, in words that another counter does not have.
    pub source: String,
    /// What its totals can be.
    pub limits: Limits,
    /// Whether minutes wait for a synchronised clock.
    pub wait_for_sync: bool,
}

impl TotalCounting {
    /// Prepares to count where an earlier run stopped.
    pub fn new(
        heard: Receiver<Heard>,
        resumed: Resumed,
        keeping: Keeping,
        meter: OfMeter,
    ) -> (Self, watch::Receiver<CurrentValues>) {
        let unkept = Unkept::new(keeping, &resumed);
        let reading =
            CurrentValues { total: resumed.total, clock: "unsynchronised", ..CurrentValues::default() };
        let (readings, newest) = watch::channel(reading.clone());
        let counting = Self {
            meter: meter.place,
            id: meter.id,
            heard,
            counter: TotalCounter::new(
                meter.source,
                meter.constant.millionths(),
                meter.limits,
                resumed.counter,
            ),
            minutes: PulseCounter::new(SourceTime(0), resumed.last_minute, resumed.in_progress),
            clock: TrustedClock::new(meter.wait_for_sync, resumed.utc_of_boot_ns),
            unkept,
            growth: Growth::default(),
            said: None,
            is_without_rate: false,
            name: String::new(),
            last_heard: None,
            reading,
            readings,
        };
        (counting, newest)
    }

    /// Counts in a thread of its own until `shutdown`.
    pub fn spawn(
        mut self,
        keeper: Sender<Command>,
        shutdown: CancellationToken,
    ) -> std::io::Result<OwnerThread> {
        OwnerThread::spawn(format!("meter {}", self.id), move |alive| {
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
            match alive.wait(|| self.heard.recv_timeout(WAIT)) {
                Ok(heard) => self.hear(heard, keeper)?,
                Err(RecvTimeoutError::Timeout) => {}
                // Nobody listens any more: the publisher is about to stop.
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.show()?;
        }
        Ok(())
    }

    fn hand_over(&self, finished: Vec<FinishedMinute>, keeper: &Sender<Command>) {
        let (in_progress, counter) = (self.minutes.in_progress(), self.counter.state().cloned());
        // As of a contact: where the keeper is gone, the next run finds all of it where it was kept.
        let _ = keeper.send(Command::Counted(Counted { meter: self.meter, finished, in_progress, counter }));
    }

    fn hear(&mut self, heard: Heard, keeper: &Sender<Command>) -> anyhow::Result<()> {
        match heard {
            Heard::Rate(rate) => {
                self.said = Some((rate, Instant::now()));
                self.is_without_rate = false;
            }
            Heard::WithoutRate(why) => {
                if !std::mem::replace(&mut self.is_without_rate, true) {
                    tracing::warn!(meter = %self.id, "its power cannot be read, so the live value follows from its total: {why}");
                }
            }
            Heard::Name(name) => {
                if self.name.is_empty() {
                    tracing::info!(meter = %self.id, name, "the counter says which one it is");
                }
                self.name.clone_from(&name);
                self.counter.call(name);
            }
            Heard::Without(what) => {
                static PACE: LogPace = LogPace::new();
                if self.last_heard.is_none()
                    && let Some(left_out) = PACE.due()
                {
                    tracing::warn!(meter = %self.id, left_out, "no total of it yet: {what}");
                }
            }
            Heard::Unreadable(error) => {
                static PACE: LogPace = LogPace::new();
                self.reading.rejected += 1;
                if let Some(left_out) = PACE.due() {
                    tracing::warn!(meter = %self.id, left_out, "no total: {error}");
                }
            }
            Heard::Total(total, retained) => {
                let clocks = Clocks::now()?;
                // Without the time nothing is booked: what is used meanwhile is in the next total.
                if let Some(offset_ns) = self.clock.utc_offset_ns(&clocks) {
                    let reading = Reading { at_ns: clocks.monotonic_ns + offset_ns, total, retained };
                    self.take(reading, keeper);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, reading: Reading, keeper: &Sender<Command>) {
        let (verdict, bookings) = self.counter.take(reading);
        self.say(verdict, reading);
        let mut finished = Vec::new();
        for Booking { span, pulses, watched } in bookings {
            finished.extend(self.minutes.spread(&span, pulses, watched.part()));
            self.reading.total += pulses;
        }
        // From here on a kill loses none of it.
        self.unkept.add(&finished);
        self.unkept.interim.in_progress = self.minutes.in_progress();
        self.unkept.interim.counter = self.counter.state().cloned();
        self.unkept.store(&self.clock);
        if !finished.is_empty() {
            self.hand_over(finished, keeper);
        }
    }

    /// Says what became of a total, and looks how it grows.
    fn say(&mut self, verdict: Verdict, reading: Reading) {
        let meter = &self.id;
        match verdict {
            Verdict::GoesOn => {}
            Verdict::Begins => {
                tracing::info!(%meter, "the counter's first total; from here on it is counted");
            }
            Verdict::Doubtful if reading.retained => {}
            Verdict::Doubtful => {
                self.reading.rejected += 1;
                tracing::debug!(%meter, reading.total, "a total that does not go on from the last one waits for the next");
            }
            Verdict::BeganAnew => {
                tracing::warn!(%meter, "the counter has begun at 0 again; what it counted shortly before is not known");
            }
            Verdict::Another => tracing::warn!(
                %meter,
                "the total was set, or is another counter's: counting goes on from it (if it was used, max_power_w or max_flow_l_h is too low)"
            ),
            Verdict::Exchanged => tracing::warn!(
                %meter,
                name = self.name,
                "it is another counter than before: counting goes on from its total"
            ),
            Verdict::IsBack => tracing::info!(%meter, "the counter goes on from its earlier total"),
        }
        if !reading.retained {
            self.last_heard = Some(Instant::now());
            match verdict {
                Verdict::GoesOn => self.growth.take(reading.at_ns, reading.total),
                Verdict::Doubtful => {}
                _ => self.growth = Growth::default(),
            }
        }
    }

    /// Shows the values of now.
    fn show(&mut self) -> std::io::Result<()> {
        let clocks = Clocks::now()?;
        let now_ns = self.clock.utc_offset_ns(&clocks).map(|offset_ns| clocks.monotonic_ns + offset_ns);
        self.reading.broken = self.counter.state().and_then(|state| state.broken);
        self.reading.clock = if clocks.synchronised { "synchronised" } else { "unsynchronised" };
        let is_heard = self.last_heard.is_some_and(|at| at.elapsed() < SILENT_AFTER);
        self.reading.live = is_heard && self.counter.state().is_some();
        let said = self.said.filter(|(_, at)| at.elapsed() < RATE_FOR).map(|(rate, _)| rate);
        self.reading.rate = said.or_else(|| self.growth.rate(now_ns?)).filter(|_| is_heard);
        self.readings.send_replace(self.reading.clone());
        Ok(())
    }
}

/// How a total grows, for a counter that does not say its power. Pure.
#[derive(Debug, Default)]
struct Growth(VecDeque<(i64, i64)>);

impl Growth {
    /// Over about this time.
    const OVER_NS: i64 = 60_000_000_000;
    /// Totals that are remembered.
    const MOST: usize = 100;

    /// Takes a total; one that is the same again says nothing new.
    fn take(&mut self, at_ns: i64, total: i64) {
        if self.0.back().is_some_and(|(_, last)| total <= *last) {
            return;
        }
        self.0.push_back((at_ns, total));
        let is_old = |points: &VecDeque<(i64, i64)>| {
            points.len() > Self::MOST || points.get(1).is_some_and(|(at, _)| at_ns - at >= Self::OVER_NS)
        };
        while is_old(&self.0) {
            self.0.pop_front();
        }
    }

    /// The power in W or flow in l/h: as for pulses, the next step comes now at the earliest.
    fn rate(&self, now_ns: i64) -> Option<u32> {
        let ((from, first), (until, last)) = (self.0.front()?, self.0.back()?);
        let passed = (until - from).max(now_ns - until);
        (until > from).then(|| ((last - first) as f64 * 3_600_000.0 / passed as f64).round() as u32)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn power_is_how_a_total_grows() {
        const S: i64 = 1_000_000_000;
        let mut growth = Growth::default();
        growth.take(0, 5_000_000);
        assert_eq!(growth.rate(S), None);
        // 0.1 Wh in 10 s are 36 W.
        for second in (10..=200).step_by(10) {
            growth.take(second * S, 5_000_000 + second * 10_000);
        }
        assert_eq!(growth.rate(200 * S), Some(36));
        assert_eq!(growth.0.len(), 7, "a minute of it");
        growth.take(210 * S, 5_000_000 + 200 * 10_000);
        assert_eq!(growth.rate(320 * S), Some(18), "the next step is late");
    }
}
