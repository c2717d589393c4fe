//! What a client of MQTT 5 may not publish: it is told so, and goes on.

use broker_users::Role;
use mqtt_proto::QoS;
use mqtt_proto::v5::{Connect, Packet, PubackReasonCode, PubrecReasonCode};

use crate::access::{access_settings, add_users, password};
use crate::program::Home;
use crate::v5::client::{V5, connect, message, options};

fn connect_as(name: &str) -> Connect {
    let mut connect = connect(name);
    connect.username = Some(name.into());
    connect.password = Some(password(name).into());
    connect
}

/// A PUBACK of 0x87, not a closed connection: the client would send it again over the next one, for ever.
#[test]
fn who_may_not_publish_is_told_so_and_goes_on() {
    let home = Home::new();
    add_users(&home, &[("hq", Role::Publisher), ("ha", Role::HomeAssistant), ("reader", Role::Reader)]);
    home.write(&access_settings(&home));
    let _running = home.start();
    let (mut reader, _) = V5::connect(home.address, connect_as("reader"));
    reader.subscribe("powerpi/#", options(QoS::Level1));
    for (user, forbidden) in [
        ("hq", ["powerpi/other/main/minute", "$SYS/broker/uptime"]),
        ("ha", ["powerpi/hq/main/minute", "$SYS/broker/uptime"]),
    ] {
        let (mut client, _) = V5::connect(home.address, connect_as(user));
        for topic in forbidden {
            let told = client.publish(message(QoS::Level1, topic, "forbidden"));
            assert_eq!(told.reason_code, PubackReasonCode::NotAuthorized, "{user} {topic}");
            client.send(message(QoS::Level2, topic, "forbidden"));
            let Packet::Pubrec(told) = client.receive() else { panic!("{user} {topic}: no PUBREC") };
            assert_eq!(told.reason_code, PubrecReasonCode::NotAuthorized, "{user} {topic}");
        }
        client.ping();
    }
    // Home Assistant deletes a device by clearing what announces it.
    let (mut ha, _) = V5::connect(home.address, connect_as("ha"));
    let mut cleared = message(QoS::Level1, "homeassistant/device/powerpi_hq_main/config", "");
    cleared.retain = true;
    assert_eq!(ha.publish(cleared).reason_code, PubackReasonCode::NoMatchingSubscribers);
    let (mut hq, _) = V5::connect(home.address, connect_as("hq"));
    hq.publish(message(QoS::Level1, "powerpi/hq/main/minute", "allowed"));
    reader.expect_message("allowed");
}
