//! Programs end in time and begin when they say so.
#![allow(clippy::unwrap_used)]

use end_to_end::torture::rolling_restart::RollingRestart;
use end_to_end::torture::{Simulation, client::Client, seed};
use end_to_end::{Site, http_get};
use meter_ledger::Ledger;
use pi_publisher::outbox::Outbox;

#[test]
fn stopped_under_load_each_ends_in_time_and_loses_nothing() {
    let restart = RollingRestart { seed: seed("rolling restart"), rounds: 3 };
    let (result, slowest) = restart.run();
    println!("{result}; the slowest stop took {slowest:?}");
    assert!(result.is_exact(), "{result}: {:#?}", result.faults);
    assert!(result.minutes >= 300, "{result}: too few to mean anything");
}

/// The first try, at the moment of READY, is answered; also after `kill -9` under load, when
/// there is something to bring back first.
#[test]
fn whoever_says_ready_serves() {
    let simulation = Simulation::new(seed("ready"), 2, 60);
    let site = Site::new(&simulation.settings(None));
    for round in 0..4 {
        let broker = site.start("powerpi-broker");
        assert!(Client::connect(site.mqtt, "first", true).is_some(), "round {round}");
        let recorder = site.start("powerpi-recorder");
        Ledger::open_read_only(&site.path().join("ledger.sqlite")).unwrap();
        let publisher = site.start("pi-publisher");
        let outbox = Outbox::open_read_only(site.path()).unwrap();
        assert!(outbox.existing_account(&"m1".parse().unwrap()).unwrap().is_some(), "round {round}");
        let web = site.start("powerpi-web");
        assert_eq!(http_get(site.web, "/health").0, 200, "round {round}");
        assert_eq!(http_get(site.web, "/").0, 200, "round {round}");
        std::thread::sleep(std::time::Duration::from_millis(500));
        [web, publisher, recorder, broker].into_iter().for_each(end_to_end::Program::kill);
    }
}
