//! What lies beside a ledger in PostgreSQL: the watch of the alarms, and the settings in versions.

use meter_ledger::{Address, AlarmWatch, Ledger, LedgerHome, SettingsVersions};
use postgres_for_tests::Server;

fn address(name: &str) -> Address {
    let home: LedgerHome = Server::shared().address(name).parse().unwrap();
    let LedgerHome::Database(address) = home else { panic!("{home} is a file") };
    *address
}

#[test]
fn one_has_the_watch_and_who_had_it_changes_nothing_any_more() {
    let address = address("watch");
    assert!(AlarmWatch::open(&address).unwrap_err().is_of_nothing_yet());
    drop(Ledger::open(&LedgerHome::Database(Box::new(address.clone()))).unwrap());
    let [one, other] = [1, 2].map(|_| AlarmWatch::open(&address).unwrap());
    let nobody = one.look().unwrap();
    assert_eq!((nobody.signs, one.record().unwrap()), (None, None));
    let first = one.take(nobody).unwrap().unwrap();
    assert_eq!(other.take(nobody).unwrap(), None, "it was faster");
    let seen = other.look().unwrap();
    assert!(one.give_sign_of_life(first).unwrap() && one.keep(first, "{}").unwrap());
    assert_eq!(other.take(seen).unwrap(), None, "there was a sign");
    let second = other.take(other.look().unwrap()).unwrap().unwrap();
    assert!(!one.give_sign_of_life(first).unwrap() && !one.keep(first, "old").unwrap());
    one.leave(first).unwrap();
    assert_eq!(other.record().unwrap().as_deref(), Some("{}"));
    assert!(other.keep(second, "new").unwrap());
    other.leave(second).unwrap();
    assert!(!other.keep(second, "late").unwrap());
    let third = one.take(one.look().unwrap()).unwrap();
    assert!(third.is_some() && third != Some(first) && one.record().unwrap().as_deref() == Some("new"));
}

#[test]
fn versions_come_one_after_the_other_and_the_oldest_make_room() {
    let address = address("versions");
    drop(Ledger::open(&LedgerHome::Database(Box::new(address.clone()))).unwrap());
    let [one, other] = [1, 2].map(|_| SettingsVersions::open(&address).unwrap());
    let before = [(3, "three".to_owned()), (4, "four".to_owned())];
    assert!(one.take_over(&before).unwrap() && !other.take_over(&before).unwrap());
    assert!(other.add(4, "five", 3).unwrap() && !one.add(4, "other", 3).unwrap());
    assert_eq!((one.newest().unwrap(), one.content(5).unwrap().as_deref()), (5, Some("five")));
    assert!(one.add(5, "six", 3).unwrap());
    assert_eq!((one.numbers().unwrap(), one.content(3).unwrap()), (vec![4, 5, 6], None));
}
