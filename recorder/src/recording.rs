//! What a minute means for a meter's account: progress, a repetition or a gap.
//! Pure.

use meter_ledger::OutboxMark;
use meter_messages::PulseCount;

/// A minute's place in its outbox, seen from the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeqPosition {
    /// The one that was to come next.
    Next,
    /// Covered by the mark already.
    Known,
    /// Some before it have not come.
    AfterGap,
}

/// Whether a minute shows that its outbox was set back to an old copy of itself:
/// minutes ascend with their numbers, but this one lies beyond the mark under a
/// number that is taken, or comes after such a one. It must not be booked: it
/// comes again under a new outbox, which its publisher begins when it sees the
/// mark.
pub fn is_set_back(mark: &mut OutboxMark, count: &PulseCount) -> bool {
    let beyond = mark.mark_minute.is_some_and(|mark| count.minute > mark);
    mark.set_back |= beyond && count.seq <= mark.mark_seq;
    mark.set_back && beyond
}

/// Tells a minute's place and moves the mark if it was the next one.
pub fn advance(mark: &mut OutboxMark, count: &PulseCount) -> SeqPosition {
    if count.seq == mark.mark_seq + 1 {
        mark.mark_seq = count.seq;
        mark.mark_minute = Some(count.minute);
        SeqPosition::Next
    } else if count.seq <= mark.mark_seq {
        SeqPosition::Known
    } else {
        SeqPosition::AfterGap
    }
}

/// Moves the mark up to what an outbox still holds: nothing below `oldest_seq`
/// will ever come, so nobody need wait for it. Returns how many are lost.
pub fn skip_lost_below(mark: &mut OutboxMark, oldest_seq: u64) -> u64 {
    let given_up = oldest_seq.saturating_sub(mark.mark_seq + 1);
    mark.mark_seq += given_up;
    given_up
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_ledger::Ledger;
    use meter_messages::{Info, Minute};

    use super::*;

    fn mark() -> OutboxMark {
        let folder = tempfile::TempDir::new().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let info =
            br#"{"name":"x","pulses_per_kwh":1,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        let info = Info::from_json(info).unwrap();
        ledger.batch().unwrap().register(&"hq/main".parse().unwrap(), &info).unwrap()
    }

    fn count(seq: u64) -> PulseCount {
        let minute = Minute::from_epoch_minutes(29_000_000 + seq as i64).unwrap();
        PulseCount { minute, watched_s: 60, seq, pulses: 1, total: seq }
    }

    #[test]
    fn the_mark_moves_only_without_a_gap() {
        let mut mark = mark();
        let places: Vec<SeqPosition> = [1, 2, 4, 2, 3, 4].map(|seq| advance(&mut mark, &count(seq))).into();
        use SeqPosition::{AfterGap, Known, Next};
        assert_eq!(places, [Next, Next, AfterGap, Known, Next, Next]);
        assert_eq!((mark.mark_seq, mark.mark_minute), (4, Some(count(4).minute)));
    }

    #[test]
    fn an_outbox_that_was_set_back_takes_nothing_beyond_its_mark() {
        let mut mark = mark();
        for seq in 1..=5 {
            advance(&mut mark, &count(seq));
        }
        let of_copy = |seq| PulseCount { minute: count(seq + 100).minute, ..count(seq) };
        assert!(!is_set_back(&mut mark, &count(6)));
        assert!(is_set_back(&mut mark, &of_copy(3)));
        assert!(is_set_back(&mut mark, &of_copy(6)), "and nothing after it either");
        assert!(!is_set_back(&mut mark, &count(4)), "what went before still comes again");
    }

    #[test]
    fn what_an_outbox_no_longer_holds_is_given_up() {
        let mut mark = mark();
        assert_eq!(skip_lost_below(&mut mark, 1), 0);
        assert_eq!(skip_lost_below(&mut mark, 11), 10);
        assert_eq!(advance(&mut mark, &count(11)), SeqPosition::Next);
        assert_eq!(skip_lost_below(&mut mark, 5), 0, "never back");
    }
}
