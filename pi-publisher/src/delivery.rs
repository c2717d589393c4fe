//! Which minute of a meter to send next. Pure.
//!
//! The recorder's mark is the only receipt. A mark that moves forward is progress; one
//! that is repeated or moves back means "send again from here": the recorder
//! restarted or lost its ledger. Where several record, that holds for the marks of each. A mark may name what is
//! missing: then only that is sent again. It also names what it covers although it was lost: what this outbox holds of
//! it is sent, too.

use std::collections::VecDeque;

use meter_messages::Mark;

/// How many minutes may be sent beyond the mark. It bounds what a
/// broker holds of a long backlog, and what is sent twice when the recorder
/// starts in the middle of one.
pub const WINDOW: u64 = 20_000;

/// The marks of so many recorders are kept apart; whoever was heard longest ago is forgotten.
const MOST_RECORDERS: usize = 8;

/// How far one meter's minutes are sent, for one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The one that was heard last.
    mark: u64,
    /// The last mark of each recorder; one that does not say who it is counts as one. Heard last is last.
    marks: Vec<(Option<u32>, u64)>,
    next: u64,
    /// Numbers before `next` that are missing, `[from, to]` each: they come first.
    again: VecDeque<[u64; 2]>,
    /// Numbers up to the mark that are lost to a recorder and held here: they come before all others.
    lost: VecDeque<[u64; 2]>,
    /// Sending stops before this `seq` until a mark comes, or for too long none does.
    stop_before: u64,
    /// Whether a mark has gone on since everything was last sent again unasked.
    answered: bool,
}

impl Delivery {
    /// Starts after the last known mark.
    pub fn from_mark(mark: u64) -> Self {
        let (next, stop_before) = (mark + 1, mark + 1 + WINDOW);
        let (again, lost) = (VecDeque::new(), VecDeque::new());
        Self { mark, marks: Vec::new(), next, again, lost, stop_before, answered: false }
    }

    /// Takes a mark within the outbox, which holds the numbers `oldest_seq` to `last_seq`. Its recorder has what lies
    /// between the numbers that it misses.
    pub fn take(&mut self, mark: &Mark, (oldest_seq, last_seq): (u64, u64)) {
        let (recorder, seq) = (mark.recorder, mark.seq);
        // What this outbox has not given out yet cannot be meant.
        let missing = clipped(&mark.missing, (1, last_seq));
        let place = self.marks.iter().position(|(heard, _)| *heard == recorder);
        let before = place.map_or(self.mark, |place| self.marks.remove(place).1);
        self.marks.push((recorder, seq));
        if self.marks.len() > MOST_RECORDERS {
            self.marks.remove(0);
        }
        let goes_on = seq > before;
        let lost = clipped(&mark.lost, (oldest_seq, last_seq));
        // Each mark names what is lost. Once is enough, unless the recorder asks again.
        if !lost.is_empty() && (place.is_none() || !goes_on) {
            self.lost = lost;
        }
        match missing.back() {
            Some([_, last]) => {
                self.next = self.next.max(last + 1);
                self.again = missing;
            }
            None if goes_on => self.next = self.next.max(seq + 1),
            None => {
                self.again.clear();
                self.next = seq + 1;
            }
        }
        // What another recorder asks for lies beyond its own mark.
        let least = self.marks.iter().map(|(_, mark)| *mark).min().unwrap_or(seq);
        self.again.retain_mut(|[from, to]| {
            *from = (*from).max(least + 1);
            from <= to
        });
        (self.mark, self.stop_before) = (seq, seq + 1 + WINDOW);
        self.answered |= goes_on;
    }

    /// The `seq` after which to read, and how many at most; `None` if a mark has to
    /// come first.
    pub fn wanted(&self, last_seq: u64) -> Option<(u64, u64)> {
        if let Some([from, to]) = self.lost.front().or(self.again.front()) {
            return Some((from - 1, to - from + 1));
        }
        let end = self.stop_before.min(last_seq + 1);
        (self.next < end).then(|| (self.next - 1, end - self.next))
    }

    /// Everything that was [`wanted`](Delivery::wanted) up to `seq` was handed to the connection, or is no
    /// longer there.
    pub fn sent(&mut self, seq: u64) {
        let first = if self.lost.is_empty() { &mut self.again } else { &mut self.lost };
        match first.front_mut() {
            Some([_, to]) if *to <= seq => _ = first.pop_front(),
            Some([from, _]) => *from = seq + 1,
            None => self.next = seq + 1,
        }
    }

    /// Whether sending only waits for a mark.
    pub fn is_full(&self, last_seq: u64) -> bool {
        self.next >= self.stop_before && self.next <= last_seq
    }

    /// Whether everything is sent, and the mark has stopped before its end: a broker that
    /// forgets may have dropped the rest, and no later minute shows the gap.
    pub fn is_unanswered(&self, last_seq: u64) -> bool {
        self.answered && self.next > last_seq && self.mark < last_seq
    }

    /// No mark came for too long: sends again what it does not cover, once. If no recorder
    /// runs, a broker that keeps everything gets it twice, not for ever.
    pub fn send_again(&mut self) {
        let marks = std::mem::take(&mut self.marks);
        *self = Self { marks, ..Self::from_mark(self.mark) };
    }

    /// No mark came for too long: no recorder runs now. Goes on.
    pub fn lose_patience(&mut self) {
        self.stop_before = self.next + WINDOW;
    }
}

/// What of some spans lies within a span.
fn clipped(spans: &[[u64; 2]], (first, last): (u64, u64)) -> VecDeque<[u64; 2]> {
    let clipped = spans.iter().map(|&[from, to]| [from.max(first), to.min(last)]);
    clipped.filter(|[from, to]| from <= to).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Delivery {
        /// Takes a mark of an outbox that holds all of it, and of what it misses.
        fn mark(&mut self, recorder: Option<u32>, seq: u64, missing: &[[u64; 2]]) {
            let mark = Mark::new("a".parse().unwrap(), seq, None);
            self.take(&Mark { missing: missing.to_vec(), recorder, ..mark }, (1, u64::MAX));
        }
    }

    #[test]
    fn it_sends_from_the_mark_to_the_end_and_then_what_comes() {
        let mut delivery = Delivery::from_mark(4);
        assert_eq!(delivery.wanted(6), Some((4, 2)));
        delivery.sent(6);
        assert_eq!(delivery.wanted(6), None);
        assert_eq!(delivery.wanted(7), Some((6, 1)));
    }

    #[test]
    fn a_mark_that_goes_on_is_progress_and_one_that_repeats_means_go_back() {
        let mut delivery = Delivery::from_mark(0);
        delivery.sent(10);
        delivery.mark(None, 5, &[]);
        assert_eq!(delivery.wanted(10), None, "6 to 10 are on their way");
        delivery.mark(None, 5, &[]);
        assert_eq!(delivery.wanted(10), Some((5, 5)));
        delivery.sent(10);
        delivery.mark(None, 2, &[]);
        assert_eq!(delivery.wanted(10), Some((2, 8)), "a ledger from an older copy");
        delivery.mark(None, 8, &[]);
        assert_eq!(delivery.wanted(10), Some((8, 2)), "what the mark covers need not be sent");
    }

    #[test]
    fn marks_of_two_recorders_are_kept_apart() {
        let mut delivery = Delivery::from_mark(0);
        delivery.mark(Some(1), 1, &[]);
        delivery.mark(Some(2), 1, &[]);
        delivery.sent(100);
        for seq in [20, 40, 60] {
            delivery.mark(Some(1), seq, &[]);
            delivery.mark(Some(2), seq - 10, &[]);
            delivery.mark(Some(2), seq, &[]);
            assert_eq!(delivery.wanted(100), None, "each goes on");
        }
        delivery.mark(Some(2), 60, &[]);
        assert_eq!(delivery.wanted(100), Some((60, 40)), "it asks again");
        delivery.sent(100);
        delivery.mark(Some(1), 10, &[]);
        assert_eq!(delivery.wanted(100), Some((10, 90)), "it has an older ledger");
        delivery.sent(100);
        delivery.mark(Some(3), 30, &[[31, 32]]);
        delivery.mark(Some(2), 90, &[]);
        assert_eq!(delivery.wanted(100), Some((30, 2)), "what one asks for is not covered by another's mark");
        (4..100).for_each(|recorder| delivery.mark(Some(recorder), 100, &[]));
        assert_eq!(delivery.marks.len(), MOST_RECORDERS);
    }

    #[test]
    fn only_what_is_missing_is_sent_again() {
        let mut delivery = Delivery::from_mark(0);
        delivery.sent(100);
        delivery.mark(None, 10, &[[11, 20], [31, 31]]);
        assert_eq!(delivery.wanted(101), Some((10, 10)));
        delivery.sent(15);
        assert_eq!(delivery.wanted(101), Some((15, 5)), "the rest of it");
        delivery.sent(20);
        assert_eq!(delivery.wanted(101), Some((30, 1)));
        delivery.mark(None, 30, &[]);
        assert_eq!(delivery.wanted(101), Some((30, 1)), "still missing");
        delivery.sent(31);
        assert_eq!(delivery.wanted(101), Some((100, 1)), "and then what comes");
        // Over a new connection, with the mark that is retained.
        let mut delivery = Delivery::from_mark(0);
        delivery.mark(None, 10, &[[11, 20], [31, 31]]);
        delivery.sent(20);
        delivery.sent(31);
        assert_eq!(delivery.wanted(101), Some((31, 70)), "whether it was recorded since is not known");
        delivery.mark(None, 12, &[]);
        delivery.mark(None, 12, &[]);
        assert_eq!(delivery.wanted(101), Some((12, 89)), "a recorder that names nothing");
    }

    #[test]
    fn what_was_lost_and_is_held_here_is_sent_once_and_when_it_is_asked_for() {
        let mark = |seq| Mark {
            lost: vec![[1, 4], [6, 9]],
            recorder: Some(1),
            ..Mark::new("a".parse().unwrap(), seq, None)
        };
        let mut delivery = Delivery::from_mark(9);
        delivery.take(&mark(9), (3, 12));
        assert_eq!(delivery.wanted(12), Some((2, 2)));
        delivery.sent(4);
        assert_eq!(delivery.wanted(12), Some((5, 4)));
        delivery.sent(9);
        assert_eq!(delivery.wanted(12), Some((9, 3)), "and then what comes");
        delivery.sent(12);
        delivery.take(&mark(12), (3, 12));
        assert_eq!(delivery.wanted(12), None, "it is on its way");
        delivery.take(&mark(12), (3, 12));
        assert_eq!(delivery.wanted(12), Some((2, 2)));
        let mut delivery = Delivery::from_mark(9);
        delivery.take(&mark(9), (10, 12));
        assert_eq!(delivery.wanted(12), Some((9, 3)), "nothing of it is held");
    }

    #[test]
    fn a_long_backlog_waits_for_marks() {
        let mut delivery = Delivery::from_mark(0);
        let end = 3 * WINDOW;
        assert_eq!(delivery.wanted(end), Some((0, WINDOW)));
        delivery.sent(WINDOW);
        assert_eq!(delivery.wanted(end), None);
        assert!(delivery.is_full(end));
        delivery.mark(None, 100, &[]);
        assert_eq!(delivery.wanted(end), Some((WINDOW, 100)));
        delivery.sent(WINDOW + 100);
        delivery.lose_patience();
        assert_eq!(delivery.wanted(end), Some((WINDOW + 100, WINDOW)));
    }

    #[test]
    fn what_stays_unanswered_is_sent_again_once_for_each_progress() {
        let mut delivery = Delivery::from_mark(0);
        delivery.sent(10);
        assert!(!delivery.is_unanswered(10), "nobody records yet");
        delivery.mark(None, 4, &[]);
        assert!(delivery.is_unanswered(10));
        delivery.send_again();
        assert_eq!(delivery.wanted(10), Some((4, 6)));
        delivery.sent(10);
        assert!(!delivery.is_unanswered(10), "once");
        delivery.mark(None, 7, &[]);
        assert!(delivery.is_unanswered(10));
        delivery.mark(None, 10, &[]);
        assert!(!delivery.is_unanswered(10), "all is recorded");
    }

    proptest! {
        /// Whatever marks come, nothing between the mark and the end is ever
        /// skipped for good: a repeated mark brings it back.
        #[test]
        fn a_repeated_mark_always_leads_to_the_minute_after_it(
            marks in proptest::collection::vec(0u64..50, 0..20), last_seq in 1u64..50
        ) {
            let mut delivery = Delivery::from_mark(0);
            for mark in marks.into_iter().filter(|mark| *mark <= last_seq) {
                delivery.mark(None, mark, &[]);
                if let Some((after, count)) = delivery.wanted(last_seq) {
                    prop_assert!(after >= mark);
                    delivery.sent(after + count);
                }
                delivery.mark(None, mark, &[]);
                let expected = (mark < last_seq).then(|| (mark, last_seq - mark));
                prop_assert_eq!(delivery.wanted(last_seq), expected);
            }
        }
    }
}
