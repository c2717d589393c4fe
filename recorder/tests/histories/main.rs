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
    if let Err(found) = try_histories(count, seed, None) {
        println!("HISTORIES_SEED={seed} ends badly: {}\n{}", found.history, found.wrong);
        panic!("a history ends badly");
    }
    println!("all ended well, after {:.0} s", began.elapsed().as_secs_f64());
}

/// What would be wrong is found, and told in a few lines.
#[test]
fn faults_that_are_put_in_are_found() {
    for fault in Fault::ALL {
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
