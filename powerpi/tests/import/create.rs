//! A meter that the ledger does not know is made by an import, and gone again with it.

use std::fs;

use meter_ledger::Ledger;
use meter_messages::{Info, Medium};

use crate::{YEAR_S, folder, powerpi};

const GAS: [&str; 4] = ["csv", "gas.csv", "--meter", "flat/gas"];
const NEW: [&str; 7] = ["--create", "--constant", "100", "--medium", "gas", "--name", "Gas boiler"];

fn names(ledger: &Ledger) -> Vec<String> {
    ledger.meters().unwrap().iter().map(|meter| meter.meter.to_string()).collect()
}

fn tried(path: &std::path::Path, rest: &[&str]) -> (bool, String) {
    let (is_fine, said, error) = powerpi(path, &[&GAS[..], rest].concat());
    (is_fine, said + &error)
}

#[test]
fn a_meter_that_an_import_makes_is_gone_when_it_is_undone() {
    let (folder, ledger) = folder();
    let path = folder.path();
    let rows: String = (0..48).map(|hour| format!("{};{}.5\n", YEAR_S + hour * 3600, hour)).collect();
    fs::write(path.join("gas.csv"), format!("time;m3\n{rows}")).unwrap();
    let (is_fine, said) = tried(path, &[]);
    assert!(
        !is_fine && said.contains("knows no meter flat/gas") && said.contains("--create --constant"),
        "{said}"
    );
    for (rest, told) in [
        (&["--create"][..], "--constant"),
        (&["--constant", "100"], "--create"),
        (&["--create", "--constant", "many"], "write a number"),
        (&["--create", "--constant", "0"], "0.001 to 1000000"),
        (&["--create", "--constant", "1", "--medium", "oil"], "electricity, gas or water"),
        (&["--create", "--constant", "1", "--name", "a\nb"], "one line"),
    ] {
        let (is_fine, said) = tried(path, rest);
        assert!(!is_fine && said.contains(told), "{rest:?}: {said}");
    }
    let (is_fine, said) = tried(path, &[&NEW[..], &["--dry-run"]].concat());
    assert!(is_fine && said.contains("Nothing was changed") && said.contains("new m³"), "{said}");
    assert_eq!(names(&ledger), ["hq/main"]);

    let (is_fine, said) = tried(path, &NEW);
    assert!(is_fine && said.contains("The meter flat/gas (Gas boiler) is new."), "{said}");
    let known = ledger.meter(&"flat/gas".parse().unwrap()).unwrap().unwrap();
    assert_eq!(
        (known.medium, known.constant.per_unit(), known.name.as_str()),
        (Medium::Gas, 100.0, "Gas boiler")
    );
    assert_eq!(ledger.reading(&known).unwrap(), Some(47.0));
    // The same again, with all that was said and without, changes nothing; something else is refused.
    for rest in [&NEW[..], &[]] {
        let (is_fine, said) = tried(path, rest);
        assert!(is_fine && said.contains("Nothing is new."), "{rest:?}: {said}");
    }
    let (is_fine, said) = tried(path, &["--create", "--constant", "10"]);
    assert!(!is_fine && said.contains("with the constant 100; leave --constant out"), "{said}");
    assert!(ledger.check_file().unwrap().is_empty());
    for meter in ledger.meters_to_check().unwrap() {
        assert_eq!(ledger.check(&meter, || {}).unwrap(), []);
    }

    let (is_fine, said, _) = powerpi(path, &["undo", "1"]);
    assert!(is_fine && said.contains("and so is the meter flat/gas that it had made"), "{said}");
    assert_eq!(names(&ledger), ["hq/main"]);
    let (is_fine, said) = tried(path, &NEW);
    assert!(is_fine && said.contains("is new."), "{said}");
}

#[test]
fn a_meter_that_a_publisher_has_taken_over_stays() {
    let (folder, mut ledger) = folder();
    let path = folder.path();
    fs::write(path.join("gas.csv"), format!("time;m3\n{};1\n{};2\n", YEAR_S, YEAR_S + 3600)).unwrap();
    let (is_fine, said) = tried(path, &[&NEW[..], &["--numbers", "totals"]].concat());
    assert!(is_fine, "{said}");
    let info = br#"{"name":"Gas","pulses_per_m3":10,"medium":"gas","source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    batch.register(&"flat/gas".parse().unwrap(), &Info::from_json(info).unwrap()).unwrap();
    batch.commit().unwrap();
    // What was imported keeps the constant that it was imported with.
    let known = ledger.meter(&"flat/gas".parse().unwrap()).unwrap().unwrap();
    assert_eq!((known.name.as_str(), ledger.reading(&known).unwrap()), ("Gas", Some(1.0)));
    let (is_fine, said, error) = powerpi(path, &["undo", "1"]);
    assert!(is_fine && said == "Import 1 is undone.\n", "{said}{error}");
    assert_eq!(names(&ledger), ["flat/gas", "hq/main"]);
}
