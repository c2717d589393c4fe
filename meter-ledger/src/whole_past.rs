//! The past of a meter of which nothing is recorded yet, all at once: its days are packed without having been rows.

use std::collections::VecDeque;

use meter_messages::PulseCount;

use crate::days::day_of;
use crate::error::damaged;
use crate::packing::{self, DAYS_IN_ROWS};
use crate::{Batch, LedgerError, OutboxMark, OutboxMinute, days, quarters, spans};

/// Minutes on their way into the ledger.
struct Past<'of> {
    mark: &'of OutboxMark,
    /// Whether the meter has nothing yet, so that whole days can be packed.
    is_first: bool,
    /// The newest days, which become rows as recorded minutes do.
    newest: VecDeque<Vec<PulseCount>>,
    last: Option<PulseCount>,
}

impl Batch<'_> {
    /// Records what an outbox has counted of the past: ascending minutes whose numbers go on from its mark, which is then at
    /// the last of them. Of a meter of which nothing is known, days are packed as they come, which takes a twentieth of
    /// the time; otherwise each minute is recorded by itself. Returns how many minutes there were.
    ///
    /// # Errors
    /// [`LedgerError`], also of minutes that do not ascend or whose numbers do not; then the batch is to be dropped.
    pub fn record_past(
        &mut self,
        mark: &OutboxMark,
        counts: impl IntoIterator<Item = PulseCount>,
    ) -> Result<u64, LedgerError> {
        let is_first = packing::has_nothing(self.transaction(), mark.meter_row)?
            && spans::last(self.transaction(), mark.meter_row)?.is_none();
        let mut past = Past { mark, is_first, newest: VecDeque::new(), last: None };
        for count in counts {
            past.take(self, count)?;
        }
        past.end(self)
    }

    /// Packs a day of which nothing is recorded.
    fn pack_new(&mut self, mark: &OutboxMark, counts: &[PulseCount]) -> Result<(), LedgerError> {
        let of_outbox = |count| OutboxMinute::of_count(mark.outbox_row, count);
        let rows: Vec<OutboxMinute> = counts.iter().map(of_outbox).collect();
        let Some(first) = rows.first() else { return Ok(()) };
        let day = day_of(first.minute);
        days::insert(self.transaction(), mark.meter_row, day, &rows)?;
        quarters::write(self.transaction(), mark.meter_row, day, &rows)
    }
}

impl Past<'_> {
    fn take(&mut self, batch: &mut Batch<'_>, count: PulseCount) -> Result<(), LedgerError> {
        let number = self.last.map_or(self.mark.mark_seq, |last| last.seq) + 1;
        if count.seq != number || self.last.is_some_and(|last| last.minute >= count.minute) {
            return Err(damaged(format_args!("minute {} of the past is number {}", count.minute, count.seq)));
        }
        self.last = Some(count);
        if !self.is_first {
            return batch.record(self.mark, &count).map(drop);
        }
        let day = |count: &PulseCount| day_of(count.minute.epoch_minutes());
        match self.newest.back_mut() {
            Some(minutes) if minutes.first().is_some_and(|first| day(first) == day(&count)) => {
                minutes.push(count);
            }
            _ => self.newest.push_back(vec![count]),
        }
        if self.newest.len() > DAYS_IN_ROWS as usize {
            batch.pack_new(self.mark, &self.newest.pop_front().unwrap_or_default())?;
        }
        Ok(())
    }

    fn end(self, batch: &mut Batch<'_>) -> Result<u64, LedgerError> {
        batch.look_again()?;
        for count in self.newest.iter().flatten() {
            batch.record(self.mark, count)?;
        }
        let Some(last) = self.last else { return Ok(0) };
        let mut mark = self.mark.clone();
        (mark.mark_seq, mark.mark_minute) = (last.seq, Some(last.minute));
        batch.keep_mark(&mark)?;
        Ok(last.seq - self.mark.mark_seq)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::{Info, Meter, Minute};

    use super::*;
    use crate::Ledger;

    /// In the middle of a day.
    const FIRST: i64 = 20_000 * 24 * 60 + 700;

    fn ledger() -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::TempDir::new().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        (folder, ledger)
    }

    fn info(outbox: &str) -> Info {
        let info = format!(
            r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":1}}"#
        );
        Info::from_json(info.as_bytes()).unwrap()
    }

    fn counts(minutes: i64) -> impl Iterator<Item = PulseCount> {
        let mut total = 0;
        (0..minutes).map(move |at| {
            let pulses = (at * 7919 % 60) as u32;
            total += u64::from(pulses);
            let minute = Minute::nearest(FIRST + at);
            PulseCount { minute, watched_s: 60, seq: at as u64 + 1, pulses, total }
        })
    }

    fn in_rows(ledger: &Ledger) -> i64 {
        let count = "SELECT count(*) FROM minute WHERE meter = ?1";
        ledger.connection.query_row(count, [1], |row| row.get(0)).unwrap()
    }

    #[test]
    fn it_is_the_same_as_minute_by_minute() {
        let meter: Meter = "hq/main".parse().unwrap();
        let all = Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX);
        let ((_one, mut at_once), (_other, mut singly)) = (ledger(), ledger());
        let mut batch = at_once.batch().unwrap();
        let mark = batch.register(&meter, &info("a")).unwrap();
        assert_eq!(batch.record_past(&mark, counts(10_000)).unwrap(), 10_000);
        batch.commit().unwrap();
        for _ in 0..3 {
            let mut batch = singly.batch().unwrap();
            let mut mark = batch.register(&meter, &info("a")).unwrap();
            for count in counts(10_000) {
                batch.record(&mark, &count).unwrap();
                (mark.mark_seq, mark.mark_minute) = (count.seq, Some(count.minute));
            }
            batch.keep_mark(&mark).unwrap();
            batch.commit().unwrap();
        }
        let of = |ledger: &Ledger| {
            let known = ledger.meter(&meter).unwrap().unwrap();
            let sum = ledger.sum(&known, all.clone()).unwrap();
            (ledger.minutes(&known, all.clone()).unwrap(), format!("{sum:?}"), in_rows(ledger))
        };
        let (found, expected) = (of(&at_once), of(&singly));
        assert_eq!(found.0.len(), 10_000);
        assert_eq!(found, expected);
        assert!(found.2 < 2 * 1440 + 1, "{} minutes are in rows", found.2);
        assert_eq!(at_once.outbox_marks().unwrap(), singly.outbox_marks().unwrap());
    }

    #[test]
    fn another_outbox_goes_on_and_nothing_is_taken_twice() {
        let (_folder, mut ledger) = ledger();
        let meter: Meter = "hq/main".parse().unwrap();
        let mut batch = ledger.batch().unwrap();
        let mark = batch.register(&meter, &info("a")).unwrap();
        batch.record_past(&mark, counts(6_000)).unwrap();
        batch.commit().unwrap();
        // The same again, as if by a publisher that did not know: each by itself.
        let mut batch = ledger.batch().unwrap();
        let mark = batch.register(&meter, &info("b")).unwrap();
        assert_eq!(batch.record_past(&mark, counts(7_000)).unwrap(), 7_000);
        batch.commit().unwrap();
        let known = ledger.meter(&meter).unwrap().unwrap();
        let all = Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX);
        let found: u64 = ledger.minutes(&known, all).unwrap().iter().map(|it| u64::from(it.pulses)).sum();
        assert_eq!(found, counts(7_000).map(|it| u64::from(it.pulses)).sum::<u64>());
    }

    #[test]
    fn what_does_not_ascend_is_refused() {
        let (_folder, mut ledger) = ledger();
        let mut batch = ledger.batch().unwrap();
        let mark = batch.register(&"hq/main".parse().unwrap(), &info("a")).unwrap();
        let twice = |what: fn(&mut PulseCount)| {
            let mut found: Vec<_> = counts(2).collect();
            what(&mut found[1]);
            found
        };
        for wrong in
            [twice(|it| it.seq = 1), twice(|it| it.seq = 3), twice(|it| it.minute = Minute::nearest(FIRST))]
        {
            assert!(batch.record_past(&mark, wrong).is_err());
        }
    }
}
