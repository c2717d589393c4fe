//! A year against the one before, day by day: only days that were watched in both count.
#![allow(clippy::unwrap_used)]

mod site;

use meter_messages::Minute;
use site::{Site, berlin, info, kwh, minute, record_minutes};
use tempfile::TempDir;

#[test]
fn a_year_is_more_or_less_than_the_one_before() {
    let span = |from: &str, to: &str| minute(from).epoch_minutes()..minute(to).epoch_minutes();
    // Whole local days; ten days of January were watched in 2025 only.
    let before = span("2023-12-31T23:00:00Z", "2024-01-09T23:00:00Z")
        .chain(span("2024-01-19T23:00:00Z", "2024-02-09T23:00:00Z"));
    let then = span("2024-12-31T23:00:00Z", "2025-02-09T23:00:00Z");
    let minutes: Vec<Minute> = before.chain(then).map(Minute::nearest).collect();
    let dir = TempDir::new().unwrap();
    record_minutes(dir.path(), &info("Haus"), &minutes);
    let site = Site::over(dir, 1);
    let both = |year: i16| {
        kwh(&minutes, |at| {
            let day = at.timestamp().to_zoned_datetime(berlin()).date();
            day.year() == year && !(day.month() == 1 && (10..20).contains(&day.day()))
        })
    };
    let rough = |kwh: f64| {
        if kwh >= 1000.0 {
            format!("{},{:03.0}", (kwh / 1000.0) as u32, kwh % 1000.0)
        } else {
            format!("{kwh:.1}")
        }
    };
    let page = site.get("/m/hq/main/year/2025?lang=en").text();
    let (_, figure) = page.split_once("id=\"running\"").expect("two years");
    let said = format!(
        "2025: {}\u{a0}kWh. 2024 by the same day: {}\u{a0}kWh.",
        rough(both(2025)),
        rough(both(2024))
    );
    assert!(figure.contains(&said), "{said} is not in {}", figure.split_once("class=\"said\"").unwrap().1);
    assert!(figure.contains("class=\"ghost\"") && figure.contains("class=\"line\""));
    assert!(site.get("/m/hq/main/year/2025?lang=de").text().contains("Mehr als im Vorjahr?"));
    // Before 2024 there is nothing to compare with.
    assert!(!site.get("/m/hq/main/year/2024").text().contains("id=\"running\""));
}
