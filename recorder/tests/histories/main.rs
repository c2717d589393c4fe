//! Random histories of one meter: cards and ledgers that are changed for others and come back, connections
//! that break, brokers that mix up, repeat and forget. Whatever happens, each minute is counted at most once,
//! and once it is quiet everything that the card in use still holds is in the ledger, by itself.
#![allow(clippy::unwrap_used)]

mod world;

use proptest::prelude::*;

use world::World;

/// What may happen.
#[derive(Debug, Clone)]
enum Event {
    /// Minutes pass.
    Minutes(u8),
    /// So many messages arrive at the recorder: from this place in the queue on, wrapping round.
    Deliver {
        messages: u8,
        from: u8,
    },
    /// The broker forgets so many messages, from this place on.
    Forget {
        messages: u8,
        from: u8,
    },
    /// The broker delivers so many messages a second time later.
    Repeat {
        messages: u8,
        from: u8,
    },
    PublisherReconnects,
    RecorderReconnects,
    /// The recorder is killed and starts again with the ledger that it has.
    RecorderRestarts,
    /// A new SD card, or one that was in use before.
    Card(u8),
    BackUpLedger,
    RestoreLedger,
}

fn events() -> impl Strategy<Value = Event> {
    let messages = || (1u8..40, any::<u8>());
    prop_oneof![
        6 => (1u8..20).prop_map(Event::Minutes),
        6 => messages().prop_map(|(messages, from)| Event::Deliver { messages, from: from % 4 }),
        1 => messages().prop_map(|(messages, from)| Event::Deliver { messages, from }),
        1 => messages().prop_map(|(messages, from)| Event::Forget { messages, from }),
        1 => messages().prop_map(|(messages, from)| Event::Repeat { messages, from }),
        1 => Just(Event::PublisherReconnects),
        1 => Just(Event::RecorderReconnects),
        1 => Just(Event::RecorderRestarts),
        1 => (0u8..4).prop_map(Event::Card),
        1 => Just(Event::BackUpLedger),
        1 => Just(Event::RestoreLedger),
    ]
}

fn play(says_outbox: bool, events: &[Event]) -> World {
    let mut world = World::new(says_outbox);
    for event in events {
        match *event {
            Event::Minutes(minutes) => (0..minutes).for_each(|_| world.minute()),
            Event::Deliver { messages, from } => world.deliver(messages.into(), from.into()),
            Event::Forget { messages, from } => world.forget(messages.into(), from.into()),
            Event::Repeat { messages, from } => world.repeat(messages.into(), from.into()),
            Event::PublisherReconnects => world.publisher_connects(),
            Event::RecorderReconnects => world.recorder_connects(),
            Event::RecorderRestarts => world.recorder_restarts(),
            Event::Card(card) => world.insert_card(card.into()),
            Event::BackUpLedger => world.back_up_ledger(),
            Event::RestoreLedger => world.restore_ledger(),
        }
    }
    world
}

/// How many histories are tried: `HISTORIES=100000` tries more.
fn histories() -> ProptestConfig {
    let cases = std::env::var("HISTORIES").map_or(150, |count| count.parse().unwrap());
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn every_history_ends_well(events in proptest::collection::vec(events(), 1..60)) {
        let mut world = play(true, &events);
        world.come_to_rest();
        world.check();
    }
}

/// Card A records 60 minutes, the ledger is backed up, card B records 183, the backup is put back.
#[test]
fn a_ledger_from_before_a_changed_card_is_completed_without_a_new_connection() {
    let mut world = World::new(true);
    (0..60).for_each(|_| world.minute());
    world.deliver(1000, 0);
    world.back_up_ledger();
    world.insert_card(1);
    (0..183).for_each(|_| world.minute());
    world.deliver(1000, 0);
    assert_eq!((world.recorded(), world.mark()), (243, 183));
    world.restore_ledger();
    assert_eq!(world.recorded(), 60);
    world.come_to_rest();
    world.check();
    assert_eq!(world.recorded(), world.minutes());
}

/// Card A has recorded more than card B will for a while.
#[test]
fn the_numbers_of_another_card_stand_in_nobodys_way() {
    let mut world = World::new(true);
    (0..240).for_each(|_| world.minute());
    world.deliver(1000, 0);
    world.back_up_ledger();
    world.insert_card(1);
    (0..10).for_each(|_| world.minute());
    world.deliver(1000, 0);
    world.restore_ledger();
    world.come_to_rest();
    world.check();
    assert_eq!(world.recorded(), world.minutes());
}

/// A broker that delivers what is new first, and what was not acknowledged half a minute later.
#[test]
fn a_backlog_in_a_foreign_order_is_not_sent_again() {
    let mut world = World::new(true);
    world.minute();
    world.deliver(10, 0);
    (0..2000).for_each(|_| world.minute_without_time());
    for from in [1500, 700, 1100, 0, 300, 0] {
        world.deliver(300, from);
        world.pass_seconds(30);
    }
    world.deliver(10_000, 0);
    world.check();
    assert_eq!(world.recorded(), world.minutes());
    let again = world.sent() - world.minutes();
    assert!(again * 20 <= world.minutes(), "{again} of {} were sent again", world.minutes());
}

/// What the contract's first edition leaves to `info` is right as long as nothing is put back.
#[test]
fn a_publisher_of_the_first_edition_goes_on() {
    let mut world = World::new(false);
    (0..60).for_each(|_| world.minute());
    world.deliver(40, 0);
    world.forget(5, 3);
    world.deliver(1000, 0);
    world.insert_card(1);
    (0..20).for_each(|_| world.minute());
    world.deliver(1000, 0);
    world.recorder_restarts();
    world.come_to_rest();
    world.check();
}
