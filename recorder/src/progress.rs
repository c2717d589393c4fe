//! How far an outbox is recorded, what is missing, and when to ask for it. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use meter_ledger::{Lost, OutboxMark};
use meter_messages::{MOST_LOST, MOST_MISSING, Minute, PulseCount};

/// Runs of numbers beyond the marks of a meter's outboxes that are remembered. What lies beyond the last of them is
/// asked for again.
pub const MOST_RUNS: usize = 1000;

/// Missing minutes are asked for once none of them has come for so long: brokers send again by themselves
/// what was not acknowledged, NATS after 30 seconds.
const ASK_AFTER: Duration = Duration::from_secs(35);

/// While none comes the wait doubles, up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Where a minute stands in its outbox, seen from what is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeqPosition {
    /// It closes a gap, or comes right after the mark.
    Awaited,
    /// It is recorded already.
    Known,
    /// Some before it have not come.
    AfterGap,
}

/// Numbers without a gap, up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    to: u64,
    /// The minute of `to`.
    minute: Minute,
    /// The minute of the number before the first, as far as that has said it since the start.
    after: Option<Minute>,
}

/// What of an outbox is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here.
    pub mark: OutboxMark,
    /// What is recorded beyond the mark, by its first number.
    runs: BTreeMap<u64, Run>,
    /// Numbers up to the mark that are lost, ascending; the last [`MOST_LOST`] spans of them.
    lost: Vec<[u64; 2]>,
    /// The lowest number that the outbox holds, as its publisher last said.
    held_from: Option<u64>,
    /// The lowest number that was refused because an old copy has given it to another minute.
    refused: Option<u64>,
    asking: Asking,
    warning: Asking,
}

impl Progress {
    /// With the mark that the ledger holds, the minutes that are recorded beyond it, in order, and the numbers that
    /// are lost.
    pub fn new(mark: OutboxMark, beyond: Vec<(u64, Minute)>, lost: Vec<[u64; 2]>) -> Self {
        let mut progress = Self {
            mark,
            runs: BTreeMap::new(),
            lost,
            held_from: None,
            refused: None,
            asking: Asking::default(),
            warning: Asking::default(),
        };
        for (seq, minute) in beyond {
            progress.add(seq, minute, None);
        }
        progress
    }

    /// Whether a minute must not be booked, because its outbox was set back to an old copy of itself: it comes again
    /// under a new outbox, which its publisher begins when it sees the mark. The minute may be what shows it;
    /// `before` is the minute of the number before, if it is said. From then on the mark says it, also after a
    /// restart: what was refused does not come a second time under its old number.
    pub fn is_set_back(&mut self, count: &PulseCount, before: Option<Minute>) -> bool {
        let shown = self.earlier_under_its_number(count).or_else(|| self.another_before(count, before));
        if let Some(after) = shown {
            self.mark.set_back = Some(self.mark.set_back.map_or(after, |known| known.min(after)));
        }
        let is_refused = self.mark.set_back.is_some_and(|after| count.minute > after);
        if is_refused && count.seq > self.mark.mark_seq {
            self.refused = Some(self.refused.map_or(count.seq, |seq| seq.min(count.seq)));
        }
        is_refused
    }

    /// Minutes ascend with their numbers: an earlier minute that is recorded under the same number or a higher one.
    fn earlier_under_its_number(&self, count: &PulseCount) -> Option<Minute> {
        let known = match count.seq <= self.mark.mark_seq {
            true => self.mark.mark_minute,
            false => self.runs.values().find(|run| run.to >= count.seq).map(|run| run.minute),
        };
        known.filter(|known| count.minute > *known)
    }

    /// The minute of the number before, if that is another one than the publisher says: a ledger that was put back has
    /// forgotten what it had refused of a copy, or a broker has lost it. Or the last minute of what comes after it, if
    /// that says so of this one.
    fn another_before(&self, count: &PulseCount, before: Option<Minute>) -> Option<Minute> {
        let run = self.run_up_to(count.seq);
        if count.seq <= self.mark.mark_seq || run.is_some_and(|(_, run)| count.seq <= run.to) {
            return None;
        }
        let recorded = match count.seq == self.mark.mark_seq + 1 {
            true => self.mark.mark_minute,
            false => run.filter(|(_, run)| run.to + 1 == count.seq).map(|(_, run)| run.minute),
        };
        let other = recorded.filter(|recorded| before.is_some_and(|before| before != *recorded));
        let next = self.runs.get(&(count.seq + 1));
        let of_other = next.filter(|next| next.after.is_some_and(|after| after != count.minute));
        other.or(of_other.map(|next| next.minute))
    }

    /// The last run that begins with a number or before it.
    fn run_up_to(&self, seq: u64) -> Option<(u64, Run)> {
        self.runs.range(..=seq).next_back().map(|(from, run)| (*from, *run))
    }

    /// Once all has come that an old copy still has: numbers that are missing before what the outbox itself
    /// had sent are lost with it. Returns them. The mark then shows the publisher that it is a copy, also an older
    /// program, which compares minutes only.
    pub fn skip_lost_with_copy(&mut self) -> Vec<Lost> {
        let Some(refused) = self.refused.filter(|refused| *refused <= self.mark.mark_seq + 1) else {
            return Vec::new();
        };
        let last_run = self.runs.range(refused..).next_back().map_or(0, |(from, _)| *from);
        self.refused = None;
        self.skip_lost_below(last_run)
    }

    /// Notes that a minute is recorded, and the one of the number before, if it is said. The mark goes on as far as
    /// nothing is missing.
    pub fn note(&mut self, count: &PulseCount, before: Option<Minute>, now: Instant) -> SeqPosition {
        let had_gap = self.has_gap();
        let position = self.add(count.seq, count.minute, before);
        // The first gap opens, or answers are on their way.
        if position == SeqPosition::Awaited || self.has_gap() && !had_gap {
            self.asking.wait_again(now);
        }
        position
    }

    fn add(&mut self, seq: u64, minute: Minute, after: Option<Minute>) -> SeqPosition {
        let before = self.run_up_to(seq);
        if seq <= self.mark.mark_seq || before.is_some_and(|(_, run)| seq <= run.to) {
            return SeqPosition::Known;
        }
        if seq == self.mark.mark_seq + 1 {
            (self.mark.mark_seq, self.mark.mark_minute) = (seq, Some(minute));
            self.close_up();
            return SeqPosition::Awaited;
        }
        let is_last = self.runs.range(seq..).next().is_none();
        let run = self.runs.remove(&(seq + 1)).unwrap_or(Run { to: seq, minute, after });
        let before = before.filter(|(_, run)| run.to + 1 == seq);
        let (from, after) = before.map_or((seq, after), |(from, run)| (from, run.after));
        self.runs.insert(from, Run { after, ..run });
        if self.runs.len() > MOST_RUNS {
            self.runs.pop_last();
        }
        if is_last { SeqPosition::AfterGap } else { SeqPosition::Awaited }
    }

    /// How many runs of numbers beyond the mark are remembered.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Forgets the last run: its minutes are asked for again.
    pub fn forget_last_run(&mut self) {
        self.runs.pop_last();
    }

    /// Moves the mark over the runs that it has reached.
    fn close_up(&mut self) {
        while let Some(run) = self.runs.first_entry().filter(|run| *run.key() <= self.mark.mark_seq + 1) {
            let run = run.remove();
            if run.to > self.mark.mark_seq {
                (self.mark.mark_seq, self.mark.mark_minute) = (run.to, Some(run.minute));
            }
        }
    }

    /// Notes the lowest number that the outbox holds. Nothing below it will come, so nobody need wait for it; what
    /// was lost and is not below it will be asked for. Returns what is lost by that.
    pub fn holds_from(&mut self, oldest_seq: u64, now: Instant) -> Vec<Lost> {
        let was_awaited = self.is_held_after_all();
        self.held_from = Some(oldest_seq);
        let lost = self.skip_lost_below(oldest_seq);
        if self.is_held_after_all() && !was_awaited {
            // Whoever has heard the mark sends it unasked.
            self.asking.wait_again(now);
        }
        lost
    }

    fn skip_lost_below(&mut self, oldest_seq: u64) -> Vec<Lost> {
        let mut lost = Vec::new();
        while self.mark.mark_seq + 1 < oldest_seq {
            let next = self.runs.keys().next().map_or(oldest_seq, |from| oldest_seq.min(*from));
            lost.push(Lost { numbers: [self.mark.mark_seq + 1, next - 1], after: self.mark.mark_minute });
            self.mark.mark_seq = next - 1;
            // Nobody knows the minute of a number that is lost. An earlier one in its place would make the lost
            // ones look like those of an old copy, if they come after all.
            self.mark.mark_minute = None;
            self.close_up();
        }
        self.lost.extend(lost.iter().map(|lost| lost.numbers));
        self.lost.drain(..self.lost.len().saturating_sub(MOST_LOST));
        lost
    }

    /// Numbers up to the mark that are lost, `[from, to]` each, ascending; the last [`MOST_LOST`] spans of them.
    pub fn lost(&self) -> &[[u64; 2]] {
        &self.lost
    }

    /// Whether a number is lost.
    pub fn is_lost(&self, seq: u64) -> bool {
        self.lost.iter().any(|[from, to]| (*from..=*to).contains(&seq))
    }

    /// What is still lost, in the ledger's words, once something of it has come after all.
    pub fn set_lost(&mut self, lost: Vec<[u64; 2]>) {
        self.lost = lost;
    }

    /// Whether the outbox holds numbers that are lost: its card is another copy than the one that had lost them.
    pub fn is_held_after_all(&self) -> bool {
        self.lost.last().zip(self.held_from).is_some_and(|([_, to], held_from)| held_from <= *to)
    }

    /// Whether something is missing beyond the mark.
    pub fn has_gap(&self) -> bool {
        !self.runs.is_empty()
    }

    /// The numbers that are missing before the last one recorded, `[from, to]` each; the first
    /// [`MOST_MISSING`] spans of them.
    pub fn missing(&self) -> Vec<[u64; 2]> {
        let ends = std::iter::once(self.mark.mark_seq).chain(self.runs.values().map(|run| run.to));
        let gaps = ends.zip(self.runs.keys()).map(|(end, from)| [end + 1, from - 1]);
        gaps.take(MOST_MISSING).collect()
    }

    /// Whether its publisher is to be asked now for what is missing.
    pub fn asks(&mut self, now: Instant) -> bool {
        (self.has_gap() || self.is_held_after_all()) && self.asking.is_due(now)
    }

    /// Whether its publisher is to be shown now that its outbox is an old copy.
    pub fn warns(&mut self, now: Instant) -> bool {
        self.warning.is_due(now)
    }
}

/// When a publisher is asked for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asking {
    /// When it was asked, or something came that was waited for.
    last: Option<Instant>,
    wait: Duration,
}

impl Default for Asking {
    fn default() -> Self {
        Self { last: None, wait: ASK_AFTER }
    }
}

impl Asking {
    fn wait_again(&mut self, now: Instant) {
        *self = Self { last: Some(now), wait: ASK_AFTER };
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.last.is_none_or(|last| now.duration_since(last) >= self.wait);
        if is_due {
            let wait = if self.last.is_some() { (2 * self.wait).min(LONGEST_WAIT) } else { self.wait };
            *self = Self { last: Some(now), wait };
        }
        is_due
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use meter_ledger::Ledger;
    use meter_messages::Info;
    use proptest::prelude::*;

    use super::*;

    fn progress() -> Progress {
        let folder = tempfile::TempDir::new().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let info =
            br#"{"name":"x","pulses_per_kwh":1,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        let info = Info::from_json(info).unwrap();
        let mark = ledger.batch().unwrap().register(&"hq/main".parse().unwrap(), &info).unwrap();
        Progress::new(mark, Vec::new(), Vec::new())
    }

    fn count(seq: u64) -> PulseCount {
        let minute = Minute::from_epoch_minutes(29_000_000 + seq as i64).unwrap();
        PulseCount { minute, watched_s: 60, seq, pulses: 1, total: seq }
    }

    fn note_all(progress: &mut Progress, numbers: impl IntoIterator<Item = u64>) -> Vec<SeqPosition> {
        let now = Instant::now();
        numbers.into_iter().map(|seq| progress.note(&count(seq), None, now)).collect()
    }

    /// One that a copy of the outbox has counted later, under a number that it gives again.
    fn of_copy(seq: u64) -> PulseCount {
        PulseCount { minute: count(seq + 100).minute, ..count(seq) }
    }

    #[test]
    fn the_mark_jumps_over_what_is_recorded() {
        use SeqPosition::{AfterGap, Awaited, Known};
        let mut progress = progress();
        let positions = note_all(&mut progress, [1, 2, 4, 2, 5, 8, 4, 3]);
        assert_eq!(positions, [Awaited, Awaited, AfterGap, Known, AfterGap, AfterGap, Known, Awaited]);
        assert_eq!((progress.mark.mark_seq, progress.mark.mark_minute), (5, Some(count(5).minute)));
        assert_eq!(progress.missing(), [[6, 7]]);
    }

    #[test]
    fn an_outbox_that_was_set_back_takes_nothing_beyond_its_mark() {
        let mut progress = progress();
        note_all(&mut progress, 1..=5);
        assert!(!progress.is_set_back(&count(6), None));
        assert!(progress.is_set_back(&of_copy(3), None));
        assert!(progress.is_set_back(&of_copy(6), None), "and nothing after it either");
        assert!(!progress.is_set_back(&count(4), None), "what went before still comes again");
    }

    #[test]
    fn an_old_copy_that_is_met_before_all_has_come_takes_nothing_beyond_either() {
        let mut progress = progress();
        note_all(&mut progress, [1, 5, 6]);
        assert!(!progress.is_set_back(&count(2), None));
        assert!(progress.is_set_back(&of_copy(4), None));
        assert_eq!(progress.mark.set_back, Some(count(6).minute), "its publisher hears it at once");
        assert!(progress.is_set_back(&of_copy(7), None), "it is no number of the outbox");
        assert!(progress.skip_lost_with_copy().is_empty(), "the copy has 2 and 3");
        note_all(&mut progress, [2, 3]);
        let lost = [Lost { numbers: [4, 4], after: Some(count(3).minute) }];
        assert_eq!(progress.skip_lost_with_copy(), lost, "lost with the card");
        assert_eq!((progress.mark.mark_seq, progress.mark.mark_minute), (6, Some(count(6).minute)));
        assert!(progress.is_set_back(&of_copy(7), None) && !progress.is_set_back(&count(3), None));
    }

    /// After a restart, or with an older ledger: the copy's number is the next one.
    #[test]
    fn a_copy_that_goes_on_where_its_outbox_ended_is_known_by_the_minute_before() {
        let mut before = progress();
        note_all(&mut before, [1, 2, 3, 10, 11]);
        let beyond = [10, 11].map(|seq| (seq, count(seq).minute));
        let again = || Progress::new(before.mark.clone(), beyond.into(), Vec::new());
        let (said, of_another) = (Some(count(11).minute), Some(count(111).minute));
        let mut own = again();
        assert!(!own.is_set_back(&of_copy(12), said) && !own.is_set_back(&count(4), Some(count(3).minute)));
        assert!(!own.is_set_back(&of_copy(13), of_another), "nobody knows the one before");
        assert_eq!(own.mark.set_back, None);
        let mut copy = again();
        assert!(copy.is_set_back(&of_copy(12), of_another));
        assert_eq!(copy.mark.set_back, Some(count(11).minute));
        assert!(again().is_set_back(&count(4), Some(count(103).minute)), "beyond the mark, too");

        // It came first, and then what the outbox itself had sent before.
        let mut copy = again();
        copy.note(&of_copy(13), Some(of_copy(12).minute), Instant::now());
        assert!(!copy.is_set_back(&count(12), Some(count(11).minute)));
        assert!(copy.mark.set_back.is_some());
    }

    #[test]
    fn what_is_no_longer_there_is_not_waited_for() {
        let (mut progress, now) = (progress(), Instant::now());
        assert!(progress.holds_from(1, now).is_empty());
        let lost = |from, to, after: Option<u64>| Lost {
            numbers: [from, to],
            after: after.map(|seq| count(seq).minute),
        };
        assert_eq!(progress.holds_from(11, now), [lost(1, 10, None)]);
        assert_eq!(
            note_all(&mut progress, [11, 14, 15]),
            [SeqPosition::Awaited, SeqPosition::AfterGap, SeqPosition::AfterGap]
        );
        assert!(progress.holds_from(5, now).is_empty(), "never back");
        assert_eq!(progress.holds_from(18, now), [lost(12, 13, Some(11)), lost(16, 17, Some(15))]);
        assert_eq!(progress.lost(), [[1, 10], [12, 13], [16, 17]]);
        assert_eq!((progress.mark.mark_seq, progress.has_gap()), (17, false));
    }

    #[test]
    fn what_was_lost_and_comes_after_all_shows_no_old_copy() {
        let mut progress = progress();
        note_all(&mut progress, [1]);
        assert_eq!(progress.holds_from(20, Instant::now()).len(), 1);
        assert!(!progress.is_set_back(&count(2), None) && !progress.is_set_back(&count(20), None));
        assert_eq!(progress.mark.mark_minute, None);
        note_all(&mut progress, [2, 20]);
        assert_eq!((progress.mark.mark_seq, progress.mark.mark_minute), (20, Some(count(20).minute)));
        assert!(!progress.is_set_back(&count(3), None) && !progress.is_set_back(&count(21), None));
    }

    #[test]
    fn what_is_lost_is_asked_for_once_another_copy_of_the_card_holds_it() {
        let (mut progress, began) = (progress(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(progress.holds_from(20, at(0)).len(), 1);
        note_all(&mut progress, [20]);
        assert!(!progress.asks(at(1000)), "nobody holds it");
        assert!(progress.holds_from(15, at(1000)).is_empty());
        assert!(progress.is_held_after_all() && !progress.asks(at(1030)), "it may be on its way");
        assert!(progress.asks(at(1035)));
        assert!(progress.is_lost(15) && !progress.is_lost(20));
        progress.set_lost(vec![[1, 14]]);
        assert!(!progress.is_held_after_all() && !progress.asks(at(9000)));
    }

    #[test]
    fn it_asks_once_answers_stay_away_and_ever_less_often() {
        let mut progress = progress();
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        progress.note(&count(1), None, at(0));
        assert!(!progress.asks(at(100)), "nothing is missing");
        progress.note(&count(10), None, at(100));
        assert!(!progress.asks(at(130)), "it may be on its way");
        assert!(progress.asks(at(135)));
        assert!(!progress.asks(at(204)));
        assert!(progress.asks(at(205)), "twice as long");
        progress.note(&count(5), None, at(300));
        assert!(!progress.asks(at(334)), "an answer has come: the others are on their way");
        assert!(progress.asks(at(335)));
        let asked = (336..100_000).filter(|second| progress.asks(at(*second))).count();
        assert!((160..170).contains(&asked), "every ten minutes: {asked}");
    }

    proptest! {
        /// Whatever comes in whatever order, the mark and the missing numbers are those of the set.
        #[test]
        fn it_knows_what_is_there(numbers in proptest::collection::vec(1u64..40, 0..60)) {
            let mut progress = progress();
            note_all(&mut progress, numbers.iter().copied());
            let held: BTreeSet<u64> = numbers.iter().copied().collect();
            let mark = (0..).take_while(|seq| *seq == 0 || held.contains(seq)).last().unwrap();
            prop_assert_eq!(progress.mark.mark_seq, mark);
            let last = held.last().copied().unwrap_or(0);
            let missing: Vec<u64> = (mark + 1..last).filter(|seq| !held.contains(seq)).collect();
            let said = progress.missing();
            let named: Vec<u64> = said.iter().flat_map(|&[from, to]| from..=to).collect();
            prop_assert_eq!(&named[..], &missing[..named.len()]);
            prop_assert!(named.len() == missing.len() || said.len() == MOST_MISSING);
            // The same after a restart.
            let beyond = held.range(mark + 1..).map(|seq| (*seq, count(*seq).minute)).collect();
            let again = Progress::new(progress.mark.clone(), beyond, Vec::new());
            prop_assert_eq!(again.missing(), said);
        }
    }
}
