//! The outbox holds what it was given, numbered without holes.
#![allow(clippy::unwrap_used)]

use meter_messages::{MeterId, Minute, PulseTimes};
use pi_publisher::outbox::{Account, Entry, Outbox, OutboxError};
use pi_publisher::pulse_counter::{FinishedMinute, MinuteInProgress};
use tempfile::TempDir;

fn meter(id: &str) -> MeterId {
    id.parse().unwrap()
}

fn minute(number: i64) -> Minute {
    Minute::from_epoch_minutes(29_000_000 + number).unwrap()
}

fn finished(numbers: std::ops::Range<i64>) -> Vec<FinishedMinute> {
    numbers
        .map(|n| FinishedMinute { minute: minute(n), watched_s: 60, pulses: n as u32, times: None })
        .collect()
}

fn append(outbox: &mut Outbox, account: Account, finished: Vec<FinishedMinute>) -> Account {
    let mut entries = [Entry { account, finished, in_progress: None }];
    outbox.append(&mut entries).unwrap();
    let [entry] = entries;
    entry.account
}

#[test]
fn minutes_are_numbered_from_one_and_totals_go_on_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let mut outbox = Outbox::open(folder.path()).unwrap();
    let account = outbox.account(&meter("main"), 5000).unwrap();
    assert_eq!((account.last_seq, account.total, account.oldest_seq), (0, 5000, 1));
    append(&mut outbox, account.clone(), finished(1..4));
    drop(outbox);

    let mut outbox = Outbox::open(folder.path()).unwrap();
    let again = outbox.account(&meter("main"), 99).unwrap();
    assert_eq!(again.outbox, account.outbox, "the initial total and the id are for the first time only");
    assert_eq!((again.last_seq, again.total, again.last_minute), (3, 5006, Some(minute(3))));
    append(&mut outbox, again.clone(), finished(4..5));
    let sent = outbox.after(&again, 1, 10).unwrap();
    let brief: Vec<_> =
        sent.iter().map(|sent| (sent.count.seq, sent.count.pulses, sent.count.total)).collect();
    assert_eq!(brief, [(2, 2, 5003), (3, 3, 5006), (4, 4, 5010)]);
    assert_eq!(outbox.after(&again, 1, 2).unwrap().len(), 2);
}

#[test]
fn minutes_with_few_pulses_keep_when_these_came() {
    let folder = TempDir::new().unwrap();
    let mut outbox = Outbox::open(folder.path()).unwrap();
    let account = outbox.account(&meter("main"), 0).unwrap();
    let mut minutes = finished(1..5);
    minutes[0].times = PulseTimes::new(1, 59_999, 59_999);
    minutes[2].times = PulseTimes::new(3, 0, 2_000);
    let account = append(&mut outbox, account, minutes.clone());
    let kept = Outbox::open(folder.path()).unwrap().after(&account, 0, 10).unwrap();
    assert!(kept.iter().map(|kept| kept.times).eq(minutes.iter().map(|minute| minute.times)));
}

#[test]
fn meters_have_accounts_of_their_own() {
    let folder = TempDir::new().unwrap();
    let mut outbox = Outbox::open(folder.path()).unwrap();
    let (one, two) = (outbox.account(&meter("one"), 0).unwrap(), outbox.account(&meter("two"), 0).unwrap());
    assert_ne!(one.outbox, two.outbox);
    let entry = |account: &Account, numbers| Entry {
        account: account.clone(),
        finished: finished(numbers),
        in_progress: None,
    };
    outbox.append(&mut [entry(&one, 1..3), entry(&two, 7..8)]).unwrap();
    assert_eq!(outbox.after(&one, 0, 10).unwrap().len(), 2);
    assert_eq!(outbox.after(&two, 0, 10).unwrap()[0].count.seq, 1);
}

#[test]
fn the_minute_in_progress_is_kept_with_the_finished_ones() {
    let folder = TempDir::new().unwrap();
    let mut outbox = Outbox::open(folder.path()).unwrap();
    let account = outbox.account(&meter("main"), 0).unwrap();
    let now =
        MinuteInProgress { minute: minute(3), watched_ns: 12, pulses: 4, until_utc_ns: 99, times_ms: None };
    outbox.append(&mut [Entry { account, finished: finished(1..3), in_progress: Some(now) }]).unwrap();
    let account = outbox.account(&meter("main"), 0).unwrap();
    assert_eq!(account.in_progress, Some(now));
    append(&mut outbox, account, finished(3..4));
    assert_eq!(outbox.account(&meter("main"), 0).unwrap().in_progress, None);
}

#[test]
fn only_delivered_minutes_are_dropped_and_never_the_newest() {
    let folder = TempDir::new().unwrap();
    let mut outbox = Outbox::open(folder.path()).unwrap();
    let account = outbox.account(&meter("main"), 0).unwrap();
    let mut account = append(&mut outbox, account, finished(1..11));
    assert_eq!(outbox.prune(&account, minute(100)).unwrap(), 1, "no mark yet");
    account.mark = 4;
    let mut account = append(&mut outbox, account, vec![]);
    assert_eq!(outbox.prune(&account, minute(3)).unwrap(), 3, "younger ones stay");
    assert_eq!(outbox.prune(&account, minute(100)).unwrap(), 5, "undelivered ones stay");
    account.mark = 10;
    let account = append(&mut outbox, account, vec![]);
    assert_eq!(outbox.prune(&account, minute(100)).unwrap(), 10, "the newest stays");
    let account = outbox.account(&meter("main"), 0).unwrap();
    assert_eq!((account.last_seq, account.total, account.oldest_seq, account.mark), (10, 55, 10, 10));
}

#[test]
fn a_folder_that_is_not_there_and_a_foreign_file_are_named() {
    let folder = TempDir::new().unwrap();
    let missing = Outbox::open(&folder.path().join("nowhere")).unwrap_err();
    assert!(missing.to_string().contains("nowhere/outbox.sqlite"), "{missing}");
    std::fs::write(folder.path().join("outbox.sqlite"), "x".repeat(5000)).unwrap();
    assert!(matches!(Outbox::open(folder.path()), Err(OutboxError::Open { .. })));
}
