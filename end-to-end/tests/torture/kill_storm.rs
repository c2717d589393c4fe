//! Processes are killed at random moments; every minute is recorded once.

use end_to_end::torture::kill_storm::KillStorm;
use end_to_end::torture::seed;

#[test]
fn whoever_is_killed_whenever_every_minute_is_recorded_once() {
    let seed = seed("kill storm");
    let storm = KillStorm { seed, kills: 60, meters: 3, minutes_a_second: 60, forgetful_broker: false };
    let custody = storm.run(&|told| println!("{told}"));
    println!("{custody}");
    assert!(custody.is_kept(), "{custody}: {:#?}", custody.faults);
    assert!(custody.minutes >= 2000, "{custody}: too few to mean anything");
    assert!(custody.panics > 0 || !cfg!(debug_assertions), "{custody}: nobody panicked");
}

#[test]
fn a_broker_that_forgets_loses_nothing_either() {
    let seed = seed("forgetful broker");
    let storm = KillStorm { seed, kills: 40, meters: 2, minutes_a_second: 60, forgetful_broker: true };
    let custody = storm.run(&|told| println!("{told}"));
    println!("{custody}");
    assert!(custody.is_kept(), "{custody}: {:#?}", custody.faults);
    assert!(custody.minutes >= 1000, "{custody}: too few to mean anything");
}

/// As after weeks without a server: windows, batches and queues are full all the time.
#[test]
fn a_backlog_comes_in_once_through_a_storm() {
    let seed = seed("backlog");
    let storm = KillStorm { seed, kills: 30, meters: 2, minutes_a_second: 2000, forgetful_broker: false };
    let custody = storm.run(&|told| println!("{told}"));
    println!("{custody}");
    assert!(custody.is_kept(), "{custody}: {:#?}", custody.faults);
    assert!(custody.minutes >= 10_000, "{custody}: too few to mean anything");
}
