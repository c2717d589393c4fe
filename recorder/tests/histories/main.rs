//! Random histories of one meter: kills, cards and ledgers that are changed for others, set back and come back,
//! connections that break, brokers that mix up, repeat, forget and are changed for others, two recorders, clocks that
//! are wrong or not set, full disks.
//! Whatever happens, each minute is counted at most once, no mark runs ahead of its ledger, and once it is quiet
//! everything that the card in use still holds is in every ledger, by itself.
//!
//! `HISTORIES=1000000 HISTORIES_SEED=7 cargo test --release --test histories` tries more, of that seed.
#![allow(clippy::unwrap_used)]

mod card;
mod events;
mod recorder;
mod trials;
mod world;

use std::time::Instant;

use trials::try_histories;
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
    // The few of everyday are always the same ones; many are others each time.
    let (count, usual) = match setting("HISTORIES") {
        Some(count) => (count as u32, daemon_runtime::now().as_nanosecond() as u64),
        None => (HISTORIES, 1),
    };
    let seed = setting("HISTORIES_SEED").unwrap_or(usual);
    let began = Instant::now();
    println!("{count} histories, HISTORIES_SEED={seed}");
    assert!(try_histories(count, seed, None).is_ok(), "a history ends badly");
    println!("all ended well, after {:.0} s", began.elapsed().as_secs_f64());
}

/// What would be wrong is found, and told in a few lines.
#[test]
fn faults_that_are_put_in_are_found() {
    for fault in Fault::COMMON {
        let found = try_histories(5000, 1, Some(fault)).expect_err(&format!("{fault:?} is not found"));
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
    world.restore_ledger(0);
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
    world.restore_ledger(0);
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
    world.restore_ledger(0);
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
    world.restore_ledger(0);
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
    let mut world = of_numbers_that_were_given_up(12, Some(Fault::LostForgotten));
    assert_eq!(world.recorded(), world.minutes() - 14);
}

/// A new outbox cannot be started on a full disk. Once there is room, the copy's numbers pass the mark at once.
#[test]
fn an_old_copy_that_is_found_out_while_its_disk_is_full_loses_nothing() {
    let play = |fault| {
        let mut world = World::new(1, fault);
        for minute in 1..=20 {
            world.minute();
            world.deliver(0, 100, 0);
            if minute == 10 {
                world.image_card();
            }
        }
        world.card_is_full(true);
        world.set_card_back();
        (0..15).for_each(|_| world.minute());
        world.come_to_rest();
        world
    };
    let mut world = play(None);
    world.check();
    assert_eq!(world.recorded(), world.minutes());
    assert!(play(Some(Fault::FullTakesMarks)).is_wrong().is_some());
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
        let mut world = World::new(1, fault);
        for minute in 1..=20 {
            world.minute();
            world.deliver(0, 100, 0);
            if minute == 10 {
                world.image_card();
            }
        }
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
