//! Renames, merges and imports against a simple model: whatever is recorded under whatever name, imported, said, undone,
//! renamed and merged, and however late a minute comes, sums of quarters, hours and days are those of the model's minutes, and each outbox goes on
//! with its own numbers.
#![allow(clippy::unwrap_used)]

mod homes;
#[path = "moves/model.rs"]
mod model;
#[path = "moves/play.rs"]
mod play;

use std::collections::BTreeSet;

use meter_ledger::Ledger;
use meter_messages::Minute;
use proptest::prelude::*;
use tempfile::TempDir;

use homes::{cases, home};
use model::Model;
use play::{DAY, DAYS, NAMES, Step, import_pieces, meter, minute, pieces, play, record, step};

fn compare(ledger: &Ledger, model: &Model) {
    let known: Vec<usize> = model.meters.keys().copied().collect();
    let names: BTreeSet<String> = known.iter().map(|name| NAMES[*name].to_owned()).collect();
    let recorded = ledger.meters().unwrap();
    assert_eq!(recorded.iter().map(|known| known.meter.to_string()).collect::<BTreeSet<_>>(), names);
    for (former, now) in &model.former {
        assert_eq!(ledger.name_now(&meter(*former)).unwrap(), Some(meter(*now)));
        assert_eq!(ledger.meter(&meter(*former)).unwrap().unwrap().meter, meter(*now));
    }
    assert_eq!(ledger.former_names().unwrap().len(), model.former.len());
    for (name, of_model) in &model.meters {
        let known = ledger.meter(&meter(*name)).unwrap().unwrap();
        for (known, minutes) in [(known.as_counted(), of_model.counted()), (known, of_model.corrected())] {
            for step in [15, 60, DAY, (DAYS + 2) * DAY] {
                let bounds: Vec<i64> = (-1..=DAYS * DAY / step + 1).map(|at| at * step).collect();
                let asked: Vec<Minute> = bounds.iter().map(|at| minute(*at)).collect();
                for (pair, sum) in bounds.windows(2).zip(ledger.sums(&known, &asked).unwrap()) {
                    let of_span = minutes.range(pair[0]..pair[1]).map(|(_, it)| *it);
                    let model = of_span.fold((0, 0, 0), |sum, it| (sum.0 + it.0, sum.1 + 1, sum.2 + it.1));
                    assert_eq!((sum.pulses, sum.minutes, sum.watched_s), model, "{pair:?} of {name}");
                }
            }
        }
    }
    assert_eq!(ledger.check_file().unwrap(), []);
    for known in ledger.meters_to_check().unwrap() {
        assert_eq!(ledger.check(&known, || {}).unwrap(), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(24)))]

    #[test]
    fn whatever_is_imported_renamed_and_merged_sums_are_those_of_the_model(
        steps in proptest::collection::vec(step(), 2..20),
    ) {
        let folder = TempDir::new().unwrap();
        let home = home(folder.path());
        let mut ledger = Ledger::open(&home).unwrap();
        let mut model = Model::default();
        // Some days are packed, and the other one begins later, as after a change of its publisher's `id`.
        let begin = [Step::Record(0, 0..2 * DAY), Step::Record(1, 2 * DAY..2 * DAY + 90), Step::Late(0, vec![4 * DAY])];
        for step in begin.iter().chain(&steps) {
            play(&mut ledger, &home, &mut model, step);
        }
        compare(&Ledger::open_read_only(&home).unwrap(), &model);
        // Of each name the outbox goes on with its own numbers, whatever became of the meter.
        for name in 0..NAMES.len() {
            let mark = record(&mut ledger, name, std::iter::empty());
            let there: Vec<i64> = ledger.beyond(&mark).unwrap().iter().map(|(seq, _)| *seq as i64 - 1).collect();
            let of_model = model.meters.get(&model.now(name)).into_iter().flat_map(|known| known.minutes.keys());
            let of_model: Vec<i64> = of_model.filter(|(_, of)| *of == name).map(|(at, _)| *at).collect();
            prop_assert_eq!(there, of_model);
        }
    }
}

#[test]
fn a_time_over_midnight_keeps_no_other_of_its_day_that_is_counted() {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&home(folder.path())).unwrap();
    record(&mut ledger, 0, 0..1);
    for (source, at) in [("an hour", 100), ("an hour over midnight", DAY - 30)] {
        import_pieces(&mut ledger, 0, source, &pieces(at, 1, 60)).unwrap();
    }
    record(&mut ledger, 0, 100..160);
    let left = homes::rows(folder.path(), "SELECT from_minute FROM imported_span");
    assert_eq!(left.len(), 1, "the first is counted as a whole: {left:?}");
    // And that one once it is counted itself, though its days are not.
    record(&mut ledger, 0, DAY - 30..DAY + 30);
    assert_eq!(homes::rows(folder.path(), "SELECT from_minute FROM imported_span").len(), 0);
}
