//! Everybody may be struck; `make test-cluster` does it for ten minutes.

use std::time::Duration;

use end_to_end::torture::cluster::ClusterStorm;
use end_to_end::torture::seed;

#[test]
fn whoever_of_a_cluster_is_killed_stopped_or_cut_off_every_minute_is_recorded_once() {
    let seed = seed("cluster");
    let storm = ClusterStorm { seed, lasts: Duration::from_secs(30), publishers: 4, minutes_a_second: 10 };
    let stormed = storm.run(&|told| println!("{told}"));
    println!("{stormed}");
    let result = stormed.result;
    // What matters last: it is seen where a long message is cut.
    assert!(result.is_exact(), "{}\n{:#?}\nseed {seed}, {result}", stormed.last_words, result.faults);
    assert!(result.minutes >= 600, "{result}: too few to mean anything");
}
