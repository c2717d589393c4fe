//! When marks that have moved are stored and said: at most one of a meter and second. Pure.
//!
//! Where little moves, at once. Otherwise marks wait until nothing more comes, so that a backlog of many meters does
//! not cause as many marks as minutes; or, while more is coming, for a second and longer the more of them wait.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use meter_messages::{Meter, OutboxId};

/// Whose mark it is.
pub(crate) type MarkOf = (Meter, OutboxId);

/// One of a meter in so long.
const EVERY: Duration = Duration::from_secs(1);

/// While more is coming, so many are said in a second …
const A_SECOND: usize = 500;

/// … but none waits for longer than this: publishers send again after 40 seconds without a mark.
const LONGEST_S: usize = 10;

/// So many do not wait for a pause.
const FEW: usize = 100;

/// A mark that has moved so far is said at once: a publisher sends only so many minutes beyond it.
const FAR: u64 = 2500;

/// Of those that were said longer ago nothing is remembered: an outbox that is in use has one each minute.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Nothing has come for so long: a pause.
const PAUSE: Duration = Duration::from_millis(50);

/// Which marks were said, and which have moved since.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    said: HashMap<MarkOf, (Instant, u64)>,
    /// With so many of them it is time to forget some.
    many_said: usize,
    waiting: HashSet<MarkOf>,
    /// Those that wait, since when, in this order; and some that were said meanwhile.
    queue: VecDeque<(Instant, MarkOf)>,
    /// Those that wait and have moved far.
    far: Vec<MarkOf>,
    /// When the first of those may be said of which the second is not over, if no others wait.
    all_early_until: Option<Instant>,
}

impl Marks {
    /// A mark has moved to `seq`.
    pub(crate) fn moved(&mut self, mark: MarkOf, seq: u64, now: Instant) {
        self.all_early_until = None;
        let is_far = self.said.get(&mark).is_some_and(|(_, said)| seq.saturating_sub(*said) >= FAR);
        if is_far {
            self.far.push(mark.clone());
        }
        if self.waiting.insert(mark.clone()) {
            self.queue.push_back((now, mark));
        }
    }

    /// Whether a mark has moved and is still to be said.
    pub(crate) fn is_waiting(&self, mark: &MarkOf) -> bool {
        self.waiting.contains(mark)
    }

    /// Those that are to be said now; in a `pause` nothing more is on its way.
    pub(crate) fn due(&mut self, pause: bool, now: Instant) -> Vec<MarkOf> {
        let mut due = std::mem::take(&mut self.far);
        due.retain(|mark| self.waiting.remove(mark));
        let every = self.every();
        let all = pause || self.waiting.len() <= FEW;
        let (mut early, mut early_until) = (VecDeque::new(), None::<Instant>);
        while let Some((since, mark)) = self.queue.pop_front() {
            if !self.waiting.contains(&mark) {
                continue;
            }
            if !all && now.duration_since(since) < every {
                self.queue.push_front((since, mark));
                break;
            }
            if let Some((said, _)) =
                self.said.get(&mark).filter(|(said, _)| now.duration_since(*said) < EVERY)
            {
                let until = *said + EVERY;
                early_until = Some(early_until.map_or(until, |other| other.min(until)));
                early.push_back((since, mark));
                continue;
            }
            self.waiting.remove(&mark);
            due.push(mark);
        }
        self.all_early_until = early_until.filter(|_| self.queue.is_empty());
        early.append(&mut self.queue);
        self.queue = early;
        due
    }

    /// How long a mark waits while more is coming.
    fn every(&self) -> Duration {
        EVERY * (self.waiting.len() / A_SECOND).clamp(1, LONGEST_S) as u32
    }

    /// One is said, with this number: one that is said twice asks for everything after it again.
    pub(crate) fn said(&mut self, mark: MarkOf, seq: u64, now: Instant) {
        self.waiting.remove(&mark);
        self.said.insert(mark, (now, seq));
        if self.said.len() > self.many_said.max(FEW) {
            self.said.retain(|_, (said, _)| now.duration_since(*said) < REMEMBERED);
            // Looking through all of them is paid for by as many that have come since.
            self.many_said = 2 * self.said.len();
            self.said.shrink_to(self.many_said);
        }
    }

    /// What was due could not be stored: it goes on waiting.
    pub(crate) fn not_said(&mut self, due: Vec<MarkOf>, now: Instant) {
        self.all_early_until = None;
        for mark in due {
            if self.waiting.insert(mark.clone()) {
                self.queue.push_front((now, mark));
            }
        }
    }

    /// After how long without messages to look again; `None` if nothing waits.
    pub(crate) fn patience(&self, now: Instant) -> Option<Duration> {
        // Looking before their second is over would be for nothing.
        let early = self.all_early_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        (!self.waiting.is_empty()).then(|| early.max(PAUSE))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mark(number: usize) -> MarkOf {
        (format!("hq/m{number}").parse().unwrap(), "a".parse().unwrap())
    }

    /// Says what is due; how many.
    fn say(marks: &mut Marks, pause: bool, seq: u64, now: Instant) -> usize {
        let due = marks.due(pause, now);
        due.iter().for_each(|mark| marks.said(mark.clone(), seq, now));
        due.len()
    }

    #[test]
    fn a_single_one_is_said_at_once_and_then_once_a_second() {
        let (mut marks, start) = (Marks::default(), Instant::now());
        let mut said = Vec::new();
        for tenth in 0..25 {
            let now = start + tenth * Duration::from_millis(100);
            marks.moved(mark(0), tenth.into(), now);
            if say(&mut marks, false, tenth.into(), now) > 0 {
                said.push(tenth);
            }
        }
        assert_eq!(said, [0, 10, 20]);
        let now = start + Duration::from_millis(2400);
        assert_eq!(marks.patience(now), Some(Duration::from_millis(600)), "nothing to do before");
        assert_eq!(say(&mut marks, true, 24, now), 0, "its second is not over");
        assert_eq!(say(&mut marks, true, 24, start + Duration::from_secs(3)), 1);
        assert_eq!(marks.patience(start + Duration::from_secs(3)), None);
    }

    #[test]
    fn those_of_many_meters_wait_for_a_pause_or_their_turn() {
        let (mut marks, start) = (Marks::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        (0..5000).for_each(|number| marks.moved(mark(number), 1, start));
        assert_eq!(say(&mut marks, false, 1, after(9)), 0);
        assert_eq!(say(&mut marks, false, 1, after(10)), 5000, "more is coming all the time");
        (0..5000).for_each(|number| marks.moved(mark(number), 2, after(11)));
        assert_eq!(say(&mut marks, false, 2, after(11)), 0);
        assert_eq!(say(&mut marks, true, 2, after(12)), 5000, "a pause");
        assert!(marks.queue.is_empty() && marks.waiting.is_empty());
    }

    #[test]
    fn outboxes_that_are_no_longer_used_are_forgotten() {
        let (mut marks, start) = (Marks::default(), Instant::now());
        for minute in 0..100 {
            let now = start + minute * Duration::from_secs(60);
            (0..1000).for_each(|number| marks.said(mark(1000 * minute as usize + number), 1, now));
        }
        assert!(marks.said.len() <= 2 * 11 * 1000, "those of ten minutes: {}", marks.said.len());
    }

    #[test]
    fn one_that_has_moved_far_does_not_wait() {
        let (mut marks, now) = (Marks::default(), Instant::now());
        (0..1000).for_each(|number| marks.said(mark(number), 0, now));
        (0..1000).for_each(|number| marks.moved(mark(number), FAR - (number > 0) as u64, now));
        assert_eq!(marks.due(false, now), [mark(0)]);
        marks.said(mark(0), FAR, now);
        assert_eq!(say(&mut marks, true, FAR, now + EVERY), 999);
    }
}
