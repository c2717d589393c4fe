//! A database that stops without a word, and another one that takes its place.

use std::time::{Duration, Instant};

use end_to_end::{Site, http_get, wait_until};
use jiff::Timestamp;
use postgres_for_tests::Pair;

use crate::home::{household, recorded};

/// Nobody waits longer for a server that says nothing, also beside other tests.
const LONGEST: Duration = Duration::from_secs(60);

fn meter(from: Timestamp) -> String {
    format!(
        "[[meter]]\nid = 'main'\nname = 'Haus'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\nseed = 7\n\
         from = '{from}'\nspeed = 600\n"
    )
}

/// Its connections stay open and new ones are taken, as where a machine hangs or its way is cut: nothing is refused.
#[test]
fn recorder_and_pages_leave_a_server_that_stops_for_the_one_that_takes_its_place() {
    let from = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 40 * 86_400).unwrap();
    let (mut pair, site) = (Pair::start(), Site::new(&meter(from)));
    let address = pair.address("tester");
    for program in ["powerpi-recorder", "powerpi-web"] {
        site.replace(program, "'ledger.sqlite'", &format!("'{address}'"));
    }
    let _broker = site.start("powerpi-broker");
    let recorder = site.start("powerpi-recorder");
    let publisher = site.start("pi-publisher");
    let _web = site.start("powerpi-web");
    let days = format!(
        "/api/v1/meters/hq/main/energy.csv?from={from}&to={}&step=day",
        from + 40 * Duration::from_secs(86_400)
    );
    let asked = || http_get(site.web, &days);
    wait_until("minutes are on the page", || asked().0 == 200 && recorded(&address, "hq/main").len() >= 20);
    let (before, page) = (recorded(&address, "hq/main").len(), asked());
    pair.primary().pause(true);
    pair.promote();
    pair.go_on_alone();
    let began = Instant::now();
    wait_until("minutes are recorded by the other server", || {
        recorded(&address, "hq/main").len() >= before + 20
    });
    let recorded_after = began.elapsed();
    wait_until("pages show them", || asked().0 == 200 && asked() != page);
    println!("recorded after {recorded_after:.1?}, shown after {:.1?}", began.elapsed());
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    let counted = site.counted("main") as usize;
    wait_until("all is recorded that was counted", || recorded(&address, "hq/main").len() >= counted);
    publisher.stop();
    recorder.stop();
    let recorded = recorded(&address, "hq/main");
    let source = household(7);
    let expected: Vec<_> = recorded.iter().map(|(minute, _)| (*minute, source.pulses_in(*minute))).collect();
    assert_eq!(recorded, expected, "recorded, and what the source emitted");
    pair.standby().kill();
}
