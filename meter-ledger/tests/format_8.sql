-- A ledger as format 8 had it: a meter that was replaced, one of gas, one whose info has not come.
CREATE TABLE meter (
      id             INTEGER PRIMARY KEY,
      site           TEXT NOT NULL,
      meter          TEXT NOT NULL,
      name           TEXT NOT NULL,
      constant_millionths INTEGER NOT NULL,
      outbox         TEXT NOT NULL, repeated INTEGER NOT NULL DEFAULT 0, contradicted INTEGER NOT NULL DEFAULT 0, medium TEXT NOT NULL DEFAULT 'electricity',
      UNIQUE (site, meter)
  ) STRICT;
CREATE TABLE outbox (
      id          INTEGER PRIMARY KEY,
      meter       INTEGER NOT NULL REFERENCES meter (id),
      name        TEXT NOT NULL,
      mark_seq    INTEGER NOT NULL DEFAULT 0,
      mark_minute INTEGER, set_back INTEGER NOT NULL DEFAULT 0,
      UNIQUE (meter, name)
  ) STRICT;
CREATE TABLE minute (
      meter     INTEGER NOT NULL REFERENCES meter (id),
      minute    INTEGER NOT NULL,
      outbox    INTEGER NOT NULL REFERENCES outbox (id),
      pulses    INTEGER NOT NULL,
      watched_s INTEGER NOT NULL,
      total     INTEGER NOT NULL, seq INTEGER,
      PRIMARY KEY (meter, minute, outbox)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE constant (
      meter          INTEGER NOT NULL REFERENCES meter (id),
      from_minute    INTEGER NOT NULL,
      millionths INTEGER NOT NULL,
      PRIMARY KEY (meter, from_minute)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE given_up (
      meter        INTEGER NOT NULL REFERENCES meter (id),
      after_minute INTEGER NOT NULL,
      numbers      INTEGER NOT NULL
  , outbox INTEGER REFERENCES outbox (id), first_seq INTEGER) STRICT;
CREATE TABLE reading (
      meter   INTEGER NOT NULL REFERENCES meter (id),
      read_at INTEGER NOT NULL,
      shown     REAL NOT NULL,
      by      TEXT NOT NULL,
      entered INTEGER NOT NULL,
      PRIMARY KEY (meter, read_at)
  ) STRICT, WITHOUT ROWID;
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
CREATE INDEX given_up_of_outbox ON given_up (outbox, first_seq);
INSERT INTO meter VALUES (1, 'hq', 'main', 'Haus', 187500000, 'a', 2, 1, 'electricity');
INSERT INTO meter VALUES (2, 'hq', 'gas', 'Gas', 100000000, 'g', 0, 0, 'gas');
INSERT INTO meter VALUES (3, 'hq', 'new', '', 0, 'n', 0, 0, 'electricity');
INSERT INTO outbox VALUES (1, 1, 'a', 3, 29000019, 0), (2, 2, 'g', 1, 29000017, 0), (3, 3, 'n', 0, NULL, 0);
INSERT INTO constant VALUES (1, 0, 1000000000), (1, 29000018, 187500000), (2, 0, 100000000);
INSERT INTO minute VALUES (1, 29000017, 1, 500, 60, 500, 1), (1, 29000018, 1, 75, 40, 575, 2), (1, 29000019, 1, 0, 60, 575, 3);
INSERT INTO minute VALUES (2, 29000017, 2, 7, 60, 7, 1), (3, 29000017, 3, 5, 60, 5, 1);
INSERT INTO reading VALUES (1, 1740001000, 812.5, 'anna', 1740001100);
PRAGMA application_id = 0x50775069;
PRAGMA user_version = 8;
