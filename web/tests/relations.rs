//! Meters that are parts of others, what is fed in, and relations that cannot be.
#![allow(clippy::unwrap_used)]

mod site;

use meter_messages::{Info, Meter, Relation};
use site::{Site, info, record_as};
use tempfile::TempDir;

/// Three meters with the same minutes, as their publishers describe them.
fn house(said: [(&str, Relation); 3]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, relation) in said {
        record_as(dir.path(), &meter(name), &Info { relation, ..info(name) });
    }
    dir
}

fn meter(name: &str) -> Meter {
    format!("hq/{name}").parse().unwrap()
}

fn said(measures: Option<&str>, part_of: Option<&str>) -> Relation {
    Relation { measures: measures.map(|word| word.parse().unwrap()), part_of: part_of.map(meter) }
}

/// The names and values of the sums of a site.
fn sums(page: &str) -> Vec<(String, String)> {
    let (_, sums) = page.split_once("<dl class=\"inline\" id=\"sum-hq\"").expect("a sum");
    let (sums, _) = sums.split_once("</dl>").unwrap();
    let between = |text: &str, from: &str, to: &str| {
        text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).unwrap().0.trim().to_owned()
    };
    let value = |part: &str| (between(part, "<dt>", "</dt>"), between(part, "<dd>", "<small>"));
    sums.split("<div>").skip(1).map(value).collect()
}

const TARIFF: &str = "[[tariff]]\nprice_per_kwh = 0.30\n";

#[test]
fn together_takes_only_meters_that_are_no_others_part() {
    let dir = house([
        ("main", said(None, None)),
        ("heat", said(None, Some("main"))),
        ("feed", said(Some("export"), None)),
    ]);
    let site = Site::set_up(dir, 1, TARIFF);
    let state = |name: &str| site.json(&format!("/api/v1/meters/hq/{name}"));
    let month = state("main")["month"]["kwh"].as_f64().unwrap();
    let page = site.get("/?lang=de").text();
    let sums = sums(&page);
    let names: Vec<&str> = sums.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["Gesamt", "Heute", "Dieser Monat", "Einspeisung · Heute", "Einspeisung · Dieser Monat"]
    );
    let shown = |index: usize| -> f64 {
        sums[index].1.replace('.', "").replace(',', ".").parse().unwrap_or_else(|_| panic!("{sums:?}"))
    };
    assert!((shown(2) - month).abs() < 0.001 && (shown(4) - month).abs() < 0.001, "{sums:?}, {month}");
    let of = |name: &str| {
        let (_, card) = page.split_once(&format!("data-meter=\"hq/{name}\"")).unwrap();
        card.split_once('>').unwrap().0.contains("data-counts")
    };
    assert_eq!(["main", "heat", "feed"].map(of), [true, false, false], "live power");

    // What is fed in costs nothing.
    assert!(state("main")["cost"].is_object() && state("heat")["cost"].is_object());
    assert!(state("feed")["cost"].is_null(), "{}", state("feed"));
    assert_eq!(state("feed")["measures"], "export");
    assert_eq!(state("heat")["measures"], "consumption");
    let csv = site.get("/api/v1/meters/hq/feed/energy.csv?step=day").text();
    assert!(!csv.lines().next().unwrap().contains("cost"), "{csv}");
    assert!(!site.get("/m/hq/feed").text().contains("id=\"cost\""));
}

#[test]
fn what_the_settings_say_goes_before_what_the_publisher_says() {
    let dir = house([
        ("main", said(None, None)),
        ("heat", said(None, None)),
        ("feed", said(Some("consumption"), Some("main"))),
    ]);
    let settings = "[[meter]]\nid = 'hq/heat'\npart_of = 'main'\n\
                    [[meter]]\nid = 'hq/feed'\nmeasures = 'production'\npart_of = ''\n";
    let site = Site::set_up(dir, 1, settings);
    let page = site.get("/?lang=en").text();
    let names: Vec<String> = sums(&page).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Total", "Today", "This month", "Produced · Today", "Produced · This month"]);
    assert!(!site.get("/status?lang=en").text().contains("Settings that do not fit"));
}

#[test]
fn a_relation_that_cannot_be_is_told_and_keeps_nothing_from_being_shown() {
    let dir = house([
        ("main", said(None, Some("heat"))),
        ("heat", said(None, Some("main"))),
        ("feed", said(None, Some("nobody"))),
    ]);
    let site = Site::set_up(dir, 1, "");
    let english = site.get("/status?lang=en").text();
    for sentence in [
        "Settings that do not fit",
        "hq/main is said to be part of itself, by way of hq/heat; take out one of their part_of.",
        "hq/feed is said to be part of hq/nobody, but there is no such meter; correct its part_of.",
    ] {
        assert!(english.contains(sentence), "{sentence}\n{english}");
    }
    let german = site.get("/status?lang=de").text();
    assert!(
        german.contains("hq/feed soll ein Teil von hq/nobody sein, aber diesen Zähler gibt es nicht."),
        "{german}"
    );
    // All three are shown, and none of them as another's part.
    assert_eq!(site.get("/").text().matches("data-counts").count(), 3);
    assert_eq!(site.get("/m/hq/feed").status, 200);
}

#[test]
fn names_in_the_settings_that_nobody_has_are_told_with_what_may_be_meant() {
    let dir = house([("main", said(None, None)), ("heat", said(None, None)), ("feed", said(None, None))]);
    let settings = "[[meter]]\nid = 'hq/haet'\nname = 'Heat pump'\n[[meter]]\nid = 'hq/main'\ncolour = 'red'\n\
                    [[tariff]]\nfor = 'barn'\nprice_per_kwh = 0.3\n";
    let site = Site::set_up(dir, 1, settings);
    let english = site.get("/status?lang=en").text();
    for sentence in [
        "[[meter]] id = &#34;hq/haet&#34;: nothing of this name has been recorded (did you mean &#34;hq/heat&#34;?)",
        "[[tariff]] for = &#34;barn&#34;: nothing of this name has been recorded<",
    ] {
        assert!(english.contains(sentence), "{sentence}\n{english}");
    }
    assert!(!english.contains("&#34;hq/main&#34;"), "{english}");
    let german = site.get("/status?lang=de").text();
    assert!(
        german.contains("wurde nichts aufgezeichnet (gemeint ist vielleicht &#34;hq/heat&#34;?)"),
        "{german}"
    );
}
