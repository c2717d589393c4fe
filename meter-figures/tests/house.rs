//! A house of meters, compared with minutes that are looked at one by one.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use meter_figures::{House, HouseSums, MediumSums, Reckoned};
use meter_ledger::{Ledger, Sum};
use meter_messages::{Info, Medium, Minute, PulseCount};
use proptest::prelude::*;
use tempfile::TempDir;

/// 2026-01-01T00:00Z.
const FIRST: i64 = 29_453_760;

/// What happens in a minute: pulses and seconds watched, or nobody watched.
type Minutes = Vec<Option<(u32, u8)>>;

/// A meter: what it says beside its name, and its minutes.
struct Made {
    name: &'static str,
    said: &'static str,
    minutes: Minutes,
}

fn made(name: &'static str, said: &'static str, minutes: Minutes) -> Made {
    Made { name, said, minutes }
}

/// As the recorder records them: a thousand pulses a kWh.
fn recorded(meters: &[Made]) -> (TempDir, Ledger, House) {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    for Made { name, said, minutes } in meters {
        let info = format!(
            r#"{{"name":"{name}","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1{said}}}"#
        );
        let meter = format!("hq/{name}").parse().unwrap();
        let mark = batch.register(&meter, &Info::from_json(info.as_bytes()).unwrap()).unwrap();
        let (mut total, mut seq) = (0, 0);
        for (at, minute) in (FIRST..).zip(minutes) {
            let Some((pulses, watched_s)) = *minute else { continue };
            (total, seq) = (total + u64::from(pulses), seq + 1);
            let count = PulseCount { minute: Minute::nearest(at), watched_s, seq, pulses, total };
            batch.record(&mark, &count).unwrap();
        }
    }
    batch.commit().unwrap();
    let house = House::new(ledger.meters().unwrap());
    (folder, ledger, house)
}

fn place(house: &House, name: &str) -> usize {
    house.meters().iter().position(|known| known.meter.meter.as_str() == name).unwrap()
}

/// The sums of so many hours.
fn sums(ledger: &Ledger, house: &House, hours: i64) -> HouseSums {
    sums_of(ledger, house, hours, 60)
}

/// The sums of so many pieces of so many minutes each.
fn sums_of(ledger: &Ledger, house: &House, pieces: i64, minutes: i64) -> HouseSums {
    let bounds: Vec<Minute> = (0..=pieces).map(|piece| Minute::nearest(FIRST + piece * minutes)).collect();
    let of_all: Vec<Vec<Sum>> =
        house.meters().iter().map(|known| ledger.sums(known, &bounds).unwrap()).collect();
    let mut sums = HouseSums::new(house);
    for piece in 0..pieces as usize {
        let of_piece: Vec<&Sum> = of_all.iter().map(|of_meter| &of_meter[piece]).collect();
        sums.add(&(bounds[piece]..bounds[piece + 1]), &of_piece);
    }
    sums
}

fn electricity(sums: &HouseSums) -> &MediumSums {
    sums.media.iter().find(|of| of.medium == Medium::Electricity).unwrap()
}

fn steady(pulses: u32, minutes: usize) -> Minutes {
    vec![Some((pulses, 60)); minutes]
}

fn close(reckoned: Option<Reckoned>, quantity: f64) -> bool {
    reckoned.is_some_and(|it| (it.quantity - quantity).abs() < 1e-9)
}

#[test]
fn a_sum_takes_what_is_no_others_part_and_what_is_fed_in_apart() {
    let (_folder, ledger, house) = recorded(&[
        made("main", "", steady(40, 120)),
        made("heat", r#","part_of":"hq/main""#, steady(20, 120)),
        made("feed", r#","measures":"export""#, steady(50, 120)),
    ]);
    let sums = sums(&ledger, &house, 2);
    let of = electricity(&sums);
    assert_eq!(sums.comes_in(of).quantity, Some(4.8));
    assert_eq!(sums.goes_out(of).quantity, Some(6.0));
    assert_eq!((sums.made(of).quantity, of.own_use(), of.house_use()), (None, None, None));
    // What is made is not measured: the parts may take of it, too.
    assert!(close(of.not_measured(), 2.4) && of.balances.at_least);
    assert!(close(of.rest(place(&house, "main")), 2.4));
    assert_eq!(of.rest(place(&house, "heat")), None);
}

#[test]
fn with_what_is_made_the_house_knows_what_it_uses() {
    let (_folder, ledger, house) = recorded(&[
        made("main", "", steady(10, 120)),
        made("heat", r#","part_of":"hq/main""#, steady(20, 120)),
        made("sun", r#","measures":"production""#, steady(50, 120)),
        made("feed", r#","measures":"export""#, steady(30, 120)),
    ]);
    let sums = sums(&ledger, &house, 2);
    let of = electricity(&sums);
    assert!(close(of.own_use(), 2.4) && close(of.house_use(), 3.6), "{of:?}");
    // The heat pump takes more than comes in: it takes of the sun.
    assert!(close(of.not_measured(), 1.2) && !of.balances.at_least);
    assert_eq!(of.rest(place(&house, "main")), None);
    assert_eq!(of.own_use_percent().map(f64::round), Some(40.0));
    assert_eq!(of.self_sufficiency_percent().map(f64::round), Some(67.0));
}

#[test]
fn an_hour_that_one_of_them_did_not_watch_is_no_rest() {
    let mut off = steady(20, 180);
    off[70..100].fill(None);
    let (_folder, ledger, house) =
        recorded(&[made("main", "", steady(40, 180)), made("heat", r#","part_of":"hq/main""#, off)]);
    let sums = sums(&ledger, &house, 3);
    let rest = electricity(&sums).not_measured().unwrap();
    assert_eq!((rest.minutes, sums.minutes), (120, 180));
    assert!((rest.quantity - 2.4).abs() < 1e-9, "{rest:?}");
}

#[test]
fn a_minute_of_a_restart_does_not_hide_the_hour_that_has_begun() {
    let of_hour_begun = |minutes: i64| {
        let mut restarted = steady(20, 60);
        restarted[3] = None;
        let (_folder, ledger, house) =
            recorded(&[made("main", "", steady(40, 60)), made("heat", r#","part_of":"hq/main""#, restarted)]);
        electricity(&sums_of(&ledger, &house, 1, minutes)).not_measured().map(|rest| rest.minutes)
    };
    // A minute of three of which nobody knows whose it is would be half of the rest.
    assert_eq!([3, 5, 10, 20, 60].map(of_hour_begun), [Some(3), None, Some(10), Some(20), Some(60)]);
}

#[test]
fn parts_that_measure_more_than_the_whole_are_shown_but_for_a_pulse() {
    let rest = |main: u32, heat: u32| {
        let mut whole = steady(10, 60);
        whole[59] = Some((main, 60));
        let mut part = steady(10, 60);
        part[59] = Some((heat, 60));
        let (_folder, ledger, house) =
            recorded(&[made("main", "", whole), made("heat", r#","part_of":"hq/main""#, part)]);
        electricity(&sums(&ledger, &house, 1)).not_measured().unwrap().quantity
    };
    assert_eq!(rest(10, 12), 0.0, "each of them may have counted a pulse in the next hour");
    assert!((rest(10, 13) + 0.003).abs() < 1e-9);
    assert!((rest(12, 10) - 0.002).abs() < 1e-9);
}

/// Minutes of which most are watched as a whole, and some hours long nobody watches.
fn minutes(hours: usize) -> impl Strategy<Value = Minutes> {
    let minute =
        prop_oneof![9 => (0..50_u32).prop_map(|pulses| Some((pulses, 60))), 1 => Just(Some((3, 59)))];
    let of_hours = proptest::collection::vec(minute, hours * 60);
    (of_hours, proptest::collection::vec((0..hours * 60, 0..90_usize), 0..3)).prop_map(
        |(mut minutes, gaps)| {
            for (from, length) in gaps {
                let end = (from + length).min(minutes.len());
                minutes[from..end].fill(None);
            }
            minutes
        },
    )
}

const HOURS: usize = 6;

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_house_is_what_its_minutes_say(
        main in minutes(HOURS), heat in minutes(HOURS), pump in minutes(HOURS), sun in minutes(HOURS), feed in minutes(HOURS),
    ) {
        let all: HashMap<&str, Minutes> = [("main", &main), ("heat", &heat), ("pump", &pump), ("sun", &sun), ("feed", &feed)]
            .map(|(name, minutes)| (name, minutes.clone())).into();
        let (_folder, ledger, house) = recorded(&[
            made("main", "", main),
            made("heat", r#","part_of":"hq/main""#, heat),
            made("pump", r#","part_of":"hq/heat""#, pump),
            made("sun", r#","measures":"production""#, sun),
            made("feed", r#","measures":"export""#, feed),
        ]);
        // Minute by minute: the pulses of some less those of others, in hours that all watched.
        let naive = |plus: &[&str], minus: &[&str]| -> (i64, i64) {
            let (mut pulses, mut minutes) = (0, 0);
            for hour in 0..HOURS {
                let of = |name: &&str| all[*name][hour * 60..][..60].to_vec();
                let watched = |name: &&str| of(name).iter().flatten().map(|(_, watched_s)| i64::from(*watched_s)).sum::<i64>();
                if plus.iter().chain(minus).any(|name| watched(name) < 59 * 60) {
                    continue;
                }
                let sum = |name: &&str| of(name).iter().flatten().map(|(pulses, _)| i64::from(*pulses)).sum::<i64>();
                pulses += plus.iter().map(sum).sum::<i64>() - minus.iter().map(sum).sum::<i64>();
                minutes += 60;
            }
            (pulses, minutes)
        };
        let sums = sums(&ledger, &house, HOURS as i64);
        let of = electricity(&sums);
        for (reckoned, plus, minus) in [
            (of.own_use(), &["sun"][..], &["feed"][..]),
            (of.house_use(), &["main", "sun"], &["feed"]),
            (of.not_measured(), &["main", "sun"], &["feed", "heat"]),
            (of.rest(place(&house, "heat")), &["heat"], &["pump"]),
        ] {
            let (pulses, minutes) = naive(plus, minus);
            let Some(reckoned) = reckoned else {
                prop_assert_eq!(minutes, 0);
                continue;
            };
            prop_assert_eq!(reckoned.minutes, minutes);
            let expected = pulses as f64 / 1000.0;
            // A pulse of each meter in each time that was watched without a break is nothing.
            let tolerance = (plus.len() + minus.len()) as f64 * HOURS as f64 / 1000.0;
            let is_nothing = reckoned.quantity == 0.0 && expected < 0.0 && -expected <= tolerance;
            prop_assert!((reckoned.quantity - expected).abs() < 1e-9 || is_nothing, "{reckoned:?}, {expected}");
        }
        prop_assert_eq!(of.rest(place(&house, "main")), None);
        let counted = |name: &str| all[name].iter().flatten().map(|(pulses, _)| u64::from(*pulses)).sum::<u64>();
        prop_assert_eq!(sums.of_meters[place(&house, "main")].pulses, counted("main"));
    }
}
