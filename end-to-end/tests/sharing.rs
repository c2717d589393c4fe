//! What one site announces leaves the others their meters: with the real broker, recorder and pages.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use end_to_end::torture::client::{Came, Client};
use end_to_end::{Site, http_get, mosquitto_sub, wait_until};
use meter_messages::Minute;
use rumqttc::Packet;

/// How many meters the greedy site announces: twenty times of what all may have.
const ANNOUNCED: u32 = 2000;

fn info(name: &str) -> String {
    format!(
        r#"{{"name":"{name}","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}}"#
    )
}

fn state(watts: u32) -> String {
    let now = daemon_runtime::now();
    format!(r#"{{"t":"{now}","power_w":{watts},"energy_kwh":0.005,"total":5}}"#)
}

/// Publishes and waits until the broker has all of it.
fn publish(client: &mut Client, messages: &[(String, String)], retain: bool) {
    for round in messages.chunks(500) {
        for (id, (topic, payload)) in (1..).zip(round) {
            assert!(client.publish(id, topic, payload, retain));
        }
        let mut open = round.len();
        while open > 0 {
            match client.next(Duration::from_secs(60)) {
                Came::Packet(Packet::PubAck(_)) => open -= 1,
                Came::Packet(_) => {}
                other => panic!("{open} messages are not acknowledged: {other:?}"),
            }
        }
    }
}

#[test]
fn who_announces_thousands_of_meters_keeps_no_other_site_out() {
    let site = Site::new("");
    site.prepend("powerpi-recorder", "max_meters = 100\n");
    site.prepend("powerpi-web", "max_meters = 100\n");
    let _broker = site.start("powerpi-broker");
    let recorder = site.start("powerpi-recorder");
    let web = site.start("powerpi-web");
    let mut greedy = Client::connect(site.mqtt, "greedy", true).unwrap().0;
    let announced = (0..ANNOUNCED).flat_map(|number| {
        let topic = |what: &str| format!("powerpi/greedy/m{number}/{what}");
        [(topic("info"), info("x")), (topic("state"), state(1))]
    });
    publish(&mut greedy, &announced.collect::<Vec<_>>(), true);
    let too_many = "its site has as many meters as it may have";
    wait_until("the recorder says that it is enough", || recorder.log().contains(too_many));
    wait_until("the pages say that it is enough", || web.log().contains(too_many));

    let at = Minute::nearest(daemon_runtime::now().as_second() / 60 - 1);
    let minute = format!(r#"{{"t":"{at}","s":60,"seq":1,"pulses":5,"total":5}}"#);
    let topic = |what: &str| format!("powerpi/hq/main/{what}");
    let mut honest = Client::connect(site.mqtt, "honest", true).unwrap().0;
    publish(&mut honest, &[("powerpi/hq/status".into(), "online".into())], true);
    publish(&mut honest, &[(topic("info"), info("Haus")), (topic("state"), state(777))], true);
    publish(&mut honest, &[(topic("minute"), minute)], false);
    wait_until("the new meter is recorded", || site.recorded("hq/main") == [(at, 5)]);
    wait_until("its mark is there", || {
        mosquitto_sub(site.mqtt, &topic("recorded"), 1, 5).iter().any(|(_, mark)| mark.contains("\"seq\":1"))
    });
    let live = || http_get(site.web, "/api/v1/meters/hq/main").1;
    wait_until("and it is live", || live().contains("\"power_w\":777"));
    wait_until("and shown as online", || {
        http_get(site.web, "/status?lang=en").1.contains("hq/main · online")
    });

    let of_greedy =
        site.ledger().meters().unwrap().iter().filter(|it| it.meter.site.as_str() == "greedy").count();
    assert_eq!(of_greedy, 52, "half of all places, and its part");
    let lines = recorder.log().lines().filter(|line| line.contains(too_many)).count();
    assert_eq!(lines, 1, "one line for all of them: {}", recorder.log());
    // Both come back to the same after a restart, though the broker has kept everything.
    recorder.stop();
    web.stop();
    let _recorder = site.start("powerpi-recorder");
    let _web = site.start("powerpi-web");
    wait_until("it is live again", || live().contains("\"power_w\":777"));
    let next = Minute::nearest(at.epoch_minutes() + 1);
    let minute = format!(r#"{{"t":"{next}","s":60,"seq":2,"pulses":6,"total":11}}"#);
    publish(&mut honest, &[(topic("minute"), minute)], false);
    wait_until("recorded after the restart", || site.recorded("hq/main") == [(at, 5), (next, 6)]);
}
