//! Bytes that no client should send: they cost their own connection, and nobody else notices.

mod behaviours;
mod damage;
mod fuzz;
mod inputs;
mod mutated;
mod mutated_v5;
mod scene;

use std::io::{Read, Write};
use std::time::Instant;

use rumqttc::mqttbytes::QoS;
use rumqttc::{ConnAck, Connect, Packet, Publish};

use crate::common::{Client, TestBroker, qos0};
use crate::hostile::inputs::{Answer, Input};
use crate::hostile::scene::Scene;

/// Sends an input and checks the answer.
fn try_input(client: &mut Client, input: &Input) {
    // The broker may have closed before all of it was sent.
    let _ = client.stream.write_all(&input.bytes);
    match &input.answer {
        Answer::Closed => client.expect_end(),
        Answer::Refused(code) => {
            assert_eq!(client.receive(), Packet::ConnAck(ConnAck::new(*code, false)));
            client.expect_end();
        }
        Answer::Goes(answer) => {
            let mut answered = vec![0; answer.len()];
            client.stream.read_exact(&mut answered).unwrap();
            assert_eq!(answered, *answer);
            client.ping();
        }
    }
}

#[test]
fn each_bad_input_gets_the_answer_that_the_specification_asks_for() {
    let scene = Scene::new("");
    let home = &scene.home;
    let (first, later) = (inputs::instead_of_connect(), inputs::after_connect());
    assert!(first.len() + later.len() >= 100);
    for input in &first {
        println!("{} [MQTT-{}]", input.name, input.says);
        try_input(&mut Client::raw(home.address), input);
    }
    for input in &later {
        println!("{} [MQTT-{}]", input.name, input.says);
        try_input(&mut home.client("hostile"), input);
    }
    scene.end();
}

#[test]
fn hostile_behaviour_harms_nobody_else() {
    let scene = Scene::new(behaviours::LIMITS);
    for (name, behave) in behaviours::ALL {
        let start = Instant::now();
        behave(&scene.home);
        println!("{name}: {:.1} s", start.elapsed().as_secs_f64());
    }
    scene.end();
}

#[test]
fn a_packet_may_be_as_large_as_the_limit() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_packet_bytes = 1_000);
    let payload = |bytes| "x".repeat(bytes - "..a".len());
    let mut client = broker.client("client");
    client.send(&qos0("a", &payload(1_000)));
    client.ping();
    client.send(&qos0("a", &payload(1_001)));
    client.ping();
    // One that is no message cannot be passed over.
    client.send_bytes(b"\x82\xe9\x07");
    client.expect_end();
}

/// What makes rumqttd's own router panic or drop clients does no harm here.
#[test]
fn inputs_that_hurt_rumqttd_are_harmless() {
    let broker = TestBroker::start();
    let mut subscriber = broker.client("a//b/+#$");
    subscriber.subscribe("#", QoS::ExactlyOnce);
    subscriber.subscribe("größe/+", QoS::AtLeastOnce);
    subscriber.subscribe("größe/+", QoS::AtMostOnce);
    let mut publisher = broker.client("§");
    for topic in ["größe/x", "éa", "日本", "/", "//", "€", "a//b"] {
        publisher.publish(topic, "x");
        let message = subscriber.receive_message();
        assert_eq!((message.topic.as_str(), message.qos), (topic, QoS::AtLeastOnce));
        subscriber.send(&Packet::PubAck(rumqttc::PubAck::new(message.pkid)));
    }
    // Acknowledgements of nothing, twice, and out of order.
    for packet_id in [9, 1, 9, 65_535] {
        subscriber.send(&Packet::PubAck(rumqttc::PubAck::new(packet_id)));
        subscriber.send(&Packet::PubComp(rumqttc::PubComp::new(packet_id)));
    }
    for _ in 0..20 {
        let mut client = broker.raw();
        client.send_all(&[Packet::Connect(Connect::new("reset")), Packet::PingReq]);
    }
    let mut empty = Publish::new("größe/x", QoS::AtLeastOnce, "");
    empty.pkid = 3;
    publisher.send(&Packet::Publish(empty));
    publisher.receive();
    assert_eq!(subscriber.receive_message().payload.len(), 0);
    publisher.publish("end", "x");
    assert_eq!(subscriber.receive_message().topic, "end");
}
