//! Versions in a folder and beside a ledger in PostgreSQL: precedence, undo, nonsense, several writers, what a kill leaves
//! behind, and damaged files.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::thread;
use std::time::Duration;

use meter_ledger::{Ledger, LedgerHome};
use postgres_for_tests::Server;
use site_settings::{Applied, Draft, MOST_VERSIONS, NewVersions, SiteSettings, Store, StoreError};
use tempfile::TempDir;

const FIXED: &str = "currency = 'CHF'\n[[meter]]\nid = 'hq/main'\nname = 'Haus'\nbudget_kwh_per_month = 250\n\
                     [[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.3\n\
                     [[alarm]]\nname = 'oven'\nmeter = 'hq/main'\nabove_w = 5000\n";

fn parse(text: &str) -> SiteSettings {
    daemon_runtime::parse(text).unwrap()
}

fn fixed() -> SiteSettings {
    parse(FIXED)
}

fn store() -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let store = Store::new(folder.path());
    (folder, store)
}

/// One in a folder, and one beside a ledger.
fn both(name: &str) -> (TempDir, [Store; 2]) {
    let (folder, in_folder) = store();
    let home: LedgerHome = Server::shared().address(name).parse().unwrap();
    drop(Ledger::open(&home).unwrap());
    let beside = Store::beside(&home, folder.path());
    (folder, [in_folder, beside])
}

fn save(store: &Store, text: &str, after: u64) -> Result<u64, StoreError> {
    let draft = Draft { text, by: "anna", why: Some("because"), after };
    store.save(&draft, &fixed(), daemon_runtime::now())
}

#[test]
fn what_stands_in_the_toml_goes_first_and_the_rest_behind_it() {
    let (_folder, stores) = both("precedence");
    for store in &stores {
        let text = "currency = 'EUR'\nholidays = ['12-25']\n[access]\npublic_meters = ['hq/oven']\n\
                    [[meter]]\nid = 'hq/main'\nname = 'Other'\ncolour = 'red'\nbudget_m3_per_month = 5\n\
                    [[meter]]\nid = 'hq/oven'\npart_of = 'main'\n\
                    [[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.9\n\
                    [[tariff]]\nfrom = '2027-01-01'\nprice_per_kwh = 0.4\n\
                    [[tariff]]\nfor = 'hq/oven'\nfrom = '2026-01-01'\nprice_per_kwh = 0.2\n\
                    [[alarm]]\nname = 'oven'\nmeter = 'hq/main'\nabove_w = 1\n\
                    [[alarm]]\nname = 'gone'\nmeter = 'hq/main'\noffline_for = '5m'\n";
        assert_eq!(Applied::now(fixed(), store).settings, fixed());
        assert_eq!(save(store, text, 0).unwrap(), 1);
        let applied = Applied::now(fixed(), store);
        let expected = parse(
            "currency = 'CHF'\nholidays = ['12-25']\n[access]\npublic_meters = ['hq/oven']\n\
             [[meter]]\nid = 'hq/main'\nname = 'Haus'\ncolour = 'red'\nbudget_kwh_per_month = 250\n\
             [[meter]]\nid = 'hq/oven'\npart_of = 'main'\n\
             [[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = 0.3\n\
             [[tariff]]\nfrom = '2027-01-01'\nprice_per_kwh = 0.4\n\
             [[tariff]]\nfor = 'hq/oven'\nfrom = '2026-01-01'\nprice_per_kwh = 0.2\n\
             [[alarm]]\nname = 'oven'\nmeter = 'hq/main'\nabove_w = 5000\n\
             [[alarm]]\nname = 'gone'\nmeter = 'hq/main'\noffline_for = '5m'\n",
        );
        assert_eq!((applied.settings, applied.version), (expected, 1));
        assert_eq!(
            applied.stored.hidden_by(&applied.fixed),
            [
                "currency",
                "[[meter]] hq/main: name",
                "[[meter]] hq/main: budget",
                "[[tariff]] for all meters from 2026-01-01",
                "[[alarm]] oven",
            ]
        );
    }
}

#[test]
fn nonsense_is_refused_as_in_the_toml_and_nothing_is_saved() {
    let (folder, store) = store();
    for (text, because) in [
        ("colour = 'red'", "unknown key"),
        ("[[meter]]\nid = 'hq/main'\ncolour = 'purple'", "unknown colour \"purple\""),
        ("[[meter]]\nid = 'hq/main'\n[[meter]]\nid = 'hq/main'", "meter hq/main is set twice"),
        ("[[tariff]]\nprice_per_m3 = 1", ""),
        ("[[tariff]]\nfrom = '2026-01-01'\nprice_per_kwh = nan", ""),
        ("[[alarm]]\nname = 'oven'\nmeter = 'hq/main'", "write one of above_w"),
        ("saved = 1", "unknown key \"saved\""),
        ("[[meter", "TOML parse error"),
        ("[[meter]]\nid = 'HQ/main'", "HQ"),
        ("listen = '0.0.0.0:80'", "unknown key \"listen\""),
    ] {
        let error = save(&store, text, 0).unwrap_err().to_string();
        assert!(error.starts_with("settings: ") && error.contains(because), "{text}: {error}");
    }
    let long = format!("# {}", "x".repeat(site_settings::LONGEST));
    assert!(save(&store, &long, 0).unwrap_err().to_string().contains("too long"));
    // What is only wrong behind what stands in the TOML.
    let within = parse("[[meter]]\nid = 'hq/main'\npart_of = 'oven'\n");
    let draft =
        Draft { text: "[[meter]]\nid = 'hq/oven'\npart_of = 'main'", by: "anna", why: None, after: 0 };
    let error = store.save(&draft, &within, daemon_runtime::now()).unwrap_err().to_string();
    assert!(error.contains("is said to be part of itself"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_earlier_version_comes_back_as_a_new_one() {
    let (_folder, stores) = both("undo");
    for store in &stores {
        assert!(matches!(
            store.put_back(1, "ben", 0, &fixed(), daemon_runtime::now()),
            Err(StoreError::Unknown(1))
        ));
        let texts = ["# first\ncurrency = 'EUR'\r\n", "", "[[meter]]\nid = 'hq/oven'"];
        for (after, text) in texts.iter().enumerate() {
            save(store, text, after as u64).unwrap();
        }
        // Somebody else has saved the third one since.
        let stale = store.put_back(1, "ben", 2, &fixed(), daemon_runtime::now());
        assert!(matches!(stale, Err(StoreError::Superseded { newest: 3 })));
        assert_eq!(store.put_back(1, "ben", 3, &fixed(), daemon_runtime::now()).unwrap(), 4);
        let version = store.version(4).unwrap();
        assert_eq!(
            (version.text.as_str(), version.by.as_str(), version.why.as_deref()),
            (texts[0], "ben", Some("as version 1"))
        );
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(store.version(number as u64 + 1).unwrap().text, *text);
        }
        assert!(matches!(save(store, "", 3), Err(StoreError::Superseded { newest: 4 })));
        assert_eq!(store.numbers().unwrap(), [1, 2, 3, 4]);
    }
}

#[test]
fn of_many_who_save_at_once_nobody_overwrites_another() {
    let (_folder, stores) = both("writers");
    stores.iter().for_each(many_save);
}

fn many_save(store: &Store) {
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        thread::spawn(move || {
            let mut saved = Vec::new();
            while saved.len() < 10 {
                let after = store.newest().unwrap();
                // What one has read stays in what one writes.
                let before = if after == 0 { String::new() } else { store.version(after).unwrap().text };
                match save(&store, &format!("{before}# {writer} {}\n", saved.len()), after) {
                    Ok(number) => saved.push(number),
                    Err(StoreError::Busy | StoreError::Superseded { .. }) => thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
            saved
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut saved: Vec<u64> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    saved.sort_unstable();
    assert_eq!(saved, (1..=80).collect::<Vec<_>>());
    let text = store.version(80).unwrap().text;
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 80, "{text}");
}

#[test]
fn what_a_kill_leaves_or_somebody_damages_is_no_version() {
    let (folder, store) = store();
    save(&store, "currency = 'EUR'\nholidays = ['12-24']", 0).unwrap();
    fs::write(folder.path().join(".unfinished-abc"), "saved = { at").unwrap();
    fs::write(folder.path().join("notes.toml"), "x").unwrap();
    assert_eq!(store.numbers().unwrap(), [1]);
    // Somebody changes what must not be changed, and the one before it holds.
    fs::write(folder.path().join("2.toml"), "currency = 'EUR'").unwrap();
    fs::write(folder.path().join("3.toml"), [0xFF, 0xFE]).unwrap();
    fs::write(folder.path().join("4.toml"), vec![b' '; 2_000_000]).unwrap();
    fs::write(
        folder.path().join("5.toml"),
        "saved = { at = \"2026-01-01T00:00:00Z\", by = \"x\" }\nnonsense = 1",
    )
    .unwrap();
    let applied = Applied::now(fixed(), &store);
    assert_eq!((applied.version, applied.settings.holidays.unwrap().len()), (1, 1));
    assert_eq!(save(&store, "", 5).unwrap(), 6);
    assert_eq!(Applied::now(fixed(), &store).version, 6);
    assert!(!folder.path().join(".unfinished-abc").exists() && folder.path().join("notes.toml").exists());
}

#[test]
fn the_oldest_make_room_and_without_a_folder_there_are_none() {
    let (folder, store) = store();
    let version = "saved = { at = \"2026-01-01T00:00:00Z\", by = \"x\" }\n";
    for number in 1..=MOST_VERSIONS {
        fs::write(folder.path().join(format!("{number}.toml")), version).unwrap();
    }
    save(&store, "", MOST_VERSIONS as u64).unwrap();
    let numbers = store.numbers().unwrap();
    assert_eq!((numbers.len(), numbers[0]), (MOST_VERSIONS, 2));
    let nowhere = Store::new(folder.path().join("nowhere"));
    assert_eq!(nowhere.newest().unwrap(), 0);
    assert_eq!(Applied::now(fixed(), &nowhere).version, 0);
    let error = save(&nowhere, "", 0).unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn a_program_hears_of_a_new_version_and_of_one_that_is_gone() {
    let (folder, store) = store();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut versions = NewVersions::after(store.clone(), 0);
        assert!(tokio::time::timeout(Duration::from_millis(100), versions.next()).await.is_err());
        save(&store, "", 0).unwrap();
        tokio::time::timeout(Duration::from_secs(60), versions.next()).await.unwrap();
        fs::remove_file(folder.path().join("1.toml")).unwrap();
        tokio::time::timeout(Duration::from_secs(60), versions.next()).await.unwrap();
    });
}

#[test]
fn what_was_saved_before_there_was_a_database_is_taken_over_once() {
    let (folder, [before, beside]) = both("before");
    for after in 0..3 {
        save(&before, &format!("# {after}\n"), after).unwrap();
    }
    fs::write(folder.path().join("4.toml"), [0xFF, 0xFE]).unwrap();
    assert!(beside.take_over(folder.path()).unwrap());
    assert!(!beside.take_over(folder.path()).unwrap());
    assert_eq!(
        (beside.numbers().unwrap(), beside.version(2).unwrap()),
        (vec![1, 2, 3], before.version(2).unwrap())
    );
    assert_eq!(save(&beside, "", 3).unwrap(), 4);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut versions = NewVersions::after(beside.clone(), 3);
        tokio::time::timeout(Duration::from_secs(60), versions.next()).await.unwrap();
    });
    assert!(!before.take_over(folder.path()).unwrap(), "a folder takes nothing over");
}

#[test]
fn without_tables_nothing_is_saved_and_a_database_that_is_away_is_no_empty_one() {
    let home: LedgerHome = Server::shared().address("empty").parse().unwrap();
    let empty = Store::beside(&home, "nowhere");
    assert_eq!((empty.newest().unwrap(), empty.numbers().unwrap().len()), (0, 0));
    let said = save(&empty, "", 0).unwrap_err().to_string();
    assert!(said.contains("start powerpi-recorder"), "{said}");
    let away = Store::beside(&"postgresql://127.0.0.1:1/powerpi".parse().unwrap(), "nowhere");
    assert!(matches!(away.newest(), Err(StoreError::Database(_))));
    assert!(Applied::read(fixed(), &away).is_err());
    assert_eq!(Applied::now(fixed(), &away).version, 0);
}
