//! Times whose hours are not known one by one.

use std::ops::Range;

use meter_ledger::{Ledger, LedgerError, RecordedMeter};
use meter_messages::Minute;

/// Minutes of an hour.
const HOUR: i64 = 60;

/// Times of which only the sum of more than an hour is known, because no more was imported or a correction says no more.
/// The ledger spreads them evenly over their hours, which is right for sums of days and says nothing of an hour.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spread(Vec<Range<Minute>>);

impl Spread {
    /// Those of a span.
    pub fn read(ledger: &Ledger, meter: &RecordedMeter, span: &Range<Minute>) -> Result<Self, LedgerError> {
        let imported = ledger.coarse_spans(meter, span, HOUR, usize::MAX)?.into_iter().map(|(span, _)| span);
        Ok(Self::of(imported.chain(meter.spread_spans(span, HOUR)).collect()))
    }

    /// In order, and those that touch each other together.
    fn of(mut spans: Vec<Range<Minute>>) -> Self {
        spans.sort_by_key(|span| span.start);
        spans.dedup_by(|next, before| {
            let touches = next.start <= before.end;
            if touches {
                before.end = before.end.max(next.end);
            }
            touches
        });
        Self(spans)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some of an hour is among them, so that nobody knows what flowed in it.
    pub fn touches(&self, hour: &Range<Minute>) -> bool {
        let after = self.0.partition_point(|spread| spread.end <= hour.start);
        self.0.get(after).is_some_and(|spread| spread.start < hour.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes of the first day there is.
    fn span(from: i64, to: i64) -> Range<Minute> {
        let day = Minute::nearest(0).epoch_minutes();
        Minute::nearest(day + from)..Minute::nearest(day + to)
    }

    #[test]
    fn an_hour_is_touched_by_whatever_has_a_minute_of_it() {
        let spread = Spread::of(vec![span(600, 700), span(90, 180), span(60, 420)]);
        assert_eq!(spread, Spread(vec![span(60, 420), span(600, 700)]));
        let touched: Vec<i64> =
            (0..14).filter(|hour| spread.touches(&span(hour * 60, hour * 60 + 60))).collect();
        assert_eq!(touched, [1, 2, 3, 4, 5, 6, 10, 11]);
    }
}
