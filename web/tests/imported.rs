//! What another system kept by the hour is shown as hours.
#![allow(clippy::unwrap_used)]

mod site;

use jiff::Timestamp;
use meter_ledger::{Ledger, NewImport, Piece};
use meter_messages::{Meter, Minute};
use site::{Site, info, meter, minute};

const ENERGY: &str = "/api/v1/meters/hq/main/energy";

fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

/// Days of 24 kWh, of each of which another system kept the sum.
fn import_days(ledger: &mut Ledger, meter: &Meter, first: Minute, days: i64) {
    let from = |day: i64| Minute::nearest(first.epoch_minutes() + day * 1440);
    let pieces: Vec<Piece> = (0..days)
        .map(|day| Piece { from: from(day), minutes: 1440, watched_s: 60, pulses: 24_000 })
        .collect();
    let pulses = 24_000 * days.unsigned_abs();
    let new = NewImport { meter: meter.clone(), source: "days".into(), by: "ernst".into(), first, pulses };
    for piece in &pieces {
        let mut batch = ledger.batch().unwrap();
        let mut importing = batch.begin_import(&new, from(days - 1), now()).unwrap();
        batch.import(&mut importing, std::slice::from_ref(piece)).unwrap();
        if piece.from == from(days - 1) {
            batch.finish_import(&importing, now()).unwrap();
        }
        batch.commit().unwrap();
    }
}

/// The mean of a day is neither the use of its nights nor that of any hour of the clock.
#[test]
fn nothing_is_said_of_the_hours_of_days_of_which_only_the_sum_was_imported() {
    let site = Site::start();
    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    import_days(&mut ledger, &meter(), minute("2024-05-04T22:00:00Z"), 7);
    let old: Meter = "hq/old".parse().unwrap();
    let mut batch = ledger.batch().unwrap();
    batch.register(&old, &info("Alt")).unwrap();
    batch.commit().unwrap();
    let today = daemon_runtime::now().as_second().div_euclid(86_400) * 1440;
    import_days(&mut ledger, &old, Minute::nearest(today - 20 * 1440), 20);

    let page = site.get("/m/hq/main/profile/month/2024-05?lang=en").text();
    assert!(page.contains("id=\"left-out\""), "{page}");
    assert_eq!(page.matches("<span class=\"value\">–</span>").count(), 2, "{page}");
    assert!(!page.contains("id=\"strongest\""), "{page}");
    // Hours that were counted are there, and with them no such sentence.
    let counted = site.get("/m/hq/main/profile/month/2025-10?lang=en").text();
    assert!(counted.contains("id=\"strongest\"") && !counted.contains("id=\"left-out\""), "{counted}");

    let page = site.get("/m/hq/old/base-load?lang=en").text();
    assert!(!page.contains("class=\"value\"") && page.contains("id=\"left-out\""), "{page}");
    assert!(site.get("/m/hq/old/base-load?lang=de").text().contains("längeren Summe bekannt"));
    let page = site.get("/m/hq/main/base-load?lang=en").text();
    assert!(page.contains("class=\"value\"") && !page.contains("id=\"left-out\""), "{page}");
    let on_page = |meter: &str| {
        let page = site.get(&format!("/m/{meter}?lang=en")).text();
        page.split_once("data-base-load>").unwrap().1.split('<').next().unwrap().to_owned()
    };
    assert_ne!(on_page("hq/main"), "–");
    assert_eq!(on_page("hq/old"), "–");
}

/// Hours that another system kept are hours: their sums are right, and pages and files say that no more is known.
#[test]
fn what_was_imported_by_the_hour_is_marked() {
    let site = Site::start();
    const PAGE: &str = "/m/hq/main/day/2024-05-05";
    let first = minute("2024-05-04T22:00:00Z");
    let pieces: Vec<Piece> = (0..24)
        .map(|hour| {
            let from = Minute::nearest(first.epoch_minutes() + hour * 60);
            Piece { from, minutes: 60, watched_s: 60, pulses: 500 }
        })
        .collect();
    let new = NewImport { meter: meter(), source: "hours".into(), by: "ernst".into(), first, pulses: 12_000 };
    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mut importing = batch.begin_import(&new, pieces[23].from, now()).unwrap();
    batch.import(&mut importing, &pieces).unwrap();
    batch.finish_import(&importing, now()).unwrap();
    batch.commit().unwrap();

    let page = |language: &str| site.get(&format!("{PAGE}?lang={language}")).text();
    assert!(page("en").contains("kept only sums of up to 1\u{a0}h 0\u{a0}min"), "{}", page("en"));
    assert!(page("de").contains("nur Summen über bis zu 1\u{a0}h 0\u{a0}min"));
    let today = site.get("/m/hq/main/day/2025-10-21?lang=en").text();
    assert!(!today.contains("id=\"imported\""));
    // Whatever is drawn finer than it is known is hatched, and nothing else.
    let hour = site.get("/m/hq/main/hour/2024-05-05T12?lang=en").text();
    assert_eq!(hour.matches("url(#parts-coarse)").count(), 12, "{hour}");
    assert!(!page("en").contains("url(#parts-coarse)"));
    let end = first.start() + 86_400;
    let series = |points: u32| {
        site.json(&format!("/api/v1/meters/hq/main/series?from={}&to={end}&points={points}", first.start()))
    };
    assert_eq!(series(1440)["coarse"], serde_json::json!([[first.start(), end]]));
    assert!(series(24).get("coarse").is_none(), "{}", series(24));
    let csv = site.get("/api/v1/meters/hq/main/energy.csv?from=2024-05-05&to=2024-05-06&step=hour").text();
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().ends_with(",corrected_minutes,resolution_minutes"), "{csv}");
    assert!(lines.clone().count() == 24 && lines.all(|line| line.ends_with(",0,60")), "{csv}");
    let day = site.json(&format!("{ENERGY}?from=2024-05-05&to=2024-05-06&step=day"));
    assert_eq!(
        (&day["rows"][0]["resolution_minutes"], &day["rows"][0]["pulses"]),
        (&60.into(), &12_000.into())
    );
}
