//! The highest quarter of an hour: with its time on pages and for programs, and what it costs.
#![allow(clippy::unwrap_used)]

mod site;

use std::collections::BTreeMap;

use meter_messages::{Info, Minute, Relation};
use site::{Site, berlin, info, pulses, record, record_as};
use tempfile::TempDir;

/// The highest quarter between two times, the first of those: where it begins, and its kW.
fn highest(minutes: &[Minute], from: &str, to: &str) -> (Minute, f64) {
    let mut quarters = BTreeMap::<i64, u32>::new();
    let span = site::minute(from)..site::minute(to);
    for at in minutes.iter().filter(|at| span.contains(at)) {
        *quarters.entry(at.epoch_minutes() / 15).or_default() += pulses(*at);
    }
    let most = *quarters.values().max().unwrap();
    let (first, _) = quarters.iter().find(|(_, count)| **count == most).unwrap();
    (Minute::nearest(first * 15), f64::from(most) / 250.0)
}

#[test]
fn it_is_shown_with_its_time_and_priced_by_the_month() {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    let tariff = "[[tariff]]\nprice_per_kwh = 0.3\ncapacity_price_per_month = 4\nvat_percent = 25\n";
    let site = Site::at_cost(dir, 1, tariff);
    let (start, kw) = highest(&minutes, "2025-09-30T22:00:00Z", "2025-10-31T23:00:00Z");
    let local = start.timestamp().to_zoned_datetime(berlin());
    let page = site.get("/m/hq/main/month/2025-10?lang=en").text();
    let (_, shown) = page.split_once("id=\"highest-quarter\">").unwrap();
    let shown = shown.split('<').next().unwrap();
    let watts = format!("{:.0}", kw * 1000.0);
    let watts = format!("{},{}", &watts[..watts.len() - 3], &watts[watts.len() - 3..]);
    let at = local.strftime("%-d %b %Y, %H:%M");
    assert_eq!(shown, format!("Highest quarter-hour: {watts} W, {at}"));

    // Each day of the month pays the same for it; what October costs has all of it.
    let rows = |step: &str| {
        let asked = format!("from=2025-10-20&to=2025-11-01&step={step}");
        let data = site.json(&format!("/api/v1/meters/hq/main/energy.json?{asked}"));
        data["rows"].as_array().unwrap().clone()
    };
    let (days, month) = (rows("day"), rows("month"));
    let capacity = |row: &serde_json::Value| row["capacity"].as_f64().unwrap();
    let whole = 4.0 * kw * 1.25;
    assert!((capacity(&month[0]) - whole).abs() < 1e-5, "{whole}: {month:?}");
    for day in &days {
        let hours = if day["local"].as_str().unwrap().starts_with("2025-10-26") { 25.0 } else { 24.0 };
        assert!((capacity(day) - whole * hours / 745.0).abs() < 1e-5, "{day}");
    }
    let kwh = month[0]["kwh"].as_f64().unwrap();
    assert!((month[0]["cost"].as_f64().unwrap() - whole - kwh * 0.375).abs() < 1e-4, "{month:?}");

    // This month's so far.
    let state = site.json("/api/v1/meters/hq/main");
    let said = &state["month_highest_quarter"];
    let today = daemon_runtime::now().to_zoned_datetime(berlin());
    let first = today.date().first_of_month().to_zoned_datetime(berlin()).unwrap().timestamp();
    let first = Minute::containing(first.as_second()).unwrap();
    if minutes.last().is_some_and(|last| *last >= first) {
        let (start, kw) = highest(&minutes, &first.to_string(), "2099-01-01T00:00:00Z");
        assert_eq!(said["start"].as_str().unwrap(), start.to_string());
        assert!((said["mean_w"].as_f64().unwrap() - kw * 1000.0).abs() < 1e-6, "{said}");
    }
}

/// Two meters with the same minutes take in together twice what each does; a part of one, and what is fed in, is no more.
#[test]
fn that_of_a_whole_site_is_of_all_that_it_takes_in() {
    let dir = TempDir::new().unwrap();
    let said = |measures: Option<&str>, part_of: Option<&str>| Relation {
        measures: measures.map(|word| word.parse().unwrap()),
        part_of: part_of.map(|meter| meter.parse().unwrap()),
    };
    let mut minutes = Vec::new();
    for (name, relation) in [
        ("hq/main", said(None, None)),
        ("hq/pump", said(None, None)),
        ("hq/heat", said(None, Some("hq/main"))),
        ("hq/feed", said(Some("export"), None)),
        ("yard/main", said(None, None)),
    ] {
        minutes = record_as(dir.path(), &name.parse().unwrap(), &Info { relation, ..info(name) });
    }
    let tariff = "[[tariff]]\nprice_per_kwh = 0.3\ncapacity_price_per_month = 4\ncapacity_of = 'site'\n";
    let site = Site::at_cost(dir, 1, tariff);
    let (_, kw) = highest(&minutes, "2025-09-30T22:00:00Z", "2025-10-31T23:00:00Z");
    let capacity = |meter: &str| {
        let asked = "from=2025-10-01&to=2025-11-01&step=month";
        let data = site.json(&format!("/api/v1/meters/{meter}/energy.json?{asked}"));
        data["rows"][0]["capacity"].as_f64()
    };
    for (meter, meters) in [("hq/main", 2.0), ("yard/main", 1.0)] {
        let said = capacity(meter).unwrap();
        assert!((said - 4.0 * kw * meters).abs() < 1e-5, "{meter}: {said}, {kw} kW each");
    }
    // The page and the figures of the meter that pays say what is paid for; others say what they took in themselves.
    let page = site.get("/m/hq/main/month/2025-10?lang=en").text();
    let watts = format!("{:.0}", 2000.0 * kw);
    let watts = format!("{},{} W", &watts[..watts.len() - 3], &watts[watts.len() - 3..]);
    assert!(page.contains(&format!("Highest quarter-hour of all meters together: {watts}, ")), "{page}");
    let page = site.get("/m/hq/pump/month/2025-10?lang=de").text();
    assert!(page.contains("id=\"highest-quarter\">Höchste Viertelstunde: "), "{page}");
    let said = |meter: &str| site.json(&format!("/api/v1/meters/{meter}"))["month_highest_quarter"].take();
    let (of_site, own) = (said("hq/main"), said("hq/pump"));
    if let Some(own_w) = own["mean_w"].as_f64() {
        assert!((of_site["mean_w"].as_f64().unwrap() - 2.0 * own_w).abs() < 1e-6, "{of_site} {own}");
        assert_eq!((&of_site["of"], &own["of"]), (&"site".into(), &"meter".into()));
    }
    // So does the balance of the site, but not that of several sites.
    let of = site.json("/api/v1/sites/hq/month/2025-10")["media"][0].take();
    assert!((of["highest_quarter"]["mean_w"].as_f64().unwrap() - 2000.0 * kw).abs() < 1e-6, "{of}");
    assert!(site.json("/api/v1/site/month/2025-10")["media"][0]["highest_quarter"].is_null());
    let page = site.get("/s/hq/month/2025-10?lang=en").text();
    let (_, card) = page.split_once("<dt>Highest quarter-hour</dt>").unwrap_or_else(|| panic!("{page}"));
    assert!(card.split("</div>").next().unwrap().contains(watts.trim_end_matches(" W")), "{page}");
    // It is paid once.
    assert!(capacity("hq/pump").is_none_or(|said| said == 0.0));
}
