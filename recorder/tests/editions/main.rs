//! The four pairs of editions of the contract: whichever program is upgraded first, each minute is recorded once.
//!
//! In the first edition a minute does not say its outbox, a mark goes on by one minute and names nothing, and a
//! repeated one asks for all after it. What is left of it here reads and writes the payloads as it did.
#![allow(clippy::unwrap_used)]

mod first;
mod second;
mod site;

use proptest::prelude::*;

use crate::first::{FirstPublisher, FirstRecorder};
use crate::second::{SecondPublisher, SecondRecorder};
use crate::site::{Event, Publisher, Recorder, Site};

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (1u8..20).prop_map(Event::Minutes),
        4 => (1u8..40).prop_map(Event::Deliver),
        1 => (1u8..40).prop_map(Event::Lose),
        1 => Just(Event::PublisherConnects),
        1 => Just(Event::RecorderRestarts),
        1 => Just(Event::NewCard),
    ];
    proptest::collection::vec(event, 1..40)
}

fn ends_well(publisher: impl Publisher, recorder: impl Recorder, events: &[Event]) {
    let mut site = Site::new(publisher, recorder);
    events.iter().for_each(|event| site.happen(event));
    site.come_to_rest();
    site.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_first_publisher_with_a_first_recorder(events in events()) {
        ends_well(FirstPublisher::default(), FirstRecorder::default(), &events);
    }

    #[test]
    fn a_first_publisher_with_a_second_recorder(events in events()) {
        ends_well(FirstPublisher::default(), SecondRecorder::new(), &events);
    }

    #[test]
    fn a_second_publisher_with_a_first_recorder(events in events()) {
        ends_well(SecondPublisher::default(), FirstRecorder::default(), &events);
    }

    #[test]
    fn a_second_publisher_with_a_second_recorder(events in events()) {
        ends_well(SecondPublisher::default(), SecondRecorder::new(), &events);
    }
}

/// The recorder is upgraded in the middle of a history, and gets marks and minutes of both editions.
#[test]
fn a_ledger_of_first_minutes_goes_on_with_second_ones() {
    let mut site = Site::new(FirstPublisher::default(), SecondRecorder::new());
    site.happen(&Event::Minutes(15));
    site.happen(&Event::Deliver(10));
    let mut site = site.with_publisher(SecondPublisher::default());
    site.happen(&Event::Minutes(15));
    site.come_to_rest();
    site.check();
}
