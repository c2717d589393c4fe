//! The same of MQTT 5.

use bytes::{Bytes, BytesMut};
use mqtt_proto::v5::{
    Connect, ConnectProperties, LastWill, Packet, Puback, Pubcomp, Publish, PublishProperties, Pubrec,
    Pubrel, RetainHandling, Subscribe, SubscriptionOptions, Unsubscribe, UserProperty, VarByteInt,
};
use mqtt_proto::{Pid, QoS, QosPid};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::hostile::fuzz::{packet_id, text};
use crate::hostile::mutated::{send_damaged, streams};

fn pid() -> impl Strategy<Value = Pid> {
    packet_id().prop_map(|id| id.try_into().unwrap())
}

fn user_properties() -> impl Strategy<Value = Vec<UserProperty>> {
    let property = (text("[a-zé]{0,4}"), text("[a-zé]{0,4}"));
    vec(property.prop_map(|(name, value)| UserProperty { name: name.into(), value: value.into() }), 0..3)
}

fn connect(client_id: String) -> impl Strategy<Value = Packet> {
    let limits = (of(0_u32..100), of(1_u16..20), of(20_u32..500), of(0_u16..9));
    let will = (text("w/[a-z/é]{1,8}"), vec(any::<u8>(), 0..20), any::<bool>(), of(0_u32..3));
    (text("[a-c/é]{1,3}"), any::<bool>(), 0_u16..100, limits, of(will), user_properties()).prop_map(
        move |(id, clean, keep_alive, (expiry, receive, packet, aliases), will, user_properties)| {
            let mut connect = Connect::new(format!("{client_id} {id}").into(), keep_alive);
            connect.clean_start = clean;
            connect.properties = ConnectProperties {
                session_expiry_interval: expiry,
                receive_max: receive,
                max_packet_size: packet,
                topic_alias_max: aliases,
                user_properties,
                ..ConnectProperties::default()
            };
            connect.last_will = will.map(|(topic, payload, retain, delay)| {
                let mut will = LastWill::new(QoS::Level1, topic.as_str().try_into().unwrap(), payload.into());
                (will.retain, will.properties.delay_interval) = (retain, delay);
                will
            });
            connect.into()
        },
    )
}

fn publish() -> impl Strategy<Value = Packet> {
    let qos =
        prop_oneof![Just(QosPid::Level0), pid().prop_map(QosPid::Level1), pid().prop_map(QosPid::Level2)];
    let said =
        (of(any::<bool>()), of(0_u32..100), of(0_u16..9), of(text("r/[a-z]{0,4}")), of(text("[a-z/]{0,9}")));
    let message = (qos, text("p/[a-zé/]{0,8}"), vec(any::<u8>(), 0..300), any::<bool>());
    (message, said, user_properties()).prop_map(|((qos, topic, payload, retain), said, user_properties)| {
        let mut publish = Publish::new(qos, topic.as_str().try_into().unwrap(), Bytes::from(payload));
        publish.retain = retain;
        publish.properties = PublishProperties {
            payload_is_utf8: said.0,
            message_expiry_interval: said.1,
            topic_alias: said.2,
            response_topic: said.3.map(|topic| topic.as_str().try_into().unwrap()),
            content_type: said.4.map(Into::into),
            user_properties,
            ..PublishProperties::default()
        };
        publish.into()
    })
}

/// Any packet that a client may send after its CONNECT, but DISCONNECT.
fn packet() -> impl Strategy<Value = Packet> {
    let options =
        (0_u8..3, any::<bool>(), any::<bool>(), 0_u8..3).prop_map(|(qos, no_local, retain, handling)| {
            SubscriptionOptions {
                max_qos: [QoS::Level0, QoS::Level1, QoS::Level2][usize::from(qos)],
                no_local,
                retain_as_published: retain,
                retain_handling: [
                    RetainHandling::SendAtSubscribe,
                    RetainHandling::SendAtSubscribeIfNotExist,
                    RetainHandling::DoNotSend,
                ][usize::from(handling)],
            }
        });
    let filter = text("s/[a-zé/]{0,8}(/\\+)?(/#)?");
    prop_oneof![
        4 => publish(),
        2 => (pid(), filter, options, 0_u32..4).prop_map(|(id, filter, options, identifier)| {
            let mut subscribe = Subscribe::new(id, vec![(filter.as_str().try_into().unwrap(), options)]);
            let identifier = VarByteInt::try_from(identifier).unwrap();
            subscribe.properties.subscription_id = Some(identifier).filter(|number| number.value() > 0);
            subscribe.into()
        }),
        1 => (pid(), text("s/[a-z]{0,2}")).prop_map(|(id, filter)| {
            Unsubscribe::new(id, vec![filter.as_str().try_into().unwrap()]).into()
        }),
        1 => pid().prop_map(|id| Puback::new_success(id).into()),
        1 => pid().prop_map(|id| Pubrec::new_success(id).into()),
        1 => pid().prop_map(|id| Pubrel::new_success(id).into()),
        1 => pid().prop_map(|id| Pubcomp::new_success(id).into()),
        1 => Just(Packet::Pingreq),
    ]
}

/// Takes answers apart; they must be whole packets.
fn check_packets(answers: &[u8]) {
    let mut rest = BytesMut::from(answers);
    while !rest.is_empty() {
        // The fixed header is that of MQTT 3.1.1.
        let header = rumqttc::mqttbytes::check(rest.iter(), usize::MAX).expect("a whole packet");
        let mut frame = rest.split_to(header.frame_length());
        // Messages may have several subscription identifiers, of which mqtt-proto reads one.
        if frame[0] >> 4 == 3 {
            rumqttc::v5::mqttbytes::v5::Packet::read(&mut frame, None).expect("a whole message");
        } else {
            Packet::decode(&frame).unwrap().expect("a whole packet");
        }
    }
}

#[test]
fn fuzz_damaged_packets_of_mqtt_5_cost_their_own_connection_only() {
    let bytes = |packet: Packet| packet.encode().unwrap().as_ref().to_vec();
    let streams =
        |thread| streams(connect(format!("fuzz {thread}")).prop_map(bytes), packet().prop_map(bytes));
    send_damaged("5", streams, check_packets);
}
