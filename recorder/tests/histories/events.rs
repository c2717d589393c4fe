//! What may happen in a history, and how a history is told.

use std::fmt;

use proptest::prelude::*;

use crate::world::{Fault, Killed, World};

/// What may happen. `which` is a recorder's place.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Minutes(u8),
    /// Messages arrive at a recorder: from this place in its queue on, wrapping round.
    Deliver {
        which: usize,
        messages: u8,
        from: u8,
    },
    /// The broker forgets messages to a recorder.
    Forget {
        which: usize,
        messages: u8,
        from: u8,
    },
    /// The broker delivers messages a second time later.
    Repeat {
        which: usize,
        messages: u8,
        from: u8,
    },
    NewBroker,
    PublisherConnects,
    PublisherKilled,
    RecorderConnects(usize),
    RecorderStops(usize),
    RecorderKilled {
        which: usize,
        messages: u8,
        when: Killed,
    },
    /// A new SD card, or one that was in use before.
    Card(u8),
    ImageCard,
    /// Its image takes the card's place, on the same card or on another.
    SetCardBack,
    ExchangeForImage,
    PruneCard,
    BackUpLedger(usize),
    /// Its backup takes a ledger's place. The recorder starts at once, or later.
    RestoreLedger {
        which: usize,
        starts: bool,
    },
    /// In the midst of a minute another card is put in.
    SharedMinute(u8),
    /// The publisher starts with a clock that is so many minutes ahead, or not set.
    PublisherClock(Option<i64>),
    CardFull(bool),
    RecorderClock {
        which: usize,
        ahead: Option<i64>,
    },
    /// A recorder's disk is full: one of its tables takes nothing.
    LedgerFull {
        which: usize,
        table: u8,
    },
    LedgerHasRoom(usize),
}

/// How many recorders there are, and what happens.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) recorders: usize,
    pub(super) events: Vec<Event>,
}

/// A broker that loses, repeats and mixes up messages, or cards that change places with images of themselves: of
/// both at once, nobody can tell which of two minutes with the same number is missing.
pub(super) fn histories() -> impl Strategy<Value = History> {
    let events = prop_oneof![
        2 => proptest::collection::vec(prop_oneof![4 => event(), 1 => of_a_careless_broker()], 1..60),
        1 => proptest::collection::vec(prop_oneof![4 => event(), 1 => of_clocks()], 1..60),
        1 => proptest::collection::vec(prop_oneof![8 => event(), 1 => of_images()], 1..60),
    ];
    let recorders = prop_oneof![3 => Just(1usize), 1 => Just(2usize)];
    (recorders, events).prop_map(|(recorders, events)| History { recorders, events })
}

fn which() -> impl Strategy<Value = usize> {
    0usize..2
}

fn event() -> impl Strategy<Value = Event> {
    let when = prop_oneof![Just(Killed::BeforeCommit), Just(Killed::AfterCommit)];
    let killed = (which(), 1u8..40, when);
    prop_oneof![
        6 => (1u8..20).prop_map(Event::Minutes),
        6 => (which(), 1u8..40).prop_map(|(which, messages)| Event::Deliver { which, messages, from: 0 }),
        1 => prop_oneof![Just(Event::NewBroker), Just(Event::PublisherConnects), Just(Event::PublisherKilled)],
        1 => which().prop_map(Event::RecorderConnects),
        1 => which().prop_map(Event::RecorderStops),
        2 => killed.prop_map(|(which, messages, when)| Event::RecorderKilled { which, messages, when }),
        2 => (0u8..4).prop_map(Event::Card),
        1 => Just(Event::PruneCard),
        1 => which().prop_map(Event::BackUpLedger),
        1 => (which(), proptest::bool::weighted(0.7)).prop_map(|(which, starts)| Event::RestoreLedger { which, starts }),
        1 => of_full_disks(),
    ]
}

fn of_full_disks() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => Just(Event::CardFull(true)),
        1 => Just(Event::CardFull(false)),
        1 => (which(), any::<u8>()).prop_map(|(which, table)| Event::LedgerFull { which, table }),
        1 => which().prop_map(Event::LedgerHasRoom),
    ]
}

/// Clocks that are wrong or not set, by up to four days: more than a recorder takes for true.
fn of_clocks() -> impl Strategy<Value = Event> {
    let ahead = || prop_oneof![2 => Just(Some(0)), 1 => Just(None), 2 => (-6000i64..6000).prop_map(Some)];
    prop_oneof![
        2 => ahead().prop_map(Event::PublisherClock),
        1 => (which(), ahead()).prop_map(|(which, ahead)| Event::RecorderClock { which, ahead }),
        1 => (0u8..4).prop_map(Event::SharedMinute),
    ]
}

fn of_a_careless_broker() -> impl Strategy<Value = Event> {
    let messages = || (which(), 1u8..40, any::<u8>());
    prop_oneof![
        2 => messages().prop_map(|(which, messages, from)| Event::Deliver { which, messages, from: from % 4 }),
        1 => messages().prop_map(|(which, messages, from)| Event::Deliver { which, messages, from }),
        1 => messages().prop_map(|(which, messages, from)| Event::Forget { which, messages, from }),
        1 => messages().prop_map(|(which, messages, from)| Event::Repeat { which, messages, from }),
    ]
}

fn of_images() -> impl Strategy<Value = Event> {
    prop_oneof![Just(Event::ImageCard), Just(Event::SetCardBack), Just(Event::ExchangeForImage)]
}

impl History {
    /// What has become of the world once it was quiet.
    pub(super) fn play(&self, fault: Option<Fault>) -> World {
        let mut world = World::new(self.recorders, fault);
        self.events.iter().for_each(|event| self.happen(event, &mut world));
        world.come_to_rest();
        world
    }

    fn happen(&self, event: &Event, world: &mut World) {
        let place = |which: usize| which % self.recorders;
        match *event {
            Event::Minutes(minutes) => (0..minutes).for_each(|_| world.minute()),
            Event::Deliver { which, messages, from } => {
                world.deliver(place(which), messages.into(), from.into());
            }
            Event::Forget { which, messages, from } => {
                world.forget(place(which), messages.into(), from.into());
            }
            Event::Repeat { which, messages, from } => {
                world.repeat(place(which), messages.into(), from.into());
            }
            Event::NewBroker => world.new_broker(),
            Event::PublisherConnects => world.publisher_connects(),
            Event::PublisherKilled => world.publisher_killed(),
            Event::RecorderConnects(which) => world.recorder_connects(place(which)),
            Event::RecorderStops(which) => world.recorder_stops(place(which)),
            Event::RecorderKilled { which, messages, when } => {
                world.recorder_killed(place(which), messages.into(), when);
            }
            Event::Card(card) => world.insert_card(card.into()),
            Event::ImageCard => world.image_card(),
            Event::SetCardBack => world.set_card_back(),
            Event::ExchangeForImage => world.exchange_for_image(),
            Event::PruneCard => world.prune_card(),
            Event::BackUpLedger(which) => world.back_up_ledger(place(which)),
            Event::RestoreLedger { which, starts } => world.restore_ledger(place(which), starts),
            Event::SharedMinute(card) => world.shared_minute(card.into()),
            Event::PublisherClock(ahead) => world.publisher_starts_at(ahead),
            Event::CardFull(is_full) => world.card_is_full(is_full),
            Event::RecorderClock { which, ahead } => world.recorder_clock(place(which), ahead),
            Event::LedgerFull { which, table } => world.fill_ledgers_disk(place(which), table.into()),
            Event::LedgerHasRoom(which) => world.make_ledgers_room(place(which)),
        }
    }
}

/// The history as a story, a line for each event.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} recorder(s), a publisher with card 0", self.recorders)?;
        for (number, event) in (1..).zip(&self.events) {
            writeln!(f, "{number}. {event:?}")?;
        }
        f.write_str("Then all run, and everything that is sent arrives.")
    }
}
