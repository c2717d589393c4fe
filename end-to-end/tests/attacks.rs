//! All attacks on one set of programs, with honest ones beside them.

use std::time::Instant;

use end_to_end::attacks::{ALL, Extent, beside_all};

/// Each is served what it asks for while it goes on, and after a restart; what the programs keep of it all is
/// bounded by their settings.
#[test]
fn whoever_attacks_the_honest_ones_are_served() {
    let began = Instant::now();
    let outcomes = beside_all(Extent::Short, &|told| println!("{:.1?}: {told}", began.elapsed()));
    assert_eq!(outcomes.len(), ALL.len());
    let faults: Vec<_> = outcomes.iter().filter(|outcome| !outcome.faults.is_empty()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(outcomes.iter().all(|outcome| outcome.pages > 0 && outcome.beside.count() >= 20));
}
