use std::time::Duration;

use bytes::Bytes;

use super::*;

const LIMITS: OwedLimits = OwedLimits { max_messages: 3, max_bytes: 100 };

fn owed(qos: QoS, payload: &'static str) -> Owed {
    Owed {
        message: Arc::new(Message { topic: "a".to_owned(), payload: Bytes::from_static(payload.as_bytes()) }),
        qos,
        stored: None,
        retain: false,
    }
}

fn connected(now: Instant) -> Session {
    let mut session = Session::new("client".into(), false, now);
    session.connection = Some(ConnectionId(1));
    session
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
    assert_eq!(packet_id(session.next_delivery(10, now).as_ref()), Some(1));
    for id in 2..=u16::MAX {
        assert_eq!(packet_id(session.next_delivery(10, now).as_ref()), Some(id));
        session.acknowledge(Ack::Received(id), now);
    }
    assert_eq!(packet_id(session.next_delivery(10, now).as_ref()), None);
    session.acknowledge(Ack::Received(1), now);
    assert_eq!(packet_id(session.next_delivery(10, now).as_ref()), Some(1));
}

#[test]
fn an_acknowledgement_of_the_wrong_kind_changes_nothing() {
    let now = Instant::now();
    let mut session = connected(now);
    session.owe(owed(QoS::AtLeastOnce, "1"), LIMITS);
    session.owe(owed(QoS::ExactlyOnce, "2"), LIMITS);
    session.next_delivery(10, now);
    session.next_delivery(10, now);
    for wrong in [Ack::Received(2), Ack::Completed(1), Ack::Completed(2), Ack::Recorded(1), Ack::Received(9)]
    {
        assert!(!matches!(
            session.acknowledge(wrong, now),
            Outcome::Struck { .. } | Outcome::Recorded { .. }
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
    let mut session = Session::new("client".into(), false, now);
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
    session.next_delivery(10, later);
    assert_eq!(session.idle_since, later);
    session.next_delivery(10, later + Duration::from_secs(1));
    assert_eq!(session.idle_since, later);
}
