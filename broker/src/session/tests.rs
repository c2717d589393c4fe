use std::time::Duration;

use super::*;
use crate::identifiers::Identifiers;
use crate::message::Message;

const LIMITS: OwedLimits = OwedLimits { max_messages: 3, max_bytes: 100, share: usize::MAX };

fn owed(qos: QoS, payload: &'static str) -> Owed {
    let message = Arc::new(Message::plain("a", payload));
    let identifiers = Identifiers::default();
    Owed { message, publisher: None, qos, stored: None, retain: false, identifiers, share: None }
}

/// A client for which publishers wait.
fn connected(now: Instant) -> Session {
    let mut session = Session::new("client".into(), Owner::User("user".into()), None, now);
    session.connection = Some(ConnectionId(1));
    session.may_hold_publishers = true;
    session
}

fn next(session: &mut Session, now: Instant) -> Option<Delivery> {
    match session.next(10, now)? {
        Next::Deliver(delivery) => Some(delivery),
        Next::Expired(position, _) | Next::Ended { position, .. } => panic!("not sent: {position}"),
    }
}

fn packet_id(delivery: Option<&Delivery>) -> Option<u16> {
    match delivery {
        Some(Delivery::Publish { packet_id, .. } | Delivery::Release(packet_id)) => Some(*packet_id),
        None => None,
    }
}

#[test]
fn packet_ids_go_round_and_wait_for_the_oldest() {
    let now = Instant::now();
    let mut session = connected(now);
    for _ in 0..2 * usize::from(u16::MAX) {
        session.owe(owed(QoS::AtLeastOnce, "x"), LIMITS);
    }
    // The first one is never acknowledged, all others are.
    assert_eq!(packet_id(next(&mut session, now).as_ref()), Some(1));
    for id in 2..=u16::MAX {
        assert_eq!(packet_id(next(&mut session, now).as_ref()), Some(id));
        session.acknowledge(Ack::Received(id), now);
    }
    assert_eq!(packet_id(next(&mut session, now).as_ref()), None);
    session.acknowledge(Ack::Received(1), now);
    assert_eq!(packet_id(next(&mut session, now).as_ref()), Some(1));
}

#[test]
fn what_may_not_be_read_any_more_is_taken_back() {
    let now = Instant::now();
    let mut session = connected(now);
    for payload in ["seen", "not yet"] {
        session.owe(owed(QoS::ExactlyOnce, payload), LIMITS);
    }
    assert_eq!(packet_id(next(&mut session, now).as_ref()), Some(1));
    session.begin_again();
    assert!(session.next_forbidden(|_| false).is_none(), "nobody doubts it");
    session.doubt_what_is_owed();
    assert!(session.next_forbidden(|topic| topic == "a").is_none());
    // The client that may have seen it is told that its delivery has come to its end.
    let ended = session.next_forbidden(|_| false);
    assert!(matches!(ended, Some(Next::Ended { position: 1, packet_id: 1, .. })), "{ended:?}");
    assert!(matches!(session.acknowledge(Ack::Completed(1), now), Outcome::Completed { position: 1, .. }));
    assert!(matches!(session.next_forbidden(|_| false), Some(Next::Expired(2, _))));
    // What becomes owed later was permitted then.
    session.owe(owed(QoS::AtLeastOnce, "later"), LIMITS);
    assert!(session.next_forbidden(|_| false).is_none());
    assert_eq!(packet_id(next(&mut session, now).as_ref()), Some(3));
}

#[test]
fn an_acknowledgement_of_the_wrong_kind_changes_nothing() {
    let now = Instant::now();
    let mut session = connected(now);
    session.owe(owed(QoS::AtLeastOnce, "1"), LIMITS);
    session.owe(owed(QoS::ExactlyOnce, "2"), LIMITS);
    next(&mut session, now);
    next(&mut session, now);
    for wrong in [Ack::Received(2), Ack::Completed(1), Ack::Completed(2), Ack::Recorded(1), Ack::Received(9)]
    {
        assert!(!matches!(
            session.acknowledge(wrong, now),
            Outcome::Completed { .. } | Outcome::Recorded { .. }
        ));
        assert_eq!(session.owed_messages(), 2, "{wrong:?}");
    }
    session.acknowledge(Ack::Received(1), now);
    session.acknowledge(Ack::Recorded(2), now);
    assert_eq!(session.owed_messages(), 1);
    session.acknowledge(Ack::Completed(2), now);
    assert_eq!(session.owed_messages(), 0);
}

#[test]
fn an_absent_client_loses_as_many_as_a_large_message_needs() {
    let now = Instant::now();
    let mut session = Session::new("client".into(), Owner::User("user".into()), None, now);
    let large = "0123456789012345678901234567890123456789012345678";
    for payload in ["1", "2", large, large, large] {
        session.owe(owed(QoS::AtLeastOnce, payload), LIMITS);
    }
    // Two of them fill the bytes, so the third costs one.
    assert_eq!(session.owed_messages(), 2);
    assert_eq!(session.take_dropped(), 3);
    assert_eq!(session.take_dropped(), 0);
}

#[test]
fn a_client_is_idle_from_its_first_delivery_on() {
    let start = Instant::now();
    let mut session = connected(start);
    let later = start + Duration::from_secs(3_600);
    session.owe(owed(QoS::AtLeastOnce, "1"), LIMITS);
    session.owe(owed(QoS::AtLeastOnce, "2"), LIMITS);
    next(&mut session, later);
    assert_eq!(session.idle_since, later);
    next(&mut session, later + Duration::from_secs(1));
    assert_eq!(session.idle_since, later);
}

#[test]
fn a_new_connection_gets_no_more_than_it_takes() {
    let now = Instant::now();
    let mut session = connected(now);
    for qos in [QoS::ExactlyOnce, QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtLeastOnce, QoS::AtLeastOnce] {
        session.owe(owed(qos, "x"), LIMITS);
    }
    for _ in 0..4 {
        next(&mut session, now);
    }
    session.acknowledge(Ack::Recorded(3), now);
    // PUBREL first, which counts as one of the two that the client now takes at a time.
    let again: Vec<_> =
        session.begin_again().into_iter().map(|delivery| packet_id(Some(&delivery))).collect();
    assert_eq!(again, [Some(3)]);
    let sent = session.next(2, now);
    assert!(
        matches!(sent, Some(Next::Deliver(Delivery::Publish { packet_id: 1, dup: true, .. }))),
        "{sent:?}"
    );
    assert!(session.next(2, now).is_none());
    session.acknowledge(Ack::Completed(3), now);
    let sent = session.next(2, now);
    assert!(
        matches!(sent, Some(Next::Deliver(Delivery::Publish { packet_id: 2, dup: true, .. }))),
        "{sent:?}"
    );
    session.acknowledge(Ack::Received(2), now);
    session.next(2, now);
    session.acknowledge(Ack::Discarded(4), now);
    let sent = session.next(2, now);
    assert!(
        matches!(sent, Some(Next::Deliver(Delivery::Publish { packet_id: 5, dup: false, .. }))),
        "{sent:?}"
    );
}

#[test]
fn what_is_too_old_is_not_sent_unless_it_was_before() {
    let now = Instant::now();
    let late = now + Duration::from_secs(2);
    let mut session = connected(now);
    let perishable = |qos| {
        let message = Message { expires: Some(now + Duration::from_secs(1)), ..Message::plain("a", "x") };
        Owed { message: Arc::new(message), ..owed(qos, "x") }
    };
    session.owe(perishable(QoS::ExactlyOnce), LIMITS);
    session.owe(perishable(QoS::ExactlyOnce), LIMITS);
    assert_eq!(packet_id(next(&mut session, now).as_ref()), Some(1));
    session.begin_again();
    // Its client may wait for the end of the first one.
    assert_eq!(packet_id(next(&mut session, late).as_ref()), Some(1));
    assert!(matches!(session.next(10, late), Some(Next::Expired(2, _))));
    assert!(session.next(10, late).is_none());
    assert_eq!(session.owed_messages(), 1);
}
