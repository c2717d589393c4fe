//! Starting and stopping.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use broker::{Broker, Settings};
use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, LastWill};

use crate::common::{Client, TestBroker};

#[test]
fn a_stop_is_quick_and_closes_connections() {
    // Whoever waited for its CONNECT would wait for a minute.
    let mut broker = TestBroker::with(|settings| settings.mqtt.connect_timeout_s = 60);
    let mut idle = broker.client("idle");
    let mut busy = broker.client("busy");
    busy.subscribe("#", QoS::AtLeastOnce);
    let mut connect = Connect::new("mortal");
    connect.last_will = Some(LastWill::new("status", "offline", QoS::AtLeastOnce, true));
    let (mut mortal, _) = Client::connect(broker.address, connect);
    let halfway = broker.raw();
    let start = Instant::now();
    broker.stop();
    // By itself it takes milliseconds and at most three seconds; a loaded machine takes more.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    idle.expect_end();
    mortal.expect_end();
    drop(halfway);
    assert!(std::net::TcpStream::connect(broker.address).is_err());
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let broker = TestBroker::start();
    let mut settings = Settings::default();
    settings.mqtt.listen = SocketAddr::from(([127, 0, 0, 1], broker.address.port()));
    settings.store.in_memory = true;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(Broker::bind(&settings)).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains(&broker.address.to_string()), "{text}");
    assert!(text.contains("[mqtt] listen"), "{text}");
}
