//! What a ledger in PostgreSQL does when its connection is lost, its server is killed, or somebody else writes.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use meter_ledger::{Ledger, LedgerError, LedgerHome, Recording};
use meter_messages::{Info, Meter, Minute, PulseCount};
use postgres_for_tests::{Server, Syncs, execute, rows};

/// Nothing takes longer, also beside other tests.
const LONGEST: Duration = Duration::from_secs(120);

/// The first minute of a day.
const FIRST: i64 = 20_000 * 1440;

fn meter(name: &str) -> Meter {
    format!("hq/{name}").parse().unwrap()
}

fn info() -> Info {
    let json =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    Info::from_json(json).unwrap()
}

fn count(at: i64) -> PulseCount {
    let (minute, seq) = (Minute::nearest(FIRST + at), at as u64 + 1);
    PulseCount { minute, watched_s: 60, seq, pulses: 2, total: 2 * seq }
}

/// Records minutes in one batch, with the mark after the last one.
fn record(
    ledger: &mut Ledger,
    name: &str,
    minutes: std::ops::Range<i64>,
) -> Result<Vec<Recording>, LedgerError> {
    let mut batch = ledger.batch()?;
    let mut mark = batch.register(&meter(name), &info())?;
    let recordings = minutes.clone().map(|at| batch.record(&mark, &count(at))).collect::<Result<_, _>>()?;
    (mark.mark_seq, mark.mark_minute) = (minutes.end as u64, Some(Minute::nearest(FIRST + minutes.end - 1)));
    batch.keep_mark(&mark)?;
    batch.commit()?;
    Ok(recordings)
}

fn pulses(ledger: &Ledger, name: &str) -> u64 {
    let known = ledger.meter(&meter(name)).unwrap().unwrap();
    ledger.sum(&known, Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX)).unwrap().pulses
}

/// Whoever is connected under a name is thrown out, and is gone afterwards.
fn throw_out(address: &str, name: &str) {
    let sql = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name";
    execute(address, &format!("{sql} = '{name}'"));
}

#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_that_was_committed() {
    let mut server = Server::start(Syncs::Yes);
    let address = server.address("killed");
    let home: LedgerHome = address.parse().unwrap();
    let mut ledger = Ledger::open(&home).unwrap();
    let (committed, is_over, began) = (AtomicI64::new(0), AtomicBool::new(false), Instant::now());
    std::thread::scope(|scope| {
        // As the recorder: what was refused is recorded again, and only what was committed counts.
        let recorder = scope.spawn(|| {
            let (mut refused, mut known) = (0, 0);
            while !is_over.load(Ordering::Relaxed) && began.elapsed() < LONGEST {
                let next = committed.load(Ordering::Relaxed);
                match record(&mut ledger, "main", next..next + 40) {
                    Ok(recordings) => {
                        known += i64::from(recordings[0] == Recording::AlreadyRecorded);
                        committed.store(next + 40, Ordering::Relaxed);
                    }
                    Err(_) => {
                        refused += 1;
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            }
            (refused, known)
        });
        for pause in [700, 333, 521] {
            std::thread::sleep(Duration::from_millis(pause));
            server.kill();
            let acknowledged = committed.load(Ordering::Relaxed);
            server.start_again();
            let there = rows(&address, "SELECT count(*) FROM every_minute")[0][0].parse::<i64>().unwrap();
            assert!(there >= acknowledged, "{acknowledged} minutes were acknowledged, {there} are there");
        }
        std::thread::sleep(Duration::from_millis(300));
        is_over.store(true, Ordering::Relaxed);
        let (refused, known) = recorder.join().unwrap();
        println!("{refused} batches refused, {known} of them committed all the same, {committed:?} minutes");
        assert!(refused >= 3);
    });
    let committed = committed.into_inner();
    assert!(committed > 2_000, "{committed}");
    assert_eq!(pulses(&ledger, "main"), 2 * committed as u64);
    let by_sql = rows(&address, "SELECT count(*), count(DISTINCT minute), sum(pulses) FROM every_minute");
    assert_eq!(by_sql, [[committed, committed, 2 * committed].map(|number| number.to_string())]);
    for known in ledger.meters_to_check().unwrap() {
        assert_eq!(ledger.check(&known, || {}).unwrap(), []);
    }
}

#[test]
fn a_lost_connection_takes_its_batch_along_and_the_next_one_is_whole() {
    let address = Server::shared().address("lost_connection");
    let home: LedgerHome = format!("{address}&application_name=thrown_out").parse().unwrap();
    let (mut ledger, reader) = (Ledger::open(&home).unwrap(), Ledger::open_read_only(&home).unwrap());
    record(&mut ledger, "main", 0..10).unwrap();
    assert_eq!(pulses(&reader, "main"), 20);
    // Between two batches nobody notices.
    throw_out(&address, "thrown_out");
    assert_eq!(pulses(&reader, "main"), 20);
    record(&mut ledger, "main", 10..20).unwrap();
    // In the midst of one, nothing of it has happened.
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter("main"), &info()).unwrap();
    for at in 20..30 {
        batch.record(&mark, &count(at)).unwrap();
    }
    throw_out(&address, "thrown_out");
    let refused = batch.commit().unwrap_err();
    assert!(!refused.is_of_rows(), "{refused}");
    assert_eq!(pulses(&reader, "main"), 40);
    let again = record(&mut ledger, "main", 20..30).unwrap();
    assert_eq!(again, [Recording::Recorded; 10]);
    assert_eq!(pulses(&reader, "main"), 60);
}

#[test]
fn who_writes_waits_for_others_and_sees_what_they_have_written() {
    let address = Server::shared().address("two_writers");
    let home: LedgerHome = address.parse().unwrap();
    let write = |first: i64| {
        let mut ledger = Ledger::open(&home).unwrap();
        let mut new = 0;
        for next in (first..first + 600).step_by(20) {
            let recordings = record(&mut ledger, "main", next..next + 20).unwrap();
            new += recordings.iter().filter(|recording| **recording == Recording::Recorded).count();
        }
        new
    };
    // Half of it is the same.
    let new = std::thread::scope(|scope| {
        let writers = [0, 300].map(|first| scope.spawn(move || write(first)));
        writers.map(|writer| writer.join().unwrap()).iter().sum::<usize>()
    });
    assert_eq!(new, 900);
    assert_eq!(pulses(&Ledger::open(&home).unwrap(), "main"), 1800);
}

/// More meters than are asked for one by one.
#[test]
fn of_many_meters_what_is_recorded_is_known_after_a_start_and_after_others_have_written() {
    use Recording::{AlreadyRecorded, Recorded};
    let home: LedgerHome = Server::shared().address("many_meters").parse().unwrap();
    let open = || Ledger::open(&home).unwrap();
    let of_all = |ledger: &mut Ledger, at: i64| -> Vec<Recording> {
        let mut batch = ledger.batch().unwrap();
        let of_one = |number| {
            let mark = batch.register(&meter(&format!("m{number}")), &info()).unwrap();
            batch.record(&mark, &count(at)).unwrap()
        };
        let recordings = (0..30).map(of_one).collect();
        batch.commit().unwrap();
        recordings
    };
    assert_eq!(of_all(&mut open(), 5), [Recorded; 30]);
    let mut ledger = open();
    assert_eq!(of_all(&mut ledger, 5), [AlreadyRecorded; 30]);
    assert_eq!(of_all(&mut ledger, 6), [Recorded; 30]);
    assert_eq!(of_all(&mut open(), 7), [Recorded; 30]);
    assert_eq!(of_all(&mut ledger, 7), [AlreadyRecorded; 30]);
    assert_eq!(of_all(&mut ledger, 8), [Recorded; 30]);
    // Days after them: what is long ago is packed, of several at once, and known all the same.
    (3..6).for_each(|day| assert_eq!(of_all(&mut ledger, day * 1440), [Recorded; 30]));
    assert_eq!(of_all(&mut open(), 5), [AlreadyRecorded; 30]);
}

/// PostgreSQL would end a transaction without an error, and nothing of it would be there.
#[test]
fn a_batch_of_which_a_statement_failed_is_not_committed() {
    let address = Server::shared().address("failed_statement");
    let home: LedgerHome = address.parse().unwrap();
    let mut ledger = Ledger::open(&home).unwrap();
    record(&mut ledger, "main", 0..10).unwrap();
    // Somebody forbids more than ten minutes.
    let forbid = "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS
                      $$ BEGIN RAISE EXCEPTION 'no more'; END $$;
                  CREATE TRIGGER forbid BEFORE INSERT ON minute FOR EACH ROW EXECUTE FUNCTION forbid()";
    execute(&address, forbid);
    let refused = record(&mut ledger, "main", 10..20).unwrap_err().to_string();
    assert!(refused.contains("no more"), "{refused}");
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter("main"), &info()).unwrap();
    batch.record(&mark, &count(10)).unwrap();
    // What is asked for next is told of it, and so is the commit.
    assert!(batch.beyond(&mark).is_err());
    assert!(batch.commit().is_err());
    execute(&address, "DROP TRIGGER forbid ON minute");
    assert_eq!(pulses(&ledger, "main"), 20);
    assert_eq!(record(&mut ledger, "main", 10..20).unwrap(), [Recording::Recorded; 10]);
}

#[test]
fn text_that_postgresql_cannot_keep_stops_nobody() {
    let home: LedgerHome = Server::shared().address("zero_character").parse().unwrap();
    let mut ledger = Ledger::open(&home).unwrap();
    let mut batch = ledger.batch().unwrap();
    batch.register(&meter("main"), &Info { name: "a\0b".into(), ..info() }).unwrap();
    batch.commit().unwrap();
    assert_eq!(ledger.meters().unwrap()[0].name, "a\u{fffd}b");
}

/// Sends a signal to whoever is connected under a name.
fn signal(address: &str, name: &str, signal: &str) {
    let sql = format!("SELECT pid FROM pg_stat_activity WHERE application_name = '{name}'");
    for pid in rows(address, &sql) {
        assert!(std::process::Command::new("kill").args([signal, &pid[0]]).status().unwrap().success());
    }
}

#[test]
fn a_server_that_stops_without_a_word_is_not_waited_for() {
    let server = Server::start(Syncs::No);
    let home: LedgerHome = server.address("silent").parse().unwrap();
    let (mut ledger, reader) = (Ledger::open(&home).unwrap(), Ledger::open_read_only(&home).unwrap());
    record(&mut ledger, "main", 0..10).unwrap();
    assert_eq!(pulses(&reader, "main"), 20);
    server.pause(true);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let writes = scope.spawn(|| record(&mut ledger, "main", 10..20).unwrap_err().to_string());
        let reads = reader.meter(&meter("main")).unwrap_err().to_string();
        for said in [reads, writes.join().unwrap()] {
            assert!(said.contains("PostgreSQL does not answer"), "{said}");
        }
    });
    println!("noticed after {:.1} s", began.elapsed().as_secs_f64());
    assert!(began.elapsed() < Duration::from_secs(60));
    // Once it goes on, so do they.
    server.pause(false);
    record(&mut ledger, "main", 10..20).unwrap();
    assert_eq!(pulses(&reader, "main"), 40);
}

#[test]
fn an_answer_that_takes_long_is_waited_for_as_long_as_the_server_is_there() {
    let address = Server::shared().address("slow_answer");
    let home: LedgerHome = format!("{address}&application_name=slow").parse().unwrap();
    let mut ledger = Ledger::open(&home).unwrap();
    record(&mut ledger, "main", 0..10).unwrap();
    signal(&address, "slow", "-STOP");
    std::thread::scope(|scope| {
        let answer = scope.spawn(move || pulses(&ledger, "main"));
        std::thread::sleep(Duration::from_secs(8));
        assert!(!answer.is_finished());
        signal(&address, "slow", "-CONT");
        assert_eq!(answer.join().unwrap(), 20);
    });
}

#[test]
fn a_question_leaves_no_transaction_open() {
    let address = Server::shared().address("left_open");
    let home: LedgerHome = format!("{address}&application_name=leaver").parse().unwrap();
    let mut ledger = Ledger::open(&home).unwrap();
    record(&mut ledger, "main", 0..10).unwrap();
    assert_eq!(pulses(&ledger, "main"), 20);
    let states = "SELECT state FROM pg_stat_activity WHERE application_name = 'leaver'";
    let began = Instant::now();
    while rows(&address, states) != [["idle"]] {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", rows(&address, states));
        std::thread::sleep(Duration::from_millis(20));
    }
}
