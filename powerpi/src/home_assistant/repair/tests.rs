use super::*;

/// A meter that uses so much in each hour from 100 on, `None` where nobody watched.
#[derive(Clone)]
struct Metered {
    ours: Vec<Ours>,
    /// What it has counted at the end of each hour.
    counts: Vec<f64>,
}

/// One that counts from 7 on.
fn ledger(used: &[Option<f64>]) -> Metered {
    let mut count = 7.0;
    let counts = used.iter().map(|used| {
        count += used.unwrap_or_default();
        count
    });
    let counts = counts.collect();
    Metered { ours: (100..).zip(used).map(|(hour, used)| Ours { hour, used: *used }).collect(), counts }
}

impl Metered {
    fn repair(&self, theirs: &BTreeMap<i64, Theirs>) -> Repair {
        let count = |hour: i64| Ok::<_, ()>(self.counts.get((hour - 100) as usize).copied());
        Repair::of(theirs, &self.ours, count).unwrap()
    }

    /// The first hours alone.
    fn first(&self, hours: usize) -> Self {
        Self { ours: self.ours[..hours].to_vec(), counts: self.counts.clone() }
    }
}

/// Hours with their sum and what the sensor said last.
fn assistant(hours: &[(i64, f64, f64)]) -> BTreeMap<i64, Theirs> {
    hours.iter().map(|(hour, sum, state)| (*hour, Theirs { sum: *sum, state: Some(*state) })).collect()
}

/// Puts a repair where Home Assistant puts it.
fn mended(theirs: &BTreeMap<i64, Theirs>, repair: &Repair) -> BTreeMap<i64, Theirs> {
    let mut mended = theirs.clone();
    if let Some(shift) = repair.shift {
        mended.range_mut(shift.from..).for_each(|(_, their)| their.sum += shift.by);
    }
    for right in &repair.hours {
        mended.insert(right.hour, Theirs { sum: right.sum, state: Some(right.state) });
    }
    mended
}

fn sums(theirs: &BTreeMap<i64, Theirs>) -> Vec<(i64, f64)> {
    theirs.iter().map(|(hour, their)| (*hour, (their.sum * 1e6).round() / 1e6)).collect()
}

#[test]
fn what_is_right_stays() {
    let ours = ledger(&[Some(1.0), Some(2.0), Some(0.0)]);
    let theirs = assistant(&[(100, 50.0, 8.0), (101, 52.0, 10.0), (102, 52.0, 10.0)]);
    let repair = ours.repair(&theirs);
    assert!(repair.is_nothing(), "{repair:?}");
    assert_eq!(repair.compared, 3);
}

#[test]
fn what_came_late_is_booked_in_the_hours_in_which_it_was_used() {
    let ours = ledger(&[Some(1.0), Some(2.0), Some(3.0), Some(4.0), Some(5.0)]);
    // Of 101 it heard the half; 102 it never saw, and 103 got all.
    let theirs = assistant(&[(100, 50.0, 8.0), (101, 51.0, 9.0), (103, 59.0, 17.0), (104, 64.0, 22.0)]);
    let repair = ours.repair(&theirs);
    assert_eq!(
        repair.hours,
        [Right { hour: 101, sum: 52.0, state: 10.0 }, Right { hour: 102, sum: 55.0, state: 13.0 }]
    );
    assert_eq!(repair.shift, None, "the sum of the last hour was right all the time");
    let mended = mended(&theirs, &repair);
    assert_eq!(sums(&mended), [(100, 50.0), (101, 52.0), (102, 55.0), (103, 59.0), (104, 64.0)]);
    assert!(repair.is_done(&mended) && !repair.is_done(&theirs));
    assert!(ours.repair(&mended).is_nothing(), "once");
}

#[test]
fn while_an_outage_lasts_its_hours_are_there_and_what_comes_afterwards_fits() {
    let ours = ledger(&[Some(1.0), Some(2.0), Some(3.0)]);
    let theirs = assistant(&[(100, 50.0, 7.9)]);
    let repair = ours.repair(&theirs);
    let during = mended(&theirs, &repair);
    assert_eq!(sums(&during), [(100, 50.1), (101, 52.1), (102, 55.1)]);
    assert_eq!(repair.shift, None, "what it did not hear yet, it will hear");
    assert!(ours.repair(&during).is_nothing());
    // It goes on from where it was: its next sum has all that came meanwhile.
    let ours = ledger(&[Some(1.0), Some(2.0), Some(3.0), Some(4.0)]);
    let mut afterwards = during;
    afterwards.insert(103, Theirs { sum: 50.0 + 17.0 - 7.9, state: Some(17.0) });
    assert!(ours.repair(&afterwards).is_nothing());
}

#[test]
fn what_a_new_card_made_it_miss_is_added_from_there_on() {
    // In 102 the card is changed: the old one had counted 0.5 more, of which nobody spoke; the new one 2.5.
    let mut ours = ledger(&[Some(1.0), Some(2.0), Some(3.0), Some(4.0)]);
    (ours.counts[2], ours.counts[3]) = (2.5, 6.5);
    let theirs = assistant(&[(100, 50.0, 8.0), (101, 52.0, 10.0), (102, 54.5, 2.5)]);
    let repair = ours.first(3).repair(&theirs);
    assert_eq!(repair.shift, Some(Shift { from: 102, by: 0.5 }));
    let mut mended = mended(&theirs, &repair);
    assert_eq!(sums(&mended), [(100, 50.0), (101, 52.0), (102, 55.0)]);
    assert!(ours.first(3).repair(&mended).is_nothing(), "once");
    mended.insert(103, Theirs { sum: 59.0, state: Some(6.5) });
    assert!(ours.repair(&mended).is_nothing());
}

#[test]
fn one_that_was_interrupted_goes_on() {
    let mut ours = ledger(&[Some(1.0), Some(2.0), Some(3.0)]);
    ours.counts[2] = 2.5;
    let theirs = assistant(&[(100, 50.0, 7.8), (101, 51.0, 9.2), (102, 53.7, 2.5)]);
    let whole = ours.repair(&theirs);
    let right = sums(&mended(&theirs, &whole));
    for done in 0..=whole.hours.len() {
        let part = Repair { hours: whole.hours[..done].to_vec(), ..whole.clone() };
        let then = mended(&theirs, &part);
        let rest = ours.repair(&then);
        assert_eq!(rest.shift, None, "it was added already");
        assert_eq!(sums(&mended(&then, &rest)), right, "interrupted after {done} hours");
    }
}

#[test]
fn a_correction_counts_and_moves_what_follows() {
    // 101 was counted twice as high as it was: the count stays, the ledger says 1.
    let mut ours = ledger(&[Some(1.0), Some(2.0), Some(3.0)]);
    ours.ours[1].used = Some(1.0);
    let theirs = assistant(&[(100, 50.0, 8.0), (101, 52.0, 10.0), (102, 54.9, 12.9)]);
    let repair = ours.repair(&theirs);
    let shift = repair.shift.unwrap_or(Shift { from: 0, by: 0.0 });
    assert_eq!((shift.from, (shift.by * 1e6).round()), (102, -1e6));
    let mended = mended(&theirs, &repair);
    assert_eq!(sums(&mended), [(100, 50.0), (101, 51.0), (102, 54.0)]);
    assert!(ours.repair(&mended).is_nothing());
}

#[test]
fn what_nobody_watched_is_not_made_up() {
    let ours = ledger(&[Some(1.0), None, None, Some(4.0)]);
    // For 101 it has an hour all the same, in which nothing was used; for 102 none.
    let theirs = assistant(&[(100, 50.0, 8.0), (101, 50.0, 8.0), (103, 54.0, 12.0)]);
    assert!(ours.repair(&theirs).is_nothing());
}

#[test]
fn where_nothing_is_common_nothing_is_done() {
    let ours = ledger(&[Some(1.0), Some(2.0)]);
    assert_eq!(ours.repair(&BTreeMap::new()), Repair::default());
    // From before its sensor counted: it said what the meter showed.
    let theirs = assistant(&[(100, 50.0, 12_521.0)]);
    assert_eq!(ours.repair(&theirs), Repair::default());
    assert_eq!(ours.first(0).repair(&theirs), Repair::default());
}
