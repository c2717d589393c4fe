//! The tables.

use std::time::Duration;

use rusqlite::Transaction;
use sqlite_file::{FileKind, Progress, Step};

use crate::upgrading;

pub(crate) static LEDGER: FileKind = FileKind {
    name: "ledger",
    writer: "powerpi-recorder",
    setting: "`ledger`",
    application_id: 0x5077_5069, // "PwPi"
    steps: &[
        Step::Sql(TABLES),
        Step::Sql(FORMAT_2),
        Step::Sql(FORMAT_3),
        Step::Sql(FORMAT_4),
        Step::Sql(FORMAT_5),
        Step::Code(format_6),
        Step::Sql(FORMAT_7),
        Step::Sql(FORMAT_8),
        Step::Code(format_9),
        Step::Sql(FORMAT_10),
        Step::Sql(FORMAT_11),
        Step::Sql(PULSE_TIMES),
        Step::Sql(DAY_PRICES),
        Step::Sql(MOVED),
        Step::Sql(SET_ASIDE),
        Step::Sql(SAID_READINGS),
        Step::Sql(IMPORTS),
    ],
    patience: Duration::from_secs(5),
    exclusive: false,
    incremental_vacuum: true,
};

/// A minute belongs to the outbox it came from: two SD cards that shared a
/// minute (the Pi was given a new one at 12:34:30) keep both their pulses, and
/// either can be sent again without counting twice. A meter's
/// `outbox` is the one it fills now; an outbox's `mark_seq` is the last `seq` up
/// to which nothing is missing.
const TABLES: &str = "
    CREATE TABLE meter (
        id             INTEGER PRIMARY KEY,
        site           TEXT NOT NULL,
        meter          TEXT NOT NULL,
        name           TEXT NOT NULL,
        pulses_per_kwh INTEGER NOT NULL,
        outbox         TEXT NOT NULL,
        UNIQUE (site, meter)
    ) STRICT;
    CREATE TABLE outbox (
        id          INTEGER PRIMARY KEY,
        meter       INTEGER NOT NULL REFERENCES meter (id),
        name        TEXT NOT NULL,
        mark_seq    INTEGER NOT NULL DEFAULT 0,
        mark_minute INTEGER,
        UNIQUE (meter, name)
    ) STRICT;
    CREATE TABLE minute (
        meter     INTEGER NOT NULL REFERENCES meter (id),
        minute    INTEGER NOT NULL,
        outbox    INTEGER NOT NULL REFERENCES outbox (id),
        pulses    INTEGER NOT NULL,
        watched_s INTEGER NOT NULL,
        total     INTEGER NOT NULL,
        PRIMARY KEY (meter, minute, outbox)
    ) STRICT, WITHOUT ROWID;
";

/// What format 2 has beyond format 1:
/// a minute's number (NULL for those from before); the meter constants, each
/// from a minute on (0: from the beginning); the sums of UTC hours since 1970,
/// written in the transaction of their minutes; the numbers that were given up,
/// because their outbox no longer held them, and the newest minute there was
/// then; how often the same minute came again, and came otherwise; outboxes that
/// were set back to an old copy, and take nothing beyond their mark any more.
const FORMAT_2: &str = "
    ALTER TABLE minute ADD COLUMN seq INTEGER;
    ALTER TABLE meter ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE meter ADD COLUMN contradicted INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN set_back INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE constant (
        meter          INTEGER NOT NULL REFERENCES meter (id),
        from_minute    INTEGER NOT NULL,
        pulses_per_kwh INTEGER NOT NULL,
        PRIMARY KEY (meter, from_minute)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE hour (
        meter     INTEGER NOT NULL REFERENCES meter (id),
        hour      INTEGER NOT NULL,
        pulses    INTEGER NOT NULL,
        minutes   INTEGER NOT NULL,
        watched_s INTEGER NOT NULL,
        most      INTEGER NOT NULL,
        PRIMARY KEY (meter, hour)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE given_up (
        meter        INTEGER NOT NULL REFERENCES meter (id),
        after_minute INTEGER NOT NULL,
        numbers      INTEGER NOT NULL
    ) STRICT;
    INSERT INTO constant SELECT id, 0, pulses_per_kwh FROM meter;
    INSERT INTO hour
        SELECT meter, minute / 60, sum(pulses), count(*), sum(watched_s), max(pulses)
        FROM (SELECT meter, minute, sum(pulses) AS pulses, min(sum(watched_s), 60) AS watched_s
              FROM minute GROUP BY meter, minute)
        GROUP BY meter, minute / 60;
";

/// What format 3 has beyond format 2: what people read off the meter itself. Nothing is worked
/// out from it but how far the pulses are off.
const FORMAT_3: &str = "
    CREATE TABLE reading (
        meter   INTEGER NOT NULL REFERENCES meter (id),
        read_at INTEGER NOT NULL,
        kwh     REAL NOT NULL,
        by      TEXT NOT NULL,
        entered INTEGER NOT NULL,
        PRIMARY KEY (meter, read_at)
    ) STRICT, WITHOUT ROWID;
";

/// What format 4 has beyond format 3: what flows through a meter. Its constant and what it shows
/// are per kWh and in kWh, or per m³ and in m³.
const FORMAT_4: &str = "
    ALTER TABLE meter ADD COLUMN medium TEXT NOT NULL DEFAULT 'electricity';
    ALTER TABLE meter RENAME COLUMN pulses_per_kwh TO constant;
    ALTER TABLE constant RENAME COLUMN pulses_per_kwh TO constant;
    ALTER TABLE reading RENAME COLUMN kwh TO shown;
";

/// What format 5 has beyond format 4: minutes that are kept aside, because they lie too far ahead of the
/// recorder's clock, and how many there are of each site.
const FORMAT_5: &str = "
    CREATE TABLE aside (
        minute    INTEGER NOT NULL,
        meter     INTEGER NOT NULL REFERENCES meter (id),
        outbox    INTEGER NOT NULL REFERENCES outbox (id),
        pulses    INTEGER NOT NULL,
        watched_s INTEGER NOT NULL,
        total     INTEGER NOT NULL,
        seq       INTEGER NOT NULL,
        PRIMARY KEY (minute, meter, outbox)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX aside_of_meter ON aside (meter, minute);
    CREATE TABLE aside_of_site (
        site    TEXT PRIMARY KEY,
        minutes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// What format 6 has beyond format 5: days that are packed, see `days`. They have their own sums; those of
/// hours are no longer needed. `every_minute` is for people and for programs in other languages.
const FORMAT_6: &str = "
    CREATE TABLE day (
        meter     INTEGER NOT NULL REFERENCES meter (id),
        day       INTEGER NOT NULL,
        pulses    INTEGER NOT NULL,
        minutes   INTEGER NOT NULL,
        watched_s INTEGER NOT NULL,
        most      INTEGER NOT NULL,
        runs      TEXT NOT NULL,
        PRIMARY KEY (meter, day)
    ) STRICT;
    CREATE VIEW every_minute (meter, minute, outbox, pulses, watched_s, total, seq) AS
        SELECT meter, minute, outbox, pulses, watched_s, total, seq FROM minute
        UNION ALL
        SELECT day.meter, run.value ->> 'minute' + pulses.key, run.value ->> 'outbox', pulses.value,
               run.value ->> 'watched_s',
               run.value ->> 'total' - run.value ->> '$.pulses[0]'
                   + sum(pulses.value) OVER (PARTITION BY day.meter, day.day, run.key ORDER BY pulses.key),
               run.value ->> 'seq' + pulses.key
        FROM day, json_each(day.runs) AS run, json_each(run.value, '$.pulses') AS pulses;
    DROP TABLE hour;
";

/// Makes them, and packs what is there.
fn format_6(transaction: &Transaction<'_>, progress: &mut Progress) -> rusqlite::Result<()> {
    transaction.execute_batch(FORMAT_6)?;
    upgrading::pack_days(transaction, progress)
}

/// What format 7 has beyond format 6: which numbers of which outbox were given up (NULL for those from before).
const FORMAT_7: &str = "
    ALTER TABLE given_up ADD COLUMN outbox INTEGER REFERENCES outbox (id);
    ALTER TABLE given_up ADD COLUMN first_seq INTEGER;
    CREATE INDEX given_up_of_outbox ON given_up (outbox, first_seq);
";

/// What format 8 has beyond format 7: constants need not be whole. A meter's is 0 until its `info` has come.
const FORMAT_8: &str = "
    UPDATE meter SET constant = constant * 1000000;
    UPDATE constant SET constant = constant * 1000000;
    ALTER TABLE meter RENAME COLUMN constant TO constant_millionths;
    ALTER TABLE constant RENAME COLUMN constant TO millionths;
";

/// What format 9 has beyond format 8: the sums of packed days by quarters of an hour, see `quarters`.
const FORMAT_9: &str = "
    CREATE TABLE quarters (
        meter INTEGER NOT NULL REFERENCES meter (id),
        day   INTEGER NOT NULL,
        sums  BLOB NOT NULL,
        PRIMARY KEY (meter, day)
    ) STRICT, WITHOUT ROWID;
";

/// Makes them, of what is packed.
fn format_9(transaction: &Transaction<'_>, progress: &mut Progress) -> rusqlite::Result<()> {
    transaction.execute_batch(FORMAT_9)?;
    upgrading::sum_quarters(transaction, progress)
}

/// What format 10 has beyond format 9: what a meter measures and whose part it is, as its publisher says (NULL where
/// it does not). Nothing that is counted depends on it.
const FORMAT_10: &str = "
    ALTER TABLE meter ADD COLUMN measures TEXT;
    ALTER TABLE meter ADD COLUMN part_of TEXT;
";

/// What format 11 has beyond format 10: what people say of times in which a meter was counted wrongly, see
/// `corrections` (`to_minute` is the first minute after it; of a kind's numbers the others are NULL); and which meters
/// were forgotten, see `forgetting`. `said`, `undone` and `at` are seconds since 1970.
const FORMAT_11: &str = "
    CREATE TABLE correction (
        id            INTEGER PRIMARY KEY,
        meter         INTEGER NOT NULL REFERENCES meter (id),
        from_minute   INTEGER NOT NULL,
        to_minute     INTEGER NOT NULL,
        kind          TEXT NOT NULL,
        pulses        INTEGER,
        numerator     INTEGER,
        denominator   INTEGER,
        reason        TEXT NOT NULL,
        said          INTEGER NOT NULL,
        by            TEXT NOT NULL,
        undone        INTEGER,
        undone_by     TEXT,
        undone_reason TEXT
    ) STRICT;
    CREATE INDEX correction_of_meter ON correction (meter, from_minute);
    CREATE TABLE forgotten (
        id     INTEGER PRIMARY KEY AUTOINCREMENT,
        site   TEXT NOT NULL,
        meter  TEXT NOT NULL,
        name   TEXT NOT NULL,
        newest INTEGER,
        at     INTEGER NOT NULL,
        by     TEXT NOT NULL
    ) STRICT;
    CREATE INDEX forgotten_meter ON forgotten (site, meter);
";

/// What format 12 has beyond format 11: when the first and the last pulse of minutes with few of them came, see `pulse_times`.
const PULSE_TIMES: &str = "
    CREATE TABLE pulse_times (
        meter    INTEGER NOT NULL REFERENCES meter (id),
        minute   INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms  INTEGER NOT NULL,
        PRIMARY KEY (meter, minute)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE day_pulse_times (
        meter INTEGER NOT NULL REFERENCES meter (id),
        day   INTEGER NOT NULL,
        times BLOB NOT NULL,
        PRIMARY KEY (meter, day)
    ) STRICT, WITHOUT ROWID;
";

/// What format 13 has beyond format 12: prices of the day, see `day_prices`. A price has the first minute of its quarter of
/// an hour, and the time at which it was said.
const DAY_PRICES: &str = "
    CREATE TABLE price_series (
        id       INTEGER PRIMARY KEY,
        site     TEXT NOT NULL,
        currency TEXT NOT NULL,
        quarters INTEGER NOT NULL,
        UNIQUE (site, currency)
    ) STRICT;
    CREATE TABLE price (
        series     INTEGER NOT NULL REFERENCES price_series (id),
        minute     INTEGER NOT NULL,
        billionths INTEGER NOT NULL,
        said_ms    INTEGER NOT NULL,
        PRIMARY KEY (series, minute)
    ) STRICT, WITHOUT ROWID;
";

/// What format 14 has beyond format 13: names under which a meter went before, see `names`. Such a name is a row of `meter`,
/// with the outboxes that send under it and nothing else; `moved_to` is the meter whose minutes these are. What is in
/// `forgotten` with another name in `moved_to` has gone there.
const MOVED: &str = "
    ALTER TABLE meter ADD COLUMN moved_to INTEGER REFERENCES meter (id);
    CREATE INDEX moved_meter ON meter (moved_to) WHERE moved_to IS NOT NULL;
    ALTER TABLE forgotten ADD COLUMN moved_to TEXT;
";

/// What it has beyond the format before: why a minute is in `aside`, where only those with the reason `future` are recorded
/// once their time has come; how often what came of a meter was refused, and why, so that its publisher keeps it, and when
/// for the last time; and what the recorder's own check found (`at` and `newest` are seconds since 1970).
const SET_ASIDE: &str = "
    ALTER TABLE aside ADD COLUMN reason TEXT NOT NULL DEFAULT 'future';
    CREATE INDEX aside_due ON aside (minute) WHERE reason = 'future';
    CREATE TABLE refused (
        site     TEXT NOT NULL,
        meter    TEXT NOT NULL,
        reason   TEXT NOT NULL,
        messages INTEGER NOT NULL,
        newest   INTEGER NOT NULL,
        PRIMARY KEY (site, meter, reason)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE checked (
        id     INTEGER PRIMARY KEY CHECK (id = 1),
        at     INTEGER NOT NULL,
        whole  INTEGER NOT NULL,
        faults INTEGER NOT NULL,
        first  TEXT
    ) STRICT;
";

/// What it has beyond the format before: readings that a meter's publisher says, as they came in its `info` (JSON; NULL
/// where it says none), and whether a reading is the first one of another meter.
const SAID_READINGS: &str = "
    ALTER TABLE meter ADD COLUMN readings TEXT;
    ALTER TABLE reading ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
";

/// What it has beyond the format before: what was imported from elsewhere, see `importing`. Its minutes are those of an
/// outbox of their own; what is known only of longer times stands in `imported_span` (`to_minute` is the first minute after
/// it), and `from_span`, `to_span` and `longest` say where an import has such times and how many minutes the longest of them
/// has. `total` is the meter's before the import, or the span, in pulses; `begun`, `finished` and `undone` are seconds since
/// 1970.
const IMPORTS: &str = "
    CREATE TABLE import (
        id        INTEGER PRIMARY KEY AUTOINCREMENT,
        meter     INTEGER NOT NULL REFERENCES meter (id),
        outbox    INTEGER REFERENCES outbox (id),
        source    TEXT NOT NULL,
        total     INTEGER NOT NULL,
        minutes   INTEGER NOT NULL DEFAULT 0,
        spans     INTEGER NOT NULL DEFAULT 0,
        pulses    INTEGER NOT NULL DEFAULT 0,
        longest   INTEGER NOT NULL DEFAULT 1,
        from_span INTEGER,
        to_span   INTEGER,
        begun     INTEGER NOT NULL,
        by        TEXT NOT NULL,
        finished  INTEGER,
        undone    INTEGER,
        undone_by TEXT
    ) STRICT;
    CREATE TABLE imported_span (
        meter       INTEGER NOT NULL REFERENCES meter (id),
        from_minute INTEGER NOT NULL,
        to_minute   INTEGER NOT NULL,
        import      INTEGER NOT NULL REFERENCES import (id),
        pulses      INTEGER NOT NULL,
        total       INTEGER NOT NULL,
        PRIMARY KEY (meter, from_minute)
    ) STRICT, WITHOUT ROWID;
";
