//! Clocks that are set by half an hour, or where hours are not those of UTC: each page shows its own time, and each
//! time has a page of its own.
#![allow(clippy::unwrap_used)]

mod site;

use meter_messages::Minute;
use site::{Site, info, kwh, minute, record_minutes};
use tempfile::TempDir;

fn site(zone: &str, from: &str, to: &str) -> Site {
    let minutes: Vec<Minute> =
        (minute(from).epoch_minutes()..minute(to).epoch_minutes()).map(Minute::nearest).collect();
    let dir = TempDir::new().unwrap();
    record_minutes(dir.path(), &info("Haus"), &minutes);
    let mut site = Site::set_up(dir, 1, &format!("time_zone = '{zone}'"));
    site.minutes = minutes;
    site
}

fn page(site: &Site, path: &str) -> String {
    let answer = site.get(&format!("/m/hq/main/{path}?lang=en"));
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

/// The energy that a page shows.
fn shown(page: &str) -> &str {
    page.split_once("data-kwh=\"whole\">").unwrap().1.split_once('<').unwrap().0
}

fn between(site: &Site, from: &str, to: &str) -> String {
    format!("{:.3}", kwh(&site.minutes, |at| (minute(from)..minute(to)).contains(&at)))
}

/// What its table's rows are called, and the energy of each.
fn rows(page: &str) -> Vec<(String, String)> {
    let table = page.split_once("id=\"parts-card\"").unwrap().1.split_once("</table>").unwrap().0;
    let row = |row: &str| {
        let (head, rest) = row.split_once("</th><td>").unwrap();
        let name = head.trim_end_matches("</a>").rsplit('>').next().unwrap();
        (name.to_owned(), rest.split_once('<').unwrap().0.to_owned())
    };
    table.split("<tr><th scope=\"row\">").skip(1).map(row).collect()
}

#[test]
fn a_clock_that_is_set_by_half_an_hour_moves_no_energy() {
    let site = site("Australia/Lord_Howe", "2025-03-31T13:00:00Z", "2025-04-12T00:00:00Z");
    // On the sixth at two in the morning it was half past one: 24 hours and a half.
    let midnights =
        ["2025-04-04T13:00:00Z", "2025-04-05T13:00:00Z", "2025-04-06T13:30:00Z", "2025-04-07T13:30:00Z"];
    let month = rows(&page(&site, "month/2025-04"));
    for (day, two) in (5..).zip(midnights.windows(2)) {
        let expected = between(&site, two[0], two[1]);
        assert_eq!(month[day - 1].1, expected, "{}", month[day - 1].0);
        assert_eq!(shown(&page(&site, &format!("day/2025-04-{day:02}"))), expected);
        let (from, to) = (day, day + 1);
        let query = format!("from=2025-04-{from:02}&to=2025-04-{to:02}");
        for step in ["hour", "day"] {
            let answer = site.json(&format!("/api/v1/meters/hq/main/energy?{query}&step={step}"));
            let sum: f64 =
                answer["rows"].as_array().unwrap().iter().map(|row| row["kwh"].as_f64().unwrap()).sum();
            assert_eq!(format!("{sum:.3}"), expected, "{query} by {step}");
        }
    }
    let hours = rows(&page(&site, "day/2025-04-06"));
    assert_eq!(hours.len(), 25);
    assert_eq!(
        hours[1..4],
        [
            ("01:00".into(), between(&site, "2025-04-05T14:00:00Z", "2025-04-05T15:00:00Z")),
            ("01:30 (+10:30)".into(), between(&site, "2025-04-05T15:00:00Z", "2025-04-05T15:30:00Z")),
            ("02:00".into(), between(&site, "2025-04-05T15:30:00Z", "2025-04-05T16:30:00Z")),
        ]
    );
}

#[test]
fn each_of_two_hours_alike_has_its_page() {
    for (zone, days, names, edges) in [
        (
            "America/St_Johns",
            ("2025-10-31T00:00:00Z", "2025-11-04T00:00:00Z"),
            ["2025-11-02T01", "2025-11-02T01-0330"],
            ["2025-11-02T03:30:00Z", "2025-11-02T04:30:00Z", "2025-11-02T05:30:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            ("2025-04-04T00:00:00Z", "2025-04-08T00:00:00Z"),
            ["2025-04-06T01", "2025-04-06T01+1030"],
            ["2025-04-05T14:00:00Z", "2025-04-05T15:00:00Z", "2025-04-05T15:30:00Z"],
        ),
    ] {
        let site = site(zone, days.0, days.1);
        let pages = names.map(|name| page(&site, &format!("hour/{name}")));
        let steps = pages.each_ref().map(|page| {
            let step = |rel: &str| {
                let (_, rest) = page.split_once(&format!("rel=\"{rel}\" href=\"/m/hq/main/hour/")).unwrap();
                rest.split_once('?').unwrap().0.to_owned()
            };
            (step("prev"), step("next"))
        });
        assert_eq!(
            (steps[0].1.as_str(), steps[1].0.as_str()),
            (names[1], names[0]),
            "one leads to the other"
        );
        assert!(!names.contains(&steps[0].0.as_str()) && !names.contains(&steps[1].1.as_str()), "{steps:?}");
        for (page, two) in pages.iter().zip(edges.windows(2)) {
            assert_eq!(shown(page), between(&site, two[0], two[1]), "{zone}: from {}", two[0]);
            let page = page.replace("&#38;", "&").replace("&amp;", "&");
            let download = format!("energy.csv?from={}&to={}&step=minute", two[0], two[1]);
            assert!(page.contains(&download), "{download}");
        }
        let title = |page: &str| page.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0.to_owned();
        assert_ne!(title(&pages[0]), title(&pages[1]));
        let day = page(&site, &format!("day/{}", &names[0][..10]));
        assert!(names.iter().all(|name| day.contains(&format!("href=\"/m/hq/main/hour/{name}?lang=en\""))));
    }
    // As the address was before.
    let site = site("America/St_Johns", "2025-11-02T00:00:00Z", "2025-11-03T00:00:00Z");
    let (old, new) = (page(&site, "hour/2025-11-02T01-03"), page(&site, "hour/2025-11-02T01-0330"));
    assert_eq!(shown(&old), shown(&new));
}
