//! Clients of all kinds come and go under load, and every message is there.

use std::time::Duration;

use end_to_end::torture::seed;
use end_to_end::torture::soak::{Least, Soak};

/// Seconds show that everybody is served; for memory there is `make torture`.
#[test]
fn whoever_comes_and_goes_is_served() {
    let least = Least { visits: 50, heard: 1000 };
    let soak = Soak { seed: seed("soak"), lasts: Duration::from_secs(15), least, judged: false };
    let soaked = soak.run(&|told| println!("{told}"));
    assert!(soaked.result.is_exact(), "{}: {:#?}", soaked.result, soaked.result.faults);
    assert!(soaked.visits >= 50 && soaked.heard >= 1000, "{} visits, {} heard", soaked.visits, soaked.heard);
    assert!(soaked.memory.iter().all(|memory| memory.samples.len() >= 3), "{:?}", soaked.memory);
}
