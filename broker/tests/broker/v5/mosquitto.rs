//! MQTT 5 as mosquitto's clients and rumqttc speak it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mqtt_proto::v5::PubackReasonCode;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};

use crate::common::TestBroker;
use crate::program::Home;
use crate::v5::client::{V5, connect, message};

fn mosquitto(program: &str, port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &port.to_string()]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A subscriber that is subscribed: a message to the topic `probe`, which it does not show, has
/// reached it.
fn subscriber(broker: &TestBroker, arguments: &[&str]) -> Child {
    let mut command = mosquitto("mosquitto_sub", broker.address.port(), arguments);
    let child = command.args(["-t", "probe", "-T", "probe"]).spawn().unwrap();
    let (mut prober, _) = V5::connect(broker.address, connect("prober"));
    let probe = || message(mqtt_proto::QoS::Level1, "probe", "");
    while prober.publish(probe()).reason_code != PubackReasonCode::Success {
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// What it has received in the end.
fn received(child: Child) -> String {
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

const PUBLISH: &[&str] = &[
    "-q",
    "1",
    "-t",
    "a/b",
    "-m",
    "hello",
    "-D",
    "publish",
    "content-type",
    "text/plain",
    "-D",
    "publish",
    "response-topic",
    "answer",
    "-D",
    "publish",
    "correlation-data",
    "c1",
    "-D",
    "publish",
    "user-property",
    "colour",
    "blue",
    "-D",
    "publish",
    "payload-format-indicator",
    "1",
    "-D",
    "publish",
    "message-expiry-interval",
    "1000",
];
/// Content type, response topic, correlation data, payload format, user properties, payload.
const FORMAT: &str = "%C|%R|%D|%F|%P|%p";
const EXPECTED: &str = "text/plain|answer|c1|1|colour:blue|hello";

#[test]
fn properties_and_expiry_go_from_pub_to_sub_across_a_kill() {
    let home = Home::new();
    let port = home.address.port();
    let broker = home.start();
    let subscribe = ["-i", "x", "-c", "-x", "1000", "-q", "1", "-t", "a/#"];
    output(mosquitto("mosquitto_sub", port, &subscribe).arg("-E"));
    let brief = ["-i", "brief", "-c", "-x", "1", "-q", "1", "-t", "a/#"];
    output(mosquitto("mosquitto_sub", port, &brief).arg("-E"));
    output(&mut mosquitto("mosquitto_pub", port, PUBLISH));
    let perishable = ["-q", "1", "-t", "a/b", "-m", "old", "-D", "publish", "message-expiry-interval", "1"];
    output(&mut mosquitto("mosquitto_pub", port, &perishable));
    broker.kill();
    std::thread::sleep(Duration::from_millis(2_500));

    let _broker = home.start();
    output(&mut mosquitto("mosquitto_pub", port, &["-q", "1", "-t", "a/b", "-m", "last"]));
    let mut take = mosquitto("mosquitto_sub", port, &subscribe);
    let lines = output(take.args(["-C", "2", "-W", "60", "-F", FORMAT]));
    let expected = format!("{EXPECTED}\n");
    assert!(lines.starts_with(&expected) && lines.ends_with("|last\n"), "{lines}");
    // The other session is over: there is nothing for it but what comes now.
    let nothing = mosquitto("mosquitto_sub", port, &brief).args(["-C", "1", "-W", "2"]).output().unwrap();
    assert_eq!(String::from_utf8(nothing.stdout).unwrap(), "");
}

#[test]
fn either_version_reads_the_other() {
    let broker = TestBroker::start();
    let port = broker.address.port();
    for (publisher, listener) in [("mqttv5", "mqttv311"), ("mqttv311", "mqttv5")] {
        for qos in ["0", "1", "2"] {
            let listen = ["-V", listener, "-q", qos, "-t", "a/b", "-C", "1", "-W", "60"];
            let child = subscriber(&broker, &listen);
            output(&mut mosquitto(
                "mosquitto_pub",
                port,
                &["-V", publisher, "-q", qos, "-t", "a/b", "-m", "hello"],
            ));
            assert_eq!(received(child), "hello\n", "{publisher} to {listener}, QoS {qos}");
        }
    }
}

#[test]
fn retain_options_from_outside() {
    let broker = TestBroker::start();
    let port = broker.address.port();
    let listen = ["-q", "1", "-t", "a", "-C", "1", "-W", "60", "--retain-as-published", "-F", "retain %r"];
    let child = subscriber(&broker, &listen);
    output(&mut mosquitto("mosquitto_pub", port, &["-q", "1", "-r", "-t", "a", "-m", "x"]));
    assert_eq!(received(child), "retain 1\n");
    let never = ["-t", "a", "-W", "1", "--retain-handling", "never"];
    let nothing = mosquitto("mosquitto_sub", port, &never).output().unwrap();
    assert_eq!(String::from_utf8(nothing.stdout).unwrap(), "");
}

#[test]
fn mqtt_3_1_is_told_that_it_is_too_old() {
    let broker = TestBroker::start();
    let refused = mosquitto("mosquitto_pub", broker.address.port(), &["-V", "mqttv31", "-t", "a", "-m", "x"])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("protocol version"), "{said}");
}

#[test]
fn rumqttc_speaks_mqtt_5_with_us() {
    let broker = TestBroker::start();
    tokio::runtime::Runtime::new().unwrap().block_on(rumqttc_publishes_and_subscribes(&broker));
}

async fn rumqttc_publishes_and_subscribes(broker: &TestBroker) {
    let options = |client_id: &str| {
        let mut options = MqttOptions::new(client_id, "127.0.0.1", broker.address.port());
        options.set_keep_alive(Duration::from_secs(30));
        options
    };
    let (subscriber, mut events) = AsyncClient::new(options("subscriber"), 10);
    subscriber.subscribe("a", QoS::AtLeastOnce).await.unwrap();
    while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
    let (publisher, mut publishing) = AsyncClient::new(options("publisher"), 10);
    tokio::spawn(async move { while publishing.poll().await.is_ok() {} });
    let said =
        PublishProperties { user_properties: vec![("k".to_owned(), "v".to_owned())], ..Default::default() };
    for number in 0..100 {
        let payload = number.to_string();
        publisher.publish_with_properties("a", QoS::AtLeastOnce, false, payload, said.clone()).await.unwrap();
    }
    for number in 0..100 {
        let publish = loop {
            let event = tokio::time::timeout(Duration::from_secs(60), events.poll()).await.unwrap();
            if let Event::Incoming(Packet::Publish(publish)) = event.unwrap() {
                break publish;
            }
        };
        assert_eq!(publish.payload, number.to_string());
        assert_eq!(publish.properties.unwrap().user_properties, said.user_properties);
    }
}
