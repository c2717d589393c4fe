//! Prices of the day: what was said later holds, in whatever order it comes; and nobody fills the disk with them.
#![allow(clippy::unwrap_used)]

mod homes;

use std::collections::BTreeMap;

use jiff::Timestamp;
use meter_ledger::{Ledger, NewPrices, Pricing};
use meter_messages::{Currency, EnergyPrice, Minute, SiteId};
use proptest::prelude::*;
use tempfile::TempDir;

use homes::{by_hand, home};

/// 2026-11-29T00:00Z.
const DAY: i64 = 29_931_840;

fn open(folder: &TempDir) -> Ledger {
    Ledger::open(&home(folder.path())).unwrap()
}

fn euro() -> Currency {
    "EUR".parse().unwrap()
}

fn site(name: &str) -> SiteId {
    name.parse().unwrap()
}

fn said(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn quarter(number: i64) -> Minute {
    Minute::nearest(DAY + 15 * number)
}

fn price(billionths: i64) -> EnergyPrice {
    EnergyPrice::from_billionths(billionths).unwrap()
}

fn enter(
    ledger: &mut Ledger,
    (name, currency): (&str, Currency),
    at: i64,
    quarters: &[(i64, i64)],
) -> Pricing {
    let mut batch = ledger.batch().unwrap();
    let quarters = quarters.iter().map(|(number, billionths)| (quarter(*number), price(*billionths)));
    let entered = batch.enter_prices(&site(name), currency, said(at), quarters).unwrap();
    batch.commit().unwrap();
    entered
}

/// The prices of the quarters with these numbers.
fn prices(ledger: &Ledger, name: &str, numbers: std::ops::Range<i64>) -> Vec<(i64, i64)> {
    let span = quarter(numbers.start)..quarter(numbers.end);
    let found = ledger.day_prices(&site(name), euro(), span).unwrap();
    let number = |at: Minute| (at.epoch_minutes() - DAY) / 15;
    found.into_iter().map(|it| (number(it.quarter), it.price.billionths())).collect()
}

#[test]
fn later_prices_add_and_correct_and_the_same_again_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let mut ledger = open(&folder);
    let entered = |new, corrected, outdated| Pricing::Entered(NewPrices { new, corrected, outdated });
    let home = ("home", euro());
    assert_eq!(enter(&mut ledger, home, 10, &[(0, 100), (1, -50)]), entered(2, 0, 0));
    assert_eq!(enter(&mut ledger, home, 10, &[(0, 100), (1, -50)]), entered(0, 0, 0));
    assert_eq!(enter(&mut ledger, home, 20, &[(1, 70), (2, 80)]), entered(1, 1, 0));
    // A retained message that is older, and one of another site, change nothing here.
    assert_eq!(enter(&mut ledger, home, 15, &[(1, 60), (2, 60), (3, 60)]), entered(1, 0, 2));
    assert_eq!(enter(&mut ledger, ("attic", euro()), 30, &[(0, 999)]), entered(1, 0, 0));
    assert_eq!(enter(&mut ledger, ("home", "CHF".parse().unwrap()), 30, &[(0, 999)]), entered(1, 0, 0));
    assert_eq!(prices(&ledger, "home", 0..5), [(0, 100), (1, 70), (2, 80), (3, 60)]);
    assert_eq!(prices(&ledger, "home", 1..2), [(1, 70)]);
    assert_eq!(prices(&ledger, "nobody", 0..5), []);
    // A span that begins within a quarter has that quarter's price.
    let within = Minute::nearest(DAY + 7)..Minute::nearest(DAY + 16);
    assert_eq!(ledger.day_prices(&site("home"), euro(), within).unwrap().len(), 2);
}

#[test]
fn sites_and_currencies_are_as_many_as_there_may_be() {
    let folder = TempDir::new().unwrap();
    let mut ledger = open(&folder);
    for currency in ["EUR", "CHF", "SEK"] {
        let entered = enter(&mut ledger, ("home", currency.parse().unwrap()), 0, &[(0, 1)]);
        assert!(matches!(entered, Pricing::Entered(_)), "{currency}");
    }
    assert_eq!(enter(&mut ledger, ("home", "NOK".parse().unwrap()), 0, &[(0, 1)]), Pricing::TooManySites);
    let mut batch = ledger.batch().unwrap();
    for number in 0..1_000 {
        let name = site(&format!("s{number}"));
        batch.enter_prices(&name, euro(), said(0), [(quarter(0), price(1))]).unwrap();
    }
    let next = batch.enter_prices(&site("next"), euro(), said(0), [(quarter(0), price(1))]).unwrap();
    assert_eq!(next, Pricing::TooManySites);
    let known = batch.enter_prices(&site("home"), euro(), said(0), [(quarter(1), price(1))]).unwrap();
    assert!(matches!(known, Pricing::Entered(NewPrices { new: 1, .. })));
}

#[test]
fn quarters_are_as_many_as_there_may_be() {
    let folder = TempDir::new().unwrap();
    let mut ledger = open(&folder);
    enter(&mut ledger, ("home", euro()), 0, &[(0, 1)]);
    by_hand(folder.path(), "UPDATE price_series SET quarters = 20 * 366 * 96 - 1");
    let entered = enter(&mut ledger, ("home", euro()), 1, &[(0, 2), (1, 2), (2, 2)]);
    assert_eq!(entered, Pricing::TooMany(NewPrices { new: 1, corrected: 1, outdated: 0 }));
    assert_eq!(prices(&ledger, "home", 0..9), [(0, 2), (1, 2)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each message has a time of its own; they come in any order and several times.
    #[test]
    fn what_was_said_last_holds_in_any_order(
        said in prop::collection::vec(prop::collection::btree_map(0..12i64, -9..9i64, 1..8), 1..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let folder = TempDir::new().unwrap();
        let mut ledger = open(&folder);
        let all = 0..said.len();
        let order = order.iter().map(|index| index.index(said.len())).chain(all.rev());
        for number in order {
            let quarters: Vec<_> = said[number].iter().map(|(at, price)| (*at, *price)).collect();
            enter(&mut ledger, ("home", euro()), number as i64, &quarters);
        }
        let mut expected = BTreeMap::new();
        said.into_iter().for_each(|message| expected.extend(message));
        prop_assert_eq!(prices(&ledger, "home", 0..12), expected.into_iter().collect::<Vec<_>>());
    }
}
