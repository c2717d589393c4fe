//! Which days are packed, and when: with the commits of the minutes after them, a few at a time.

use std::collections::{HashMap, VecDeque};

use crate::days::{self, day_of, minutes_of};
use crate::error::if_readable;
use crate::home::{self, Bulk, Connection, OptionalRow, Row, ToValue, params};
use crate::{LedgerError, pulse_times, quarters, rows};

/// A meter's newest day and the one before stay in rows, where minutes are added to them: these are days
/// whose minutes are all there, or late.
pub(crate) const DAYS_IN_ROWS: i64 = 2;

/// A commit packs at most so many days; that is more than one takes minutes.
const MOST_PACKED: usize = 8;

/// A commit looks at most at so many meters.
const MOST_LOOKED_AT: usize = 200;

/// After the newest minutes of so many meters were asked for one by one, a database is asked for those of all others at
/// once.
const ONE_BY_ONE: usize = 10;

/// What the writer remembers of its meters. It may remember a later minute than there is, of a batch that was
/// not committed, and that something is packed which is not; that costs a look, or a day stays in rows longer. What is
/// packed is decided by what is there.
#[derive(Debug, Default)]
pub(crate) struct NewestMinutes {
    /// By the meter's row.
    of_meters: HashMap<i64, Newest>,
    /// Meters that may have days to pack. Each waits for its turn, so that none with many of them keeps the
    /// others waiting.
    due: VecDeque<i64>,
    /// The home's number of what others have written.
    edition: Option<i64>,
    /// The meters that were known before all was forgotten: they are asked for again. None: all.
    before: Vec<i64>,
    /// The newest minutes of meters that were asked for at once and have not been needed yet.
    at_once: HashMap<i64, Found>,
    /// How many were asked for one by one.
    one_by_one: usize,
    /// Which recorder this is, of several that share a ledger. What it remembers of a meter holds as long as the row `writer` of
    /// that meter names it, which each of them sees to before it writes; whoever takes a meter over tells all others.
    me: Option<i64>,
    /// Whether it has taken meters over, and that is not committed yet.
    has_taken: bool,
}

/// What the ledger holds of a meter.
#[derive(Debug, Clone, Copy)]
struct Found {
    newest: i64,
    /// The recorder that has written it last.
    writer: Option<i64>,
}

#[derive(Debug)]
struct Newest {
    minute: i64,
    is_due: bool,
}

impl NewestMinutes {
    /// Whether it is of a recorder that says which meters it writes.
    pub(crate) fn is_of_recorder(&self) -> bool {
        self.me.is_some()
    }

    /// From now on it is of this recorder.
    pub(crate) fn begin_as(&mut self, recorder: i64) {
        self.me = Some(recorder);
        self.forget();
    }

    /// Forgets everything if another process has written since the last batch; of recorders that share a ledger, if another one
    /// has taken meters over. Or if this one has, and that was not committed.
    pub(crate) fn begin(&mut self, connection: &Connection) -> home::Result<()> {
        let edition = Some(connection.edition(self.is_of_recorder())?);
        if self.edition != edition || self.has_taken {
            self.forget();
        }
        if let Some(me) = self.me {
            // What others write goes on from batch to batch.
            self.at_once.retain(|_, found| found.writer == Some(me));
            self.one_by_one = 0;
        }
        (self.edition, self.has_taken) = (edition, false);
        Ok(())
    }

    /// Tells other recorders which meters are not theirs any more.
    pub(crate) fn tell_others(&self, connection: &Connection) -> home::Result<()> {
        if self.has_taken { connection.hand_over() } else { Ok(()) }
    }

    /// What was taken over is.
    pub(crate) fn committed(&mut self) {
        self.has_taken = false;
    }

    /// Forgets everything: what it remembers may be of other meters by now.
    pub(crate) fn forget(&mut self) {
        self.before.splice(.., self.of_meters.drain().map(|(meter_row, _)| meter_row));
        self.due.clear();
        self.at_once.clear();
        self.one_by_one = 0;
    }

    /// The newest minute of a meter of which nothing is remembered.
    fn look(&mut self, connection: &Connection, meter_row: i64) -> home::Result<i64> {
        self.one_by_one += 1;
        if connection.is_far() && self.one_by_one == ONE_BY_ONE {
            self.at_once = newest_of_many(connection, &self.before)?;
        }
        let Found { newest, writer } = match (self.at_once.remove(&meter_row), self.me) {
            (Some(found), _) => found,
            (None, None) => return newest_or_packed(connection, meter_row),
            (None, Some(_)) => Found {
                newest: newest_or_packed(connection, meter_row)?,
                writer: writer(connection, meter_row)?,
            },
        };
        if let Some(me) = self.me.filter(|me| writer != Some(*me)) {
            take_over(connection, meter_row, me)?;
            self.has_taken = true;
        }
        Ok(newest)
    }

    /// Whether nothing is recorded of a meter in this minute or later, which need not be looked for then. From
    /// now on something is.
    pub(crate) fn is_new(
        &mut self,
        connection: &Connection,
        meter_row: i64,
        minute: i64,
    ) -> home::Result<bool> {
        if !self.of_meters.contains_key(&meter_row) {
            let minute = self.look(connection, meter_row)?;
            self.due.push_back(meter_row);
            self.of_meters.insert(meter_row, Newest { minute, is_due: true });
        }
        let Some(known) = self.of_meters.get_mut(&meter_row) else { return Ok(false) };
        // A day has begun; or a day that should be packed is given a minute.
        let to_pack = day_of(minute) != day_of(known.minute);
        if to_pack && !std::mem::replace(&mut known.is_due, true) {
            self.due.push_back(meter_row);
        }
        let is_new = minute > known.minute;
        known.minute = minute.max(known.minute);
        Ok(is_new)
    }

    /// Packs what is due, as much as one commit may.
    pub(crate) fn pack(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        let (mut packed, mut looked_at) = (0, 0);
        let mut oldest = VecDeque::new();
        while packed < MOST_PACKED && looked_at < MOST_LOOKED_AT {
            if oldest.is_empty() {
                let at_once = if connection.is_far() { MOST_LOOKED_AT - looked_at } else { 1 };
                let meters: Vec<i64> = self.due.iter().copied().take(at_once).collect();
                oldest = if meters.is_empty() { break } else { oldest_to_pack(connection, &meters)? };
            }
            let (Some(meter_row), Some(day)) = (self.due.pop_front(), oldest.pop_front()) else { break };
            looked_at += 1;
            let Some(known) = self.of_meters.get_mut(&meter_row) else { continue };
            let Some(day) = day else {
                known.is_due = false;
                continue;
            };
            let attempt = connection.attempt(|| pack(connection, meter_row, day));
            if if_readable(format_args!("row {meter_row}"), attempt)?.is_some() {
                self.due.push_back(meter_row);
                packed += 1;
            }
            // Else it stays in rows, and is due again when the ledger is opened the next time.
        }
        Ok(())
    }
}

/// The newest minute of a meter. It is in a row: its day is never packed.
pub(crate) fn newest(connection: &Connection, meter_row: i64) -> home::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT max(minute) FROM minute WHERE meter = ?1")?
        .query_row([meter_row], |row| row.get(0))
}

/// Whether nothing at all was counted of a meter.
pub(crate) fn has_nothing(connection: &Connection, meter_row: i64) -> home::Result<bool> {
    Ok(newest_or_packed(connection, meter_row)? == i64::MIN)
}

/// The newest minute of a meter, or the end of its last packed day if that is later: it was packed too early.
/// `i64::MIN` if there is nothing.
fn newest_or_packed(connection: &Connection, meter_row: i64) -> home::Result<i64> {
    let packed: Option<i64> = connection
        .prepare_cached("SELECT max(day) FROM day WHERE meter = ?1")?
        .query_row([meter_row], |row| row.get(0))?;
    let end = packed.map(|day| minutes_of(day).end - 1);
    Ok(newest(connection, meter_row)?.max(end).unwrap_or(i64::MIN))
}

/// The same of many meters, which a database is asked for at once; of all if none are named.
fn newest_of_many(connection: &Connection, meters: &[i64]) -> home::Result<HashMap<i64, Found>> {
    let of_some =
        if meters.is_empty() { "" } else { " WHERE one.id = ANY (CAST(CAST(?1 AS TEXT) AS BIGINT[]))" };
    let sql = format!(
        "SELECT one.id, (SELECT max(minute.minute) FROM minute WHERE minute.meter = one.id),
                (SELECT max(day.day) FROM day WHERE day.meter = one.id),
                (SELECT recorder FROM writer WHERE writer.meter = one.id)
         FROM meter AS one{of_some}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let some = (!meters.is_empty()).then(|| array(meters));
    let newest = statement.query_map(some.as_slice(), |row| {
        let (newest, day): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
        let end = day.map(|day| minutes_of(day).end - 1);
        Ok((row.get(0)?, Found { newest: newest.max(end).unwrap_or(i64::MIN), writer: row.get(3)? }))
    })?;
    newest.collect()
}

/// The recorder that has written a meter last, where several share a ledger.
fn writer(connection: &Connection, meter_row: i64) -> home::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT recorder FROM writer WHERE meter = ?1")?
        .query_row([meter_row], |row| row.get(0))
        .optional()
}

/// Of a meter that is no longer there nobody is the writer.
pub(crate) fn forget_writer(connection: &Connection, meter_row: i64) -> home::Result<()> {
    if connection.is_far() {
        connection.execute("DELETE FROM writer WHERE meter = ?1", [meter_row])?;
    }
    Ok(())
}

/// From now on a meter is written by this recorder.
fn take_over(connection: &Connection, meter_row: i64, recorder: i64) -> home::Result<()> {
    static TAKE: Bulk = Bulk {
        one: "INSERT INTO writer (meter, recorder) VALUES (?1, ?2) ON CONFLICT (meter) DO UPDATE SET recorder = ?2",
        many: "INSERT INTO writer (meter, recorder) SELECT unnest(?1::BIGINT[]), unnest(?2::BIGINT[])
               ON CONFLICT (meter) DO UPDATE SET recorder = excluded.recorder",
    };
    connection.bulk(&TAKE, [meter_row.to_value(), recorder.to_value()])
}

/// Numbers as PostgreSQL writes an array of them.
fn array(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}

/// Of each of some meters the oldest day that is in rows, if it is long enough ago to be packed.
fn oldest_to_pack(connection: &Connection, meters: &[i64]) -> Result<VecDeque<Option<i64>>, LedgerError> {
    const ONE: &str = "
        SELECT CAST(?1 AS BIGINT), (SELECT min(minute) FROM minute WHERE meter = ?1), (SELECT max(minute) FROM minute WHERE meter = ?1)";
    const MANY: &str = "
        SELECT one.id, (SELECT min(minute.minute) FROM minute WHERE minute.meter = one.id),
               (SELECT max(minute.minute) FROM minute WHERE minute.meter = one.id)
        FROM meter AS one WHERE one.id = ANY (CAST(CAST(?1 AS TEXT) AS BIGINT[]))";
    let of_row = |row: &Row<'_>| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)));
    let found: HashMap<i64, (Option<i64>, Option<i64>)> = match meters {
        [one] => connection.prepare_cached(ONE)?.query_map([*one], of_row)?.collect::<Result<_, _>>()?,
        many => {
            connection.prepare_cached(MANY)?.query_map([array(many)], of_row)?.collect::<Result<_, _>>()?
        }
    };
    let oldest = meters.iter().map(|meter| {
        let (oldest, newest) = found.get(meter).copied().unwrap_or_default();
        let days = oldest.map(day_of).zip(newest.map(day_of));
        days.filter(|(oldest, newest)| *oldest <= newest - DAYS_IN_ROWS).map(|(oldest, _)| oldest)
    });
    Ok(oldest.collect())
}

/// Packs a day with its pulses' times, and writes its sums. A day that cannot be packed, because a row of it cannot be read
/// or something is packed there already, is left as it is.
fn pack(connection: &Connection, meter_row: i64, day: i64) -> Result<(), LedgerError> {
    let minutes = minutes_of(day);
    let rows = rows::unpacked(connection, meter_row, minutes.clone())?;
    days::insert(connection, meter_row, day, &rows)?;
    connection
        .prepare_cached("DELETE FROM minute WHERE meter = ?1 AND minute >= ?2 AND minute < ?3")?
        .execute(params![meter_row, minutes.start, minutes.end])?;
    pulse_times::pack(connection, meter_row, day)?;
    quarters::write(connection, meter_row, day, &rows)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::{Info, Meter, Minute, PulseCount};

    use super::*;
    use crate::Ledger;

    const FIRST: i64 = 20_000 * 24 * 60;

    fn record(ledger: &mut Ledger, meter: &str, days: std::ops::Range<i64>) {
        let meter: Meter = meter.parse().unwrap();
        let info =
            br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        let mut batch = ledger.batch().unwrap();
        let mark = batch.register(&meter, &Info::from_json(info).unwrap()).unwrap();
        for day in days {
            let minute = Minute::nearest(FIRST + day * 24 * 60);
            let seq = day as u64 + 1;
            batch.record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses: 1, total: seq }).unwrap();
        }
        batch.commit().unwrap();
    }

    fn packed(ledger: &Ledger, meter: &str) -> u64 {
        let count = "SELECT count(*) FROM day WHERE meter = (SELECT id FROM meter WHERE meter = ?1)";
        ledger.connection.query_row(count, [meter], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_commit_packs_a_few_days_and_no_meter_keeps_the_others_waiting() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        record(&mut ledger, "hq/long", 0..1000);
        assert_eq!(packed(&ledger, "long"), MOST_PACKED as u64);
        record(&mut ledger, "hq/short", 0..5);
        assert_eq!(packed(&ledger, "short"), 3);
        ledger.batch().unwrap().commit().unwrap();
        assert_eq!(packed(&ledger, "long"), 2 * MOST_PACKED as u64 + MOST_PACKED as u64 - 3);
        // Another start goes on with it.
        drop(ledger);
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        for day in 1000..1200 {
            record(&mut ledger, "hq/long", day..day + 1);
        }
        assert_eq!(packed(&ledger, "long"), 1200 - DAYS_IN_ROWS as u64);
    }

    /// A batch of later minutes is refused: the only day that there is stays in rows, and is known where it was packed.
    #[test]
    fn what_was_not_committed_packs_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let mut ledger = Ledger::open(&path).unwrap();
        let info =
            br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        let info = Info::from_json(info).unwrap();
        let of_day = |day: i64| PulseCount {
            minute: Minute::nearest(FIRST + day * 24 * 60),
            watched_s: 60,
            seq: day as u64 + 1,
            pulses: 1,
            total: day as u64 + 1,
        };
        record(&mut ledger, "hq/main", 0..1);
        let mut refused = ledger.batch().unwrap();
        let mark = refused.register(&"hq/main".parse().unwrap(), &info).unwrap();
        refused.record(&mark, &of_day(5)).unwrap();
        drop(refused);
        ledger.batch().unwrap().commit().unwrap();
        assert_eq!(packed(&ledger, "main"), 0);

        // As older versions have left it.
        let rows = rows::unpacked(&ledger.connection, 1, 0..i64::MAX).unwrap();
        days::insert(&ledger.connection, 1, day_of(FIRST), &rows).unwrap();
        ledger.connection.execute("DELETE FROM minute", []).unwrap();
        drop(ledger);
        let mut ledger = Ledger::open(&path).unwrap();
        let mut batch = ledger.batch().unwrap();
        assert_eq!(batch.record(&mark, &of_day(0)).unwrap(), crate::Recording::AlreadyRecorded);
    }

    #[test]
    fn a_row_that_cannot_be_read_and_a_day_that_is_packed_already_stay_and_stop_nobody() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        record(&mut ledger, "hq/spoilt", 0..3);
        record(&mut ledger, "hq/twice", 0..4);
        record(&mut ledger, "hq/sound", 0..2);
        record(&mut ledger, "hq/times", 0..2);
        let by_hand = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
        let sql = format!(
            "UPDATE minute SET pulses = -1 WHERE minute = {} AND meter = 1;
             INSERT INTO minute (meter, minute, outbox, pulses, watched_s, total, seq)
                 SELECT 2, {FIRST} + 1, outbox, 7, 60, 7, 9 FROM minute WHERE meter = 2 LIMIT 1;
             INSERT INTO pulse_times (meter, minute, first_ms, last_ms) VALUES (4, {FIRST}, -1, -1);",
            FIRST + 24 * 60,
        );
        by_hand.execute_batch(&sql).unwrap();
        let of_day =
            |day: i64| format!("SELECT runs FROM day WHERE meter = 2 AND day = {}", FIRST / 1440 + day);
        let packed_before: String = by_hand.query_row(&of_day(0), [], |row| row.get(0)).unwrap();
        for (meter, days) in [("hq/spoilt", 3..9), ("hq/twice", 4..9), ("hq/sound", 2..9), ("hq/times", 2..9)]
        {
            record(&mut ledger, meter, days);
            ledger.batch().unwrap().commit().unwrap();
        }
        assert_eq!(
            [packed(&ledger, "spoilt"), packed(&ledger, "twice"), packed(&ledger, "sound")],
            [1, 2, 7]
        );
        assert_eq!(packed_before, by_hand.query_row(&of_day(0), [], |row| row.get::<_, String>(0)).unwrap());
        let rows = |meter: i64| {
            by_hand.query_row("SELECT count(*) FROM minute WHERE meter = ?1", [meter], |row| {
                row.get::<_, i64>(0)
            })
        };
        assert_eq!([rows(1).unwrap(), rows(2).unwrap()], [8, 8], "nothing is lost by it");
        // What begins to be packed is packed as a whole, with its sums, or not at all.
        assert_eq!((packed(&ledger, "times"), rows(4).unwrap()), (0, 9));
    }

    #[test]
    fn two_months_take_6_bytes_a_minute() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let meter: Meter = "hq/main".parse().unwrap();
        let info =
            br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        let minutes = 60 * 24 * 60;
        let bytes_of = |ledger: &Ledger| {
            let pages = |pragma| {
                ledger
                    .connection
                    .file()
                    .unwrap()
                    .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
                    .unwrap()
            };
            pages("page_size") * pages("page_count")
        };
        // Each table has a page, whatever is in it.
        let empty = bytes_of(&ledger);
        let mut total = 0;
        for first in (0..minutes).step_by(4800) {
            let mut batch = ledger.batch().unwrap();
            let mark = batch.register(&meter, &Info::from_json(info).unwrap()).unwrap();
            for at in first..first + 4800 {
                let pulses = ((at * 7919) % 60) as u32;
                total += u64::from(pulses);
                let minute = Minute::nearest(FIRST + at);
                batch
                    .record(&mark, &PulseCount { minute, watched_s: 60, seq: at as u64 + 1, pulses, total })
                    .unwrap();
            }
            batch.commit().unwrap();
        }
        ledger.connection.file().unwrap().pragma_query(None, "wal_checkpoint", |_| Ok(())).unwrap();
        let bytes = bytes_of(&ledger) - empty;
        println!("{:.1} bytes a minute", bytes as f64 / minutes as f64);
        assert!(bytes < 7 * minutes, "{bytes} bytes for {minutes} minutes");
    }
}
