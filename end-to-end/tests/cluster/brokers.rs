//! Three nodes of NATS in the broker's place: whichever is killed, what is recorded is what was counted.

use std::time::Instant;

use end_to_end::nats::{NODES, Nats};
use end_to_end::torture::Simulation;
use end_to_end::{Site, http_get, wait_until};
use meter_messages::Minute;

/// Has all programs of a site use the cluster, each beginning with another node.
fn give(nats: &Nats, site: &Site) {
    for (first, name) in ["pi-publisher", "powerpi-recorder", "powerpi-web"].into_iter().enumerate() {
        let hosts = format!("{}\nkeep_alive_s = 5", nats.hosts(first));
        site.replace(name, &format!("port = {}", site.mqtt), &hosts);
    }
}

fn more(site: &Site, minutes: usize) {
    let before = site.recorded("hq/m0").len();
    let began = Instant::now();
    wait_until("more minutes are recorded", || site.recorded("hq/m0").len() >= before + minutes);
    println!("{minutes} more minutes after {:.1} s", began.elapsed().as_secs_f64());
}

#[test]
fn whichever_node_is_killed_the_ledger_is_what_was_counted() {
    let simulation = Simulation::new(11, 1, 10);
    let (mut nats, site) = (Nats::start(""), Site::new(&simulation.settings(None)));
    give(&nats, &site);
    let recorder = site.start("powerpi-recorder");
    let publisher = site.start("pi-publisher");
    let web = site.start("powerpi-web");
    more(&site, 20);
    for node in 0..NODES {
        nats.kill(node);
        more(&site, 60);
        nats.start_again(node);
        more(&site, 30);
    }
    publisher.stop();
    // What it has not sent yet waits for its next start. Its time ends a little later.
    let counted = site.counted("m0") + 60;
    let end = Minute::nearest(simulation.first.epoch_minutes() + counted as i64);
    site.replace("pi-publisher", &simulation.settings(None), &simulation.settings(Some(end)));
    let publisher = site.start("pi-publisher");
    wait_until("all is recorded that was counted", || site.recorded("hq/m0").len() as u64 >= counted);
    let (_, household) = simulation.households().remove(0);
    let emitted: Vec<(Minute, u32)> = (0..counted as i64)
        .map(|at| Minute::nearest(simulation.first.epoch_minutes() + at))
        .map(|minute| (minute, household.pulses_in(minute)))
        .collect();
    assert_eq!(site.recorded("hq/m0"), emitted);
    wait_until("the pages know the meter", || http_get(site.web, "/api/v1/meters").1.contains("hq/m0"));
    drop((recorder, web, publisher));
}
