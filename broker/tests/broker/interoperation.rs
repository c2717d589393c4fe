//! Clients that others have written: mosquitto's and rumqttc.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use mqtt_proto::v5::PubackReasonCode;
use rumqttc::mqttbytes::QoS;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet};

use crate::common::TestBroker;
use crate::v5::client::{V5, connect, message};

fn mosquitto(program: &str, broker: &TestBroker, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(["-h", "127.0.0.1", "-p", &broker.port()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Publishes one message per line.
fn publish_lines(broker: &TestBroker, lines: &str, arguments: &[&str]) {
    let mut child = mosquitto("mosquitto_pub", broker, arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn text_of(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn lines(count: usize) -> String {
    (0..count).map(|number| format!("{number}\n")).collect()
}

#[test]
fn forty_thousand_messages_wait_for_an_absent_subscriber() {
    let broker = TestBroker::start();
    let subscribe = ["-c", "-i", "x", "-q", "1", "-t", "a/#"];
    // Subscribes, and leaves.
    let first = mosquitto("mosquitto_sub", &broker, &subscribe).arg("-E").status();
    assert!(first.unwrap().success());
    let sent = lines(40_000);
    publish_lines(&broker, &sent, &["-q", "1", "-t", "a/b", "-l"]);
    let output =
        mosquitto("mosquitto_sub", &broker, &subscribe).args(["-C", "40000", "-W", "60"]).output().unwrap();
    assert_eq!(text_of(&output), sent);
}

#[test]
fn mosquitto_publishes_and_subscribes_with_each_qos() {
    let broker = TestBroker::start();
    for qos in ["0", "1", "2"] {
        let subscriber: Child = mosquitto("mosquitto_sub", &broker, &["-t", "+/b", "-q", qos])
            .args(["-t", "probe", "-T", "probe", "-C", "500", "-W", "60"])
            .spawn()
            .unwrap();
        // Subscribed once a probe has reached it, which it does not show.
        let (mut prober, _) = V5::connect(broker.address, connect("prober"));
        let probe = || message(mqtt_proto::QoS::Level1, "probe", "");
        while prober.publish(probe()).reason_code != PubackReasonCode::Success {
            std::thread::sleep(Duration::from_millis(10));
        }
        let sent = lines(500);
        publish_lines(&broker, &sent, &["-q", qos, "-t", "a/b", "-l"]);
        let output = subscriber.wait_with_output().unwrap();
        assert_eq!(text_of(&output), sent, "QoS {qos}");
    }
}

#[test]
fn a_subscriber_with_manual_acknowledgements_gets_all_in_order() {
    const COUNT: usize = 20_000;
    let broker = TestBroker::start();
    let options = |client_id: &str| {
        let mut options = MqttOptions::new(client_id, "127.0.0.1", broker.address.port());
        options.set_inflight(100).set_clean_session(client_id == "publisher");
        options
    };
    let mut recorder = options("recorder");
    recorder.set_manual_acks(true);
    let publisher = options("publisher");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (subscriber, mut events) = AsyncClient::new(recorder, 10_000);
        subscriber.subscribe("a", QoS::AtLeastOnce).await.unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
        tokio::spawn(async move {
            let (client, mut events) = AsyncClient::new(publisher, 100);
            tokio::spawn(async move { while events.poll().await.is_ok() {} });
            for number in 0..COUNT {
                let payload = number.to_string();
                client.publish("a", QoS::AtLeastOnce, false, payload).await.unwrap();
            }
            std::future::pending::<()>().await;
        });
        let mut unacknowledged = Vec::new();
        for number in 0..COUNT {
            let publish = loop {
                let event = tokio::time::timeout(Duration::from_secs(60), events.poll());
                if let Event::Incoming(Packet::Publish(publish)) = event.await.unwrap().unwrap() {
                    break publish;
                }
            };
            assert_eq!(publish.payload, number.to_string());
            unacknowledged.push(publish);
            // In batches, as after a commit.
            if unacknowledged.len() == 50 {
                for publish in unacknowledged.drain(..) {
                    subscriber.ack(&publish).await.unwrap();
                }
            }
        }
    });
}
