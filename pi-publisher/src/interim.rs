//! What is counted and not in the outbox yet: the minute in progress, minutes
//! that wait for the disk, pulses that wait for the clock. Pure;
//! [`crate::safekeeping`] stores it.

use meter_messages::{Minute, OutboxId};
use serde::{Deserialize, Serialize};

use crate::bounce_filter::FilterState;
use crate::outbox::Account;
use crate::pulse_counter::{FinishedMinute, MinuteInProgress, Stretch};
use crate::pulse_source::{LineRequest, SourceTime};
use crate::totals::counter_state::CounterState;

/// How many minutes may wait for the outbox's disk and be kept here meanwhile: an
/// hour. Beyond that the last version stays.
pub const MOST_FINISHED: usize = 60;

/// One meter's count since its outbox was last written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interim {
    /// The outbox it belongs to.
    pub outbox: OutboxId,
    /// Finished minutes that may not be in the outbox yet, ascending.
    pub finished: Vec<FinishedMinute>,
    /// The minute in progress.
    pub in_progress: Option<MinuteInProgress>,
    /// What waits for a boot's first synchronisation.
    pub waiting: Option<Waiting>,
    /// The line's request, and how far it is counted.
    #[serde(default)]
    pub line: Option<LineProgress>,
    /// The UTC that was trusted.
    #[serde(default)]
    pub clock: Option<KnownClock>,
    /// Where the counter stands that its pulses are made of, if they are.
    #[serde(default)]
    pub counter: Option<CounterState>,
}

/// How far a line's request is counted: the next run continues there with its descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineProgress {
    /// The kernel's id of the boot.
    pub boot: String,
    /// The request.
    pub request: LineRequest,
    /// The bounce filter's state.
    pub filter: FilterState,
    /// Counted into minutes up to here.
    pub counted_until: SourceTime,
}

/// The UTC that was trusted in a boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownClock {
    /// The kernel's id of the boot.
    pub boot: String,
    /// UTC minus `CLOCK_BOOTTIME`.
    pub utc_of_boot_ns: i64,
}

/// What has no UTC yet. Its clock starts again with each boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The kernel's id of the boot.
    pub boot: String,
    /// What was watched, and the pulses in it.
    pub stretches: Vec<Stretch>,
}

/// Where counting continues.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resumed {
    /// Minutes that are still to be put into the outbox.
    pub finished: Vec<FinishedMinute>,
    /// Minutes up to this one are finished.
    pub last_minute: Option<Minute>,
    /// The minute that goes on.
    pub in_progress: Option<MinuteInProgress>,
    /// The total, including all of that.
    pub total: u64,
    /// What waits for the clock.
    pub waiting: Option<Waiting>,
    /// The line's request, if nothing is counted beyond it.
    pub line: Option<LineProgress>,
    /// The UTC that was trusted in this boot: UTC minus `CLOCK_BOOTTIME`.
    pub utc_of_boot_ns: Option<i64>,
    /// Where the counter stands that its pulses are made of, if they are.
    pub counter: Option<CounterState>,
}

impl Resumed {
    /// Everything up to here is counted, in nanoseconds of UTC since 1970.
    pub fn counted_until_utc_ns(&self) -> Option<i64> {
        let over = self.last_minute.map(|minute| minute.end() * 1_000_000_000);
        over.max(self.in_progress.map(|minute| minute.until_utc_ns))
    }

    /// How far it reaches: by minutes, and by what was heard of a counter since, which need not make one longer.
    fn reaches(&self) -> (Option<i64>, Option<i64>) {
        (self.counted_until_utc_ns(), self.counter.as_ref().map(|counter| counter.heard_ns))
    }
}

/// Combines the outbox with what was kept; `kept` may be older or newer than the
/// outbox. `boot` is the kernel's current one.
///
/// No minute is counted from both: minutes of an outbox ascend, so everything up
/// to the outbox's newest one is done, and only the one of the two that reaches
/// further has the minute in progress.
pub fn resume(account: &Account, kept: &[Interim], boot: &str) -> Resumed {
    let of_outbox = Resumed {
        finished: Vec::new(),
        last_minute: account.last_minute,
        in_progress: account.in_progress,
        counter: account.counter.clone(),
        ..Resumed::default()
    };
    let ours = kept.iter().filter(|interim| interim.outbox == account.outbox);
    let mut resumed = ours.map(|interim| interim.beyond(account)).fold(of_outbox, |reached, candidate| {
        if candidate.reaches() > reached.reaches() { candidate } else { reached }
    });
    let reached = resumed.counted_until_utc_ns();
    let newest = kept.iter().find(|interim| interim.outbox == account.outbox);
    resumed.line = newest
        .filter(|interim| interim.beyond(account).counted_until_utc_ns() >= reached)
        .and_then(|interim| interim.line.clone())
        .filter(|line| line.boot == boot);
    let clocks = kept.iter().filter_map(|interim| interim.clock.as_ref());
    resumed.utc_of_boot_ns =
        clocks.into_iter().find(|known| known.boot == boot).map(|known| known.utc_of_boot_ns);
    resumed.waiting = kept
        .iter()
        .filter(|interim| interim.outbox == account.outbox)
        .filter_map(|interim| interim.waiting.clone())
        .find(|waiting| waiting.boot == boot);
    let pulses = resumed.finished.iter().map(|minute| u64::from(minute.pulses)).sum::<u64>()
        + resumed.in_progress.map_or(0, |minute| u64::from(minute.pulses))
        + resumed
            .waiting
            .iter()
            .flat_map(|waiting| &waiting.stretches)
            .map(|one| one.pulses.len() as u64)
            .sum::<u64>();
    resumed.total = account.total + pulses;
    resumed
}

impl Interim {
    /// What it has that the outbox does not.
    fn beyond(&self, account: &Account) -> Resumed {
        let is_new = |minute: Minute| account.last_minute.is_none_or(|last| minute > last);
        let finished: Vec<_> = self.finished.iter().copied().filter(|minute| is_new(minute.minute)).collect();
        let last_minute = finished.last().map(|minute| minute.minute).max(account.last_minute);
        let in_progress = self.in_progress.filter(|minute| is_new(minute.minute));
        Resumed { finished, last_minute, in_progress, counter: self.counter.clone(), ..Resumed::default() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::outbox::{Entry, Outbox};

    fn minute(number: i64) -> Minute {
        Minute::from_epoch_minutes(29_000_000 + number).unwrap()
    }

    fn finished(number: i64, pulses: u32) -> FinishedMinute {
        FinishedMinute { minute: minute(number), watched_s: 60, pulses, times: None }
    }

    fn in_progress(number: i64, pulses: u32) -> Option<MinuteInProgress> {
        let until_utc_ns = (minute(number).start() + i64::from(pulses)) * 1_000_000_000;
        Some(MinuteInProgress { minute: minute(number), watched_ns: 0, pulses, until_utc_ns, times_ms: None })
    }

    /// An outbox that ends with these minutes and has that one in progress.
    fn account(minutes: &[FinishedMinute], going_on: Option<MinuteInProgress>) -> Account {
        let folder = tempfile::TempDir::new().unwrap();
        let mut outbox = Outbox::open(folder.path()).unwrap();
        let account = outbox.account(&"main".parse().unwrap(), 0).unwrap();
        let finished = minutes.to_vec();
        outbox.append(&mut [Entry { account, finished, in_progress: going_on }]).unwrap();
        outbox.account(&"main".parse().unwrap(), 0).unwrap()
    }

    fn interim(account: &Account, finished: &[FinishedMinute], now: Option<MinuteInProgress>) -> Interim {
        Interim {
            outbox: account.outbox.clone(),
            finished: finished.to_vec(),
            in_progress: now,
            waiting: None,
            line: None,
            clock: None,
            counter: None,
        }
    }

    #[test]
    fn what_is_kept_goes_on_where_the_outbox_ends() {
        let account = account(&[finished(1, 10)], in_progress(2, 3));
        let kept = interim(&account, &[finished(1, 10), finished(2, 7)], in_progress(3, 1));
        let resumed = resume(&account, &[kept], "boot");
        assert_eq!(resumed.finished, [finished(2, 7)]);
        assert_eq!((resumed.last_minute, resumed.in_progress), (Some(minute(2)), in_progress(3, 1)));
        assert_eq!(resumed.total, 18);
    }

    #[test]
    fn an_outbox_that_reaches_further_wins() {
        let account = account(&[finished(1, 10), finished(2, 7)], in_progress(3, 5));
        let older = [
            interim(&account, &[], in_progress(2, 6)),
            interim(&account, &[finished(2, 7)], in_progress(3, 4)),
            interim(&account, &[finished(1, 10)], None),
        ];
        for kept in older {
            let resumed = resume(&account, &[kept], "boot");
            assert_eq!((resumed.finished, resumed.in_progress), (vec![], in_progress(3, 5)));
            assert_eq!(resumed.total, 22);
        }
    }

    #[test]
    fn the_younger_of_two_versions_wins_and_a_strange_one_is_none() {
        let account = account(&[finished(1, 10)], None);
        let (old, new) =
            (interim(&account, &[], in_progress(2, 3)), interim(&account, &[], in_progress(2, 9)));
        assert_eq!(resume(&account, &[old.clone(), new.clone()], "b").in_progress, in_progress(2, 9));
        assert_eq!(resume(&account, &[new, old], "b").in_progress, in_progress(2, 9));
        let mut strange = interim(&account, &[], in_progress(2, 9));
        strange.outbox = "other".parse().unwrap();
        assert_eq!(resume(&account, &[strange], "b").in_progress, None);
    }

    #[test]
    fn a_counter_goes_on_from_where_its_minutes_do() {
        let mut account = account(&[finished(1, 10)], in_progress(2, 3));
        let heard = |heard_ns| {
            Some(CounterState { heard_ns, ..CounterState::begin("plug", 1_000_000_000, heard_ns, 0) })
        };
        account.counter = heard(100);
        let kept = |now, heard_ns| Interim { counter: heard(heard_ns), ..interim(&account, &[], now) };
        let resumed = |kept| {
            let resumed = resume(&account, &[kept], "boot");
            (resumed.in_progress.unwrap().pulses, resumed.counter.unwrap().total)
        };
        // Also where nothing of it was booked since.
        assert_eq!(resumed(kept(in_progress(2, 3), 120)), (3, 120));
        assert_eq!(resumed(kept(in_progress(2, 3), 90)), (3, 100));
        assert_eq!(resumed(kept(in_progress(2, 5), 130)), (5, 130));
        assert_eq!(resumed(kept(in_progress(2, 1), 80)), (3, 100));
        assert_eq!(resumed(kept(None, 80)), (3, 100), "from before the newest minute");
    }

    #[test]
    fn pulses_that_wait_for_the_clock_wait_on_in_the_same_boot_only() {
        let account = account(&[], None);
        let waiting = Waiting {
            boot: "b1".into(),
            stretches: vec![Stretch {
                from: SourceTime(5),
                until: SourceTime(9),
                pulses: vec![SourceTime(7); 3],
            }],
        };
        let kept = Interim { waiting: Some(waiting.clone()), ..interim(&account, &[], None) };
        let resumed = resume(&account, std::slice::from_ref(&kept), "b1");
        assert_eq!((resumed.waiting, resumed.total), (Some(waiting), 3));
        assert_eq!(resume(&account, &[kept], "b2").waiting, None);
    }
}
