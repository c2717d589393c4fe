//! Pages of periods, comparisons, the chart's data and what browsers may keep:
//! everywhere the same numbers, on awkward days too.
#![allow(clippy::unwrap_used)]

mod site;

use site::{Site, kwh, minute};

fn page(site: &Site, path: &str) -> String {
    let answer = site.ask("GET", path, &[("Accept-Language", "en")]);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// The energy that a period's page shows, in kWh.
fn shown(site: &Site, path: &str) -> f64 {
    let page = page(site, path);
    let (_, rest) = page.split_once("data-kwh=\"whole\">").unwrap();
    rest.split_once('<').unwrap().0.replace(',', "").parse().unwrap()
}

/// What the interface for programs says of a time.
fn by_api(site: &Site, from: &str, to: &str, step: &str) -> f64 {
    let answer = site.json(&format!("/api/v1/meters/hq/main/energy?from={from}&to={to}&step={step}"));
    answer["rows"].as_array().unwrap().iter().map(|row| row["kwh"].as_f64().unwrap()).sum()
}

/// What the chart's data say of it.
fn by_series(site: &Site, from: &str, to: &str) -> f64 {
    let (from, to) = (minute(from).start(), minute(to).start());
    site.json(&format!("/api/v1/meters/hq/main/series?from={from}&to={to}&points=1"))["kwh"].as_f64().unwrap()
}

fn between(site: &Site, from: &str, to: &str) -> f64 {
    kwh(&site.minutes, |at| (minute(from)..minute(to)).contains(&at))
}

#[test]
fn every_view_of_an_awkward_time_says_the_same() {
    let site = Site::start();
    // The day of 25 hours; the night of a gap; a leap day; a day of 23 hours.
    for (path, day, next, start, end) in [
        ("day/2025-10-26", "2025-10-26", "2025-10-27", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z"),
        ("day/2024-02-29", "2024-02-29", "2024-03-01", "2024-02-28T23:00:00Z", "2024-02-29T23:00:00Z"),
        ("day/2025-03-30", "2025-03-30", "2025-03-31", "2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z"),
        ("day/2025-06-10", "2025-06-10", "2025-06-11", "2025-06-09T22:00:00Z", "2025-06-10T22:00:00Z"),
        ("day/2025-06-11", "2025-06-11", "2025-06-12", "2025-06-10T22:00:00Z", "2025-06-11T22:00:00Z"),
        ("month/2025-10", "2025-10-01", "2025-11-01", "2025-09-30T22:00:00Z", "2025-10-31T23:00:00Z"),
        ("week/2025-W43", "2025-10-20", "2025-10-27", "2025-10-19T22:00:00Z", "2025-10-26T23:00:00Z"),
        ("year/2024", "2024-01-01", "2025-01-01", "2023-12-31T23:00:00Z", "2024-12-31T23:00:00Z"),
        ("year/2025", "2025-01-01", "2026-01-01", "2024-12-31T23:00:00Z", "2025-12-31T23:00:00Z"),
    ] {
        let expected = between(&site, start, end);
        assert!(expected > 0.0, "{path}");
        for (way, said) in [
            ("page", shown(&site, &format!("/m/hq/main/{path}"))),
            ("hours", by_api(&site, day, next, "hour")),
            ("days", by_api(&site, day, next, "day")),
            ("series", by_series(&site, start, end)),
        ] {
            assert!((said - expected).abs() < 1e-6, "{path} by {way}: {said} instead of {expected}");
        }
    }
}

#[test]
fn the_hour_that_is_there_twice_has_two_pages() {
    let site = Site::start();
    let day = page(&site, "/m/hq/main/day/2025-10-26");
    assert!(
        day.contains("href=\"/m/hq/main/hour/2025-10-26T02\"")
            && day.contains("href=\"/m/hq/main/hour/2025-10-26T02+01\"")
    );
    let first = shown(&site, "/m/hq/main/hour/2025-10-26T02");
    let second = shown(&site, "/m/hq/main/hour/2025-10-26T02+01");
    assert!((first - between(&site, "2025-10-26T00:00:00Z", "2025-10-26T01:00:00Z")).abs() < 1e-9);
    assert!((second - between(&site, "2025-10-26T01:00:00Z", "2025-10-26T02:00:00Z")).abs() < 1e-9);
}

#[test]
fn what_nobody_watched_is_hatched_and_never_zero() {
    let site = Site::start();
    // From 20:00 to 03:00 there was nothing: 4 hours of the 10th, 3 of the 11th.
    let day = page(&site, "/m/hq/main/day/2025-06-10");
    assert_eq!(day.matches("class=\"gap\"").count(), 4);
    assert_eq!(day.matches("<td>–</td><td>–</td>").count(), 4, "no hour of them has a figure");
    assert_eq!(page(&site, "/m/hq/main/day/2025-06-11").matches("class=\"gap\"").count(), 3);
    let (from, to) = (minute("2025-06-10T17:00:00Z").start(), minute("2025-06-11T02:00:00Z").start());
    let data = site.json(&format!("/api/v1/meters/hq/main/series?from={from}&to={to}&points=9"));
    let known: Vec<bool> = data["mean"].as_array().unwrap().iter().map(|mean| !mean.is_null()).collect();
    assert_eq!(
        (data["step"].as_i64(), known),
        (Some(3600), vec![true, false, false, false, false, false, false, false, true])
    );
    // Once it is over, a page of a time without a minute says so.
    assert!(page(&site, "/m/hq/main/day/2025-08-01").contains("Nothing was recorded in this period."));
}

#[test]
fn a_date_picker_leads_to_the_period() {
    let site = Site::start();
    for (asked, led) in [
        ("go?kind=day&date=2025-10-26", "/m/hq/main/day/2025-10-26"),
        ("go?kind=week&date=2025-10-26&lang=de", "/m/hq/main/week/2025-W43?lang=de"),
        ("go?kind=month&date=2025-10-26", "/m/hq/main/month/2025-10"),
        ("go?kind=year&date=2025-10-26", "/m/hq/main/year/2025"),
        ("go?kind=all&date=2025-10-26", "/m/hq/main/all"),
    ] {
        let answer = site.get(&format!("/m/hq/main/{asked}"));
        assert_eq!((answer.status, answer.header("location")), (303, led), "{asked}");
        assert_eq!(site.get(led).status, 200);
    }
    let now = site.get("/m/hq/main/month");
    assert_eq!(now.status, 303);
    assert_eq!(site.get(now.header("location")).status, 200);
    for bad in [
        "go?kind=day&date=2025-02-29",
        "go?kind=day",
        "go?kind=decade&date=2025-10-26",
        "day/2025-10-26?with=x",
    ] {
        assert_eq!(site.get(&format!("/m/hq/main/{bad}")).status, 400, "{bad}");
    }
    for nowhere in [
        "day/2025-02-29",
        "day/1025-02-28",
        "month/2025-13",
        "week/2025-W60",
        "year/3000",
        "day/2025-02-29.svg",
        "hour/2025-02-28T25",
    ] {
        assert_eq!(site.get(&format!("/m/hq/main/{nowhere}")).status, 404, "{nowhere}");
    }
}

#[test]
fn two_periods_are_compared_piece_by_piece() {
    let site = Site::start();
    let page = page(&site, "/m/hq/main/week/2025-W43?with=2025-10-28");
    assert!(page.contains("Week 44, from 27 October 2025"));
    let monday = between(&site, "2025-10-19T22:00:00Z", "2025-10-20T22:00:00Z");
    let other = between(&site, "2025-10-26T23:00:00Z", "2025-10-27T23:00:00Z");
    let row = format!("<td>{monday:.3}</td><td>{other:.3}</td>");
    assert!(page.contains(&row), "{row} is not in the table");
    assert_eq!(page.matches("class=\"ghost\"").count(), 7);
}

#[test]
fn a_year_has_its_map_and_its_strongest_days() {
    let site = Site::start();
    let page = page(&site, "/m/hq/main/year/2025");
    assert!(page.contains("class=\"heat\"") && page.contains("Mean power in W by month and time of day"));
    let days = (20..=31).map(|day| {
        let from = format!("2025-10-{day}T00:00:00Z");
        let at = minute(&from).epoch_minutes();
        (at, day)
    });
    assert!(days.count() == 12 && page.contains("<ol class=\"top\">"));
    let rows = site.json("/api/v1/meters/hq/main/energy?from=2025-01-01&to=2026-01-01&step=day");
    let rows = rows["rows"].as_array().unwrap();
    let best =
        rows.iter().max_by(|a, b| a["kwh"].as_f64().unwrap().total_cmp(&b["kwh"].as_f64().unwrap())).unwrap();
    let (day, kwh) = (&best["local"].as_str().unwrap()[..10], best["kwh"].as_f64().unwrap());
    let (_, list) = page.split_once("<ol class=\"top\">").unwrap();
    let first = list.split_once("</li>").unwrap().0;
    assert!(
        first.contains(&format!("/m/hq/main/day/{day}")) && first.contains(&format!("{kwh:.2} kWh")),
        "{first}"
    );
}

#[test]
fn browsers_keep_what_is_over_and_ask_for_what_is_not() {
    let site = Site::start();
    let (from, to) = (minute("2025-10-25T22:00:00Z").start(), minute("2025-10-26T23:00:00Z").start());
    let closed = format!("/api/v1/meters/hq/main/series?from={from}&to={to}&points=500");
    let answer = site.ask("GET", &closed, &[("Accept-Encoding", "gzip")]);
    assert_eq!(
        (answer.header("cache-control"), answer.header("content-encoding")),
        ("public, max-age=60", "gzip")
    );
    let again = site.ask("GET", &closed, &[("If-None-Match", answer.header("etag"))]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    let now = daemon_runtime::now().as_second();
    let open = site.get(&format!("/api/v1/meters/hq/main/series?from={}&to={}", now - 86_400, now + 3600));
    assert_eq!(open.header("cache-control"), "no-cache");
    let page = site.get("/m/hq/main/day/2025-10-26");
    assert_eq!(page.header("cache-control"), "no-cache");
    let known = site.ask("GET", "/m/hq/main/day/2025-10-26", &[("If-None-Match", page.header("etag"))]);
    assert_eq!(known.status, 304);
    let yesterday = daemon_runtime::now().to_zoned_datetime(site::berlin()).date().yesterday().unwrap();
    for picture in [format!("day/{yesterday}.svg"), format!("day/{yesterday}.png?lang=de")] {
        let answer = site.get(&format!("/m/hq/main/{picture}"));
        assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=60"), "{picture}");
    }
}

#[test]
fn chart_data_are_few_and_small() {
    let site = Site::start();
    let now = daemon_runtime::now().as_second();
    for (from, points) in
        [(now - 3600, 2000), (now - 14 * 86_400, 2000), (now - 700 * 86_400, 100_000), (0, 100)]
    {
        let path = format!("/api/v1/meters/hq/main/series?from={from}&to={now}&points={points}");
        let data = site.json(&path);
        let count = data["mean"].as_array().unwrap().len();
        assert!((1..=2001).contains(&count), "{count} points from {from}");
        let small = site.ask("GET", &path, &[("Accept-Encoding", "gzip")]).body.len();
        assert!(small < 16_000, "{small} bytes from {from}");
    }
    for bad in ["from=5", "from=5&to=4", "from=x&to=9", "from=0&to=99999999999999", "from=0&to=9&points=-1"] {
        assert_eq!(site.get(&format!("/api/v1/meters/hq/main/series?{bad}")).status, 400, "{bad}");
    }
}

#[test]
fn the_first_view_weighs_at_most_sixty_kilobytes() {
    let site = Site::start();
    let gzip = [("Accept-Encoding", "gzip"), ("Accept-Language", "de")];
    let page = site.ask("GET", "/", &gzip).body.len();
    let text = site.get("/").text();
    let mut total = page;
    let mut said = format!("page {page}");
    let addresses: std::collections::BTreeSet<&str> = text
        .split('"')
        .filter(|part| part.starts_with("/assets/") || part.starts_with("/manifest"))
        .collect();
    for address in addresses {
        let length = site.ask("GET", address, &gzip).body.len();
        said.push_str(&format!(", {address} {length}"));
        total += length;
    }
    let now = daemon_runtime::now().as_second();
    let data = format!("/api/v1/meters/hq/main/series?from={}&to={now}&points=2000", now - 9 * 86_400);
    total += site.ask("GET", &data, &gzip).body.len();
    println!("{total} bytes: {said}");
    assert!(total <= 60 * 1024, "{total} bytes: {said}");
}
