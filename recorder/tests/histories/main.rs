//! Random histories of one meter: kills, cards and ledgers that are changed for others, set back and come back,
//! connections that break, brokers that mix up, repeat, forget and are changed for others, two recorders, clocks that
//! are wrong or not set, full disks.
//! Whatever happens, each minute is counted at most once, no mark runs ahead of its ledger, and once it is quiet
//! everything that the card in use still holds is in every ledger, by itself.
//!
//! `HISTORIES=1000000 HISTORIES_SEED=7 cargo test --release --test histories` tries more, from that seed on.
#![allow(clippy::unwrap_used)]

mod card;
mod events;
mod ledger_file;
mod recorder;
mod trials;
mod world;

use std::time::Instant;

use events::History;
use trials::{Found, try_histories};
use world::{Fault, World};

/// How many histories are tried, if nothing else is said.
const HISTORIES: u32 = 300;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn every_history_ends_well() {
    // The few of everyday are always the same ones, so that nobody's change fails by a fault of somebody else's; many
    // are others each time.
    let (count, usual) = match setting("HISTORIES") {
        Some(count) => (count as u32, u64::from(daemon_runtime::now().subsec_nanosecond() as u32)),
        None => (HISTORIES, 1),
    };
    let seed = setting("HISTORIES_SEED").unwrap_or(usual);
    let threads = setting("HISTORIES_THREADS").map_or_else(processors, |threads| threads as usize);
    let began = Instant::now();
    println!("{count} histories, HISTORIES_SEED={seed}");
    if let Err(Found { seed, history, wrong }) = try_histories(count, seed, None, threads) {
        panic!(
            "a history ends badly: {history}\n{wrong}\n\
             again: HISTORIES=500 HISTORIES_SEED={seed} cargo test --workspace --locked --test histories every_history"
        );
    }
    println!("all ended well, after {:.0} s", began.elapsed().as_secs_f64());
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What would be wrong is found, and told in a few lines.
#[test]
fn faults_that_are_put_in_are_found() {
    for fault in Fault::COMMON {
        let found = try_histories(5000, 1, Some(fault), processors());
        let found = found.expect_err(&format!("{fault:?} is not found"));
        println!("{fault:?}: {}\n{}\n", found.history, found.wrong);
        assert!(found.history.events.len() < 20, "{fault:?}: {}", found.history);
    }
}

/// Card A records 60 minutes, the ledger is backed up, card B records 183, the backup is put back.
#[test]
fn a_ledger_from_before_a_changed_card_is_completed_without_a_new_connection() {
    let mut world = World::new(1, None);
    (0..60).for_each(|_| world.minute());
    world.deliver(0, 1000, 0);
    world.back_up_ledger(0);
    world.insert_card(1);
    (0..183).for_each(|_| world.minute());
    world.deliver(0, 1000, 0);
    assert_eq!((world.recorded(), world.mark()), (243, 183));
    world.restore_ledger(0, true);
    assert_eq!(world.recorded(), 60);
    world.come_to_rest();
    world.check();
    assert_eq!(world.recorded(), world.minutes());
}

/// Card A has recorded more than card B will for a while.
#[test]
fn the_numbers_of_another_card_stand_in_nobodys_way() {
    let mut world = World::new(1, None);
    (0..240).for_each(|_| world.minute());
    world.deliver(0, 1000, 0);
    world.back_up_ledger(0);
    world.insert_card(1);
    (0..10).for_each(|_| world.minute());
    world.deliver(0, 1000, 0);
    world.restore_ledger(0, true);
    world.come_to_rest();
    world.check();
    assert_eq!(world.recorded(), world.minutes());
}

/// What a copy sends before it is found out comes again under new numbers, and is the same.
#[test]
fn what_a_copy_has_sent_already_is_counted_once() {
    let mut world = World::new(1, None);
    (0..15).for_each(|_| world.minute());
    world.deliver(0, 100, 0);
    world.image_card();
    world.minute();
    world.set_card_back();
    (0..10).for_each(|_| world.minute());
    // The third minute of the copy comes before the one that shows that it is a copy.
    world.deliver(0, 1, 4);
    world.come_to_rest();
    world.check();
    assert_eq!(world.recorded(), world.minutes());
}

/// A broker that delivers what is new first, and what was not acknowledged half a minute later.
#[test]
fn a_backlog_in_a_foreign_order_is_not_sent_again() {
    let mut world = World::new(1, None);
    world.minute();
    world.deliver(0, 10, 0);
    (0..2000).for_each(|_| world.minute_without_time());
    for from in [1500, 700, 1100, 0, 300, 0] {
        world.deliver(0, 300, from);
        world.pass_seconds(30);
    }
    world.deliver(0, 10_000, 0);
    world.check();
    assert_eq!(world.recorded(), world.minutes());
    let again = world.sent() - world.minutes();
    assert!(again * 20 <= world.minutes(), "{again} of {} were sent again", world.minutes());
}

/// Each says its marks, and hears of those of the other nothing.
#[test]
fn a_backlog_that_two_record_is_not_sent_again() {
    let mut world = World::new(2, None);
    world.minute();
    (0..2).for_each(|which| world.deliver(which, 10, 0));
    (0..2000).for_each(|_| world.minute_without_time());
    for _ in 0..25 {
        world.deliver(0, 100, 0);
        world.deliver(1, 90, 0);
        world.pass_seconds(2);
    }
    world.check();
    let again = world.sent() - world.minutes();
    assert!(again * 20 <= world.minutes(), "{again} of {} were sent again", world.minutes());
}

/// A broker that hands a backlog on in any order.
#[test]
fn a_shuffled_backlog_is_not_sent_again() {
    let mut world = World::new(1, None);
    world.minute();
    world.deliver(0, 10, 0);
    (0..2000).for_each(|_| world.minute_without_time());
    for turn in 0..3000 {
        world.deliver(0, 1, turn * 7919);
        world.pass_seconds(u64::from(turn % 50 == 0));
    }
    world.pass_seconds(2);
    world.check();
    let again = world.sent() - world.minutes();
    assert!(again * 20 <= world.minutes(), "{again} of {} were sent again", world.minutes());
}

/// What the contract's first edition leaves to `info` is right as long as nothing is put back.
#[test]
fn a_publisher_of_the_first_edition_goes_on() {
    let mut world = World::new(1, Some(Fault::OutboxNotSaid));
    (0..60).for_each(|_| world.minute());
    world.deliver(0, 40, 0);
    world.forget(0, 5, 3);
    world.deliver(0, 1000, 0);
    world.insert_card(1);
    (0..20).for_each(|_| world.minute());
    world.deliver(0, 1000, 0);
    world.recorder_restarts(0);
    world.come_to_rest();
    world.check();
}

/// An old copy meets a mark of numbers that were lost, of which nobody knows the minute: all that it holds comes again
/// under new numbers, also minutes that were not watched as a whole.
#[test]
fn a_copy_that_meets_a_mark_without_a_minute_is_counted_once() {
    let mut world = World::new(1, None);
    (0..20).for_each(|_| world.minute());
    world.deliver(0, 1000, 0);
    world.back_up_ledger(0);
    // Two minutes that are kept are recorded, and the first of its numbers are gone.
    world.prune_card();
    world.minute();
    world.image_card();
    (0..20).for_each(|_| world.minute());
    world.deliver(0, 1000, 0);
    world.prune_card();
    world.restore_ledger(0, true);
    world.deliver(0, 1, 0);
    world.pass_seconds(2);
    world.forget(0, 100, 0);
    world.set_card_back();
    world.come_to_rest();
    world.check();
}

/// Minutes 6 to 19 are pruned, and the ledger that is put back has never had them: they are given up. An older image
/// of the card still holds some of them, or all.
fn of_numbers_that_were_given_up(imaged: u64, fault: Option<Fault>) -> World {
    let mut world = World::new(1, fault);
    for minute in 1..=20 {
        world.minute();
        world.deliver(0, 100, 0);
        if minute == 5 {
            world.back_up_ledger(0);
        }
        if minute == imaged {
            world.image_card();
        }
    }
    world.prune_card();
    world.restore_ledger(0, true);
    world.deliver(0, 100, 0);
    world.pass_seconds(2);
    assert_eq!((world.recorded(), world.mark()), (6, 20));
    world.set_card_back();
    world.come_to_rest();
    world
}

#[test]
fn numbers_that_were_given_up_are_recorded_if_an_older_image_of_the_card_holds_them() {
    let mut world = of_numbers_that_were_given_up(20, None);
    world.check();
    assert_eq!(world.recorded(), world.minutes());
    let mut world = of_numbers_that_were_given_up(20, Some(Fault::LostForgotten));
    assert!(world.is_wrong().is_some_and(|wrong| wrong.contains("missing")));
}

/// The image ends before the mark: what it holds goes on in a new outbox.
#[test]
fn a_copy_keeps_numbers_that_were_given_up() {
    let mut world = of_numbers_that_were_given_up(12, None);
    world.check();
    // Nobody has minutes 13 to 19.
    assert_eq!(world.recorded(), world.minutes() - 7);
}

/// Twenty minutes are recorded; the card was imaged after ten, and a ledger without any was backed up.
fn of_twenty_minutes(fault: Option<Fault>) -> World {
    let mut world = World::new(1, fault);
    world.back_up_ledger(0);
    for minute in 1..=20 {
        world.minute();
        world.deliver(0, 100, 0);
        if minute == 10 {
            world.image_card();
        }
    }
    world
}

/// A new outbox cannot be started on a full disk. Once there is room, the copy's numbers pass the mark at once.
#[test]
fn an_old_copy_that_is_found_out_while_its_disk_is_full_loses_nothing() {
    let mut world = of_twenty_minutes(None);
    world.card_is_full(true);
    world.set_card_back();
    (0..15).for_each(|_| world.minute());
    world.come_to_rest();
    world.check();
    assert_eq!(world.recorded(), world.minutes());
}

/// Whose clock is not set, and whose was wrong.
#[test]
fn minutes_that_were_kept_aside_are_recorded_once_the_clock_is_set() {
    for ahead in [Some(-6000), None] {
        let mut world = World::new(1, None);
        world.recorder_clock(0, Some(-6000));
        (0..20).for_each(|_| world.minute());
        world.deliver(0, 100, 0);
        assert_eq!((world.recorded(), world.mark()), (0, 20));
        world.recorder_clock(0, ahead);
        world.come_to_rest();
        world.check();
        assert_eq!(world.recorded(), world.minutes());
    }
}

/// The recorder hears of the copy before the copy hears of the recorder, and then the other card comes back.
#[test]
fn a_card_that_a_copy_has_stood_in_for_goes_on() {
    let play = |fault| {
        let mut world = of_twenty_minutes(fault);
        world.recorder_stops(0);
        world.new_broker();
        world.exchange_for_image();
        (0..3).for_each(|_| world.minute());
        world.recorder_restarts(0);
        world.deliver(0, 100, 0);
        world.exchange_for_image();
        world.come_to_rest();
        world
    };
    let mut world = play(None);
    world.check();
    assert!(play(Some(Fault::SetBackNotSaid)).is_wrong().is_some());
}

/// A recorder has minutes 7 to 33 of a card. An image of it ends with 19, and has counted 20 to 33 anew: its 34 follows
/// the 33 of the card. Those before it do not come to the recorder a second time.
fn of_a_copy_that_goes_on_where_the_card_ended(before: impl FnOnce(&mut World)) {
    let mut world = World::new(1, None);
    world.deliver(0, 1, 0);
    (0..19).for_each(|_| world.minute());
    world.image_card();
    (0..14).for_each(|_| world.minute());
    // The first six are on their way for long, after an `info`.
    world.deliver(0, 100, 7);
    assert_eq!((world.recorded(), world.mark()), (27, 0));
    world.set_card_back();
    (0..14).for_each(|_| world.minute());
    before(&mut world);
    world.come_to_rest();
    world.check();
    assert_eq!(world.recorded(), world.minutes());
}

#[test]
fn a_copy_is_still_known_after_the_recorder_has_started_again() {
    of_a_copy_that_goes_on_where_the_card_ended(|world| {
        world.deliver(0, 14, 28);
        world.recorder_restarts(0);
        world.minute();
        world.deliver_last(0);
    });
}

#[test]
fn a_copy_that_goes_on_where_its_card_ended_loses_nothing() {
    of_a_copy_that_goes_on_where_the_card_ended(|world| {
        world.forget(0, 14, 28);
        world.minute();
        world.deliver_last(0);
        assert_eq!(world.recorded(), 27, "its number is not taken for the card's");
    });
}

/// As random histories have found it: two ledgers that are put back have forgotten what was refused.
#[test]
fn a_ledger_that_has_forgotten_what_was_refused_of_a_copy_loses_nothing() {
    use events::Event::*;
    let deliver = |messages| Deliver { which: 0, messages, from: 0 };
    let restore = || RestoreLedger { which: 0, starts: true };
    #[rustfmt::skip]
    let events = vec![
        Minutes(19), BackUpLedger(0), ImageCard, deliver(20), restore(), Minutes(2), deliver(7), Minutes(12),
        SetCardBack, Minutes(15), restore(), deliver(25), ImageCard, deliver(25), BackUpLedger(0), deliver(5),
        restore(), deliver(3), CardFull(true),
        RecorderKilled { which: 0, messages: 5, when: world::Killed::AfterCommit }, NewBroker,
    ];
    History { recorders: 1, events }.play(None).check();
}

/// The mark that a broker has kept is older than the ledger that was put back meanwhile.
#[test]
fn a_copy_that_meets_a_mark_of_a_ledger_that_is_no_more_loses_nothing() {
    let play = |fault| {
        let mut world = of_twenty_minutes(fault);
        world.restore_ledger(0, false);
        world.set_card_back();
        world.come_to_rest();
        world
    };
    let mut world = play(None);
    world.check();
    // Nobody has minutes 11 to 20.
    assert_eq!(world.recorded(), world.minutes() - 10);
    assert!(play(Some(Fault::MarkedLeftOut)).is_wrong().is_some());
}

/// What a copy has counted is never heard of; then the card comes back and goes on, and then the copy.
#[test]
fn what_a_copy_has_counted_before_its_card_went_on_is_recorded() {
    let play = |fault| {
        let mut world = of_twenty_minutes(fault);
        world.recorder_stops(0);
        world.new_broker();
        world.exchange_for_image();
        (0..3).for_each(|_| world.minute());
        world.forget(0, 100, 0);
        world.exchange_for_image();
        world.recorder_restarts(0);
        (0..3).for_each(|_| world.minute());
        world.deliver(0, 100, 0);
        world.exchange_for_image();
        world.come_to_rest();
        world
    };
    let mut world = play(None);
    world.check();
    assert_eq!(world.recorded(), world.minutes());
    assert!(play(Some(Fault::MarkedLeftOut)).is_wrong().is_some());
}

/// As random histories have found it: a batch with a minute of days later is refused, the next one packs the only day that
/// there is, and then its minute comes again.
#[test]
fn a_minute_of_days_before_one_that_a_full_disk_has_refused_is_counted_once() {
    use events::Event::*;
    let deliver = |messages| Deliver { which: 0, messages, from: 0 };
    #[rustfmt::skip]
    let events = vec![
        PublisherClock(Some(-2731)), deliver(1), Minutes(1), Card(1), PublisherClock(Some(0)), deliver(4), SharedMinute(0),
        LedgerFull { which: 0, table: 132 }, NewBroker, deliver(3), RecorderConnects(0),
    ];
    History { recorders: 1, events }.play(None).check();
}
