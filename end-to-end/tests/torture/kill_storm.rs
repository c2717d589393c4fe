//! Processes are killed at random moments; every minute is recorded once.

use end_to_end::torture::kill_storm::KillStorm;
use end_to_end::torture::seed;

#[test]
fn whoever_is_killed_whenever_every_minute_is_recorded_once() {
    let seed = seed("kill storm");
    let storm = KillStorm { seed, kills: 60, meters: 3, minutes_a_second: 60, forgetful_broker: false };
    let result = storm.run(&|told| println!("{told}"));
    println!("{result}");
    assert!(result.is_exact(), "{result}: {:#?}", result.faults);
    assert!(result.minutes >= 600, "{result}: too few to mean anything");
    assert!(result.panics > 0 || !cfg!(debug_assertions), "{result}: nobody panicked");
}

#[test]
fn a_broker_that_forgets_loses_nothing_either() {
    let seed = seed("forgetful broker");
    let storm = KillStorm { seed, kills: 40, meters: 2, minutes_a_second: 60, forgetful_broker: true };
    let result = storm.run(&|told| println!("{told}"));
    println!("{result}");
    assert!(result.is_exact(), "{result}: {:#?}", result.faults);
    assert!(result.minutes >= 400, "{result}: too few to mean anything");
}

/// As after weeks without a server: windows, batches and queues are full all the time.
#[test]
fn a_backlog_comes_in_once_through_a_storm() {
    let seed = seed("backlog");
    let storm = KillStorm { seed, kills: 30, meters: 2, minutes_a_second: 2000, forgetful_broker: false };
    let result = storm.run(&|told| println!("{told}"));
    println!("{result}");
    assert!(result.is_exact(), "{result}: {:#?}", result.faults);
    assert!(result.minutes >= 3000, "{result}: too few to mean anything");
}
