//! All meters together: their page, the same for programs, and files.
#![allow(clippy::unwrap_used)]

mod site;

use broker_users::{PasswordHash, Role, UsersFile};
use meter_ledger::Ledger;
use meter_messages::{Info, Meter, Minute, PulseCount, Relation};
use serde_json::Value;
use site::{Site, info, minute};
use tempfile::TempDir;

/// A day in Berlin.
const DAY: &str = "2025-11-20";

fn meter(name: &str) -> Meter {
    format!("hq/{name}").parse().unwrap()
}

fn said(measures: Option<&str>, part_of: Option<&str>) -> Relation {
    Relation { measures: measures.map(|word| word.parse().unwrap()), part_of: part_of.map(meter) }
}

/// Records so many pulses in each minute of the day that `is_there`.
fn record(dir: &TempDir, name: &str, relation: Relation, pulses: u32, is_there: impl Fn(i64) -> bool) {
    let mut ledger = Ledger::open(&dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(name), &Info { relation, ..info(name) }).unwrap();
    let first = minute("2025-11-19T23:00:00Z").epoch_minutes();
    let (mut seq, mut total) = (0, 0);
    for at in (0..24 * 60).filter(|at| is_there(*at)) {
        (seq, total) = (seq + 1, total + u64::from(pulses));
        let minute = Minute::nearest(first + at);
        batch.record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses, total }).unwrap();
    }
    batch.commit().unwrap();
}

/// A main meter of 2.4 kW, a heat pump of 1.2 kW behind it that nobody watched for an hour, and a feed-in of 3 kW.
fn three_meters() -> TempDir {
    let dir = TempDir::new().unwrap();
    record(&dir, "main", said(None, None), 40, |_| true);
    record(&dir, "heat", said(None, Some("main")), 20, |at| !(120..180).contains(&at));
    record(&dir, "feed", said(Some("export"), None), 50, |_| true);
    dir
}

const TARIFF: &str = "[[tariff]]\nprice_per_kwh = 0.50\n";

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn near(value: &Value, expected: f64) {
    assert!((number(value) - expected).abs() < 1e-6, "{value}, not {expected}");
}

fn state(site: &Site, path: &str) -> Value {
    let mut state = site.json(&format!("/api/v1/site{path}"));
    let mut electricity = state["media"][0].take();
    electricity["hours_of_all"] = state["hours"].take();
    electricity
}

#[test]
fn programs_see_what_comes_in_goes_out_and_is_left() {
    let site = Site::set_up(three_meters(), 1, TARIFF);
    let of = state(&site, &format!("/day/{DAY}"));
    near(&of["comes_in"]["kwh"], 57.6);
    near(&of["goes_out"]["kwh"], 72.0);
    near(&of["cost"], 28.8);
    assert!(of["made"].is_null() && of["used"].is_null() && of["own_use"].is_null(), "{of}");
    // 23 hours that both watched; what is made is not measured.
    near(&of["not_measured"]["kwh"], 23.0 * 1.2);
    near(&of["not_measured"]["hours"], 23.0);
    near(&of["hours_of_all"], 24.0);
    assert_eq!(of["at_least"], true);
    let meters: Vec<(&str, &Value)> =
        of["meters"].as_array().unwrap().iter().map(|it| (it["meter"].as_str().unwrap(), it)).collect();
    assert_eq!(meters.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["hq/feed", "hq/main", "hq/heat"]);
    assert_eq!((&meters[2].1["part_of"], &meters[0].1["cost"]), (&Value::from("hq/main"), &Value::Null));
    near(&meters[2].1["kwh"], 23.0 * 1.2);
    near(&meters[1].1["not_measured"]["kwh"], 23.0 * 1.2);

    // Every kind of period is of the same minutes.
    for path in ["/week/2025-W47", "/month/2025-11", "/year/2025", "/all"] {
        let of = state(&site, path);
        near(&of["comes_in"]["kwh"], 57.6);
        near(&of["not_measured"]["kwh"], 23.0 * 1.2);
    }
    let hour = state(&site, &format!("/hour/{DAY}T12"));
    near(&hour["comes_in"]["kwh"], 2.4);
    near(&hour["not_measured"]["kwh"], 1.2);
    assert!(
        state(&site, &format!("/hour/{DAY}T02"))["not_measured"].is_null(),
        "nobody watched the heat pump"
    );
    let before = state(&site, "/day/2025-11-18");
    assert!(before["comes_in"]["kwh"].is_null() && before["cost"].is_null(), "{before}");
    assert_eq!(site.get("/api/v1/site/day/2025-13-01").status, 404);
}

#[test]
fn with_what_is_made_the_house_knows_what_it_uses() {
    let dir = three_meters();
    record(&dir, "sun", said(Some("production"), None), 80, |at| at < 23 * 60);
    let site = Site::set_up(dir, 1, "");
    let of = state(&site, &format!("/day/{DAY}"));
    near(&of["own_use"]["kwh"], 23.0 * 1.8);
    near(&of["used"]["kwh"], 23.0 * 4.2);
    near(&of["not_measured"]["kwh"], 22.0 * 3.0);
    near(&of["not_measured"]["hours"], 22.0);
    near(&of["own_use_percent"], 37.5);
    near(&of["self_sufficiency_percent"], 42.9);
    assert!(of["saved"].is_null(), "no price is known: {of}");
    let german = site.get(&format!("/site/day/{DAY}?lang=de")).text();
    assert!(!german.contains("Gespart"), "{german}");
    for said in ["Eigenverbrauch", "Autarkie 43\u{a0}%", "23 von 24 Stunden", "38\u{a0}% der Erzeugung"] {
        assert!(german.contains(said), "{said}\n{german}");
    }
}

#[test]
fn own_use_has_saved_what_it_would_have_cost() {
    let dir = three_meters();
    record(&dir, "sun", said(Some("production"), None), 80, |at| at < 23 * 60);
    let tariffs = "[[tariff]]\nmain_meter = 'hq/main'\nprice_per_kwh = 0.5\nbase_fee_per_month = 30\n\
                   [[tariff.time]]\nhours = '22-6'\nprice_per_kwh = 0.2\n\
                   [[tariff]]\nfor = 'hq/feed'\nprice_per_kwh = 0.08\n";
    let site = Site::set_up(dir, 1, tariffs);
    let of = state(&site, &format!("/day/{DAY}"));
    // The last hour was not watched by all, and the first six and the one before it are at the price of the night.
    near(&of["saved"]["kwh"], 23.0 * 1.8);
    near(&of["saved"]["amount"], 1.8 * (7.0 * 0.2 + 16.0 * 0.5));
    near(&of["earned"], 72.0 * 0.08);
    let whole = state(&site, "/month/2025-11");
    near(&whole["saved"]["amount"], 1.8 * (7.0 * 0.2 + 16.0 * 0.5));
    let hour = state(&site, &format!("/hour/{DAY}T12"));
    near(&hour["saved"]["amount"], 1.8 * 0.5);
    assert!(state(&site, &format!("/hour/{DAY}T23"))["saved"].is_null(), "nobody watched the sun");
    let query = "from=2025-11-20&to=2025-11-21&step=day";
    near(&site.json(&format!("/api/v1/site/energy.json?{query}"))["rows"][0]["saved"], 16.92);
    let [english, german] = ["en", "de"].map(|code| site.get(&format!("/site/day/{DAY}?lang={code}")).text());
    for said in ["Saved", "16.92", "Self-consumption at the grid price", "Earned"] {
        assert!(english.contains(said), "{said}\n{english}");
    }
    for said in ["Gespart", "16,92", "Eigenverbrauch zum Preis des Netzbezugs", "Vergütung"] {
        assert!(german.contains(said), "{said}\n{german}");
    }
}

#[test]
fn the_page_shows_a_tree_and_a_table_in_both_languages() {
    let site = Site::set_up(three_meters(), 1, TARIFF);
    let english = site.get(&format!("/site/day/{DAY}?lang=en")).text();
    for said in [
        "Balance · Thursday, 20 November 2025",
        "From the grid",
        "57.600",
        "Fed in",
        "72.000",
        "Not measured",
        "27.600",
        "23 of 24 hours: those that all of these meters watched",
        "What is produced here is not measured",
        "href=\"/m/hq/heat?lang=en\"",
        "28.80\u{a0}€",
    ] {
        assert!(english.contains(said), "{said}\n{english}");
    }
    assert!(
        english.contains("<tr class=\"depth-1 colour-teal\"><th scope=\"row\"><a href=\"/m/hq/heat"),
        "{english}"
    );
    // What comes in stands first; one bar has its part and the rest of it.
    let place = |meter: &str| english.find(&format!("href=\"/m/hq/{meter}?")).unwrap();
    assert!(place("main") < place("feed"), "{english}");
    let (_, bar) = english.split_once("class=\"shares\"").unwrap_or_else(|| panic!("no bar: {english}"));
    let bar = bar.split("</svg>").next().unwrap();
    assert!(
        bar.contains("<title>heat: 48\u{a0}%</title>") && bar.contains("url(#electricity-rest)"),
        "{bar}"
    );
    // The hour in which nobody watched the heat pump is what is left of the bar, and it is said.
    let unknown = "Unknown: not everything was watched";
    assert!(bar.contains(&format!("<title>{unknown}: 4\u{a0}%</title>")), "{bar}");
    let widths: f64 =
        bar.split(" width=\"").skip(2).filter_map(|it| it.split('%').next()?.parse::<f64>().ok()).sum();
    assert!((widths - 100.0).abs() < 0.1, "{widths}: {bar}");
    let row = english
        .split("<tr ")
        .skip(1)
        .find(|row| row.contains(unknown))
        .unwrap_or_else(|| panic!("{english}"));
    assert!(row.contains("<td>2.400</td>"), "{row}");
    let order = ["/m/hq/main?", "/m/hq/heat?", ">Not measured</i>", unknown, "/m/hq/feed?"];
    let (_, list) = english.split_once("class=\"branches\"").unwrap_or_else(|| panic!("{english}"));
    let places = order.map(|name| list.find(name).unwrap_or_else(|| panic!("{name}: {list}")));
    assert!(places.is_sorted(), "{places:?} {list}");
    // A day that is over is not of now.
    assert!(!english.contains("data-flow") && site.get("/site").text().contains("data-live"), "{english}");
    let rows = english.matches("<th scope=\"row\"><a href=\"/site/hour/2025-11-20T").count();
    assert_eq!(rows, 24, "a row for each hour");
    let german = site.get("/site/month/2025-11?lang=de").text();
    for said in ["Bilanz · November 2025", "Netzbezug", "Einspeisung", "Nicht gemessen", "Do 20.11."] {
        assert!(german.contains(said), "{said}\n{german}");
    }
    assert!(site.get("/?lang=de").text().contains("href=\"/s/hq?lang=de\""));
    // A site's are all there are here.
    let of_site = site.get(&format!("/s/hq/day/{DAY}?lang=en")).text();
    assert!(of_site.contains("Balance hq · Thursday, 20 November 2025") && of_site.contains("27.600"));
    assert!(
        of_site.contains("href=\"/s/hq/hour/2025-11-20T") && of_site.contains("/api/v1/sites/hq/energy.csv")
    );
    assert_eq!(
        (site.get("/s/hq").status, site.get("/s/barn").status, site.get("/s/hq/").status),
        (200, 404, 404)
    );
    assert_eq!(site.get("/site").status, 200);
    let picked = site.get(&format!("/site/go?kind=month&date={DAY}"));
    assert_eq!((picked.status, picked.header("location")), (303, "/site/month/2025-11"));
}

#[test]
fn files_have_the_same_rows() {
    let site = Site::set_up(three_meters(), 1, TARIFF);
    let query = "from=2025-11-20&to=2025-11-21";
    let csv = site.get(&format!("/api/v1/site/energy.csv?{query}"));
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert!(csv.header("content-disposition").contains("site-electricity-hour-2025-11-20.csv"));
    let text = csv.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "start,local,comes_in_kwh,made_kwh,goes_out_kwh,own_use_kwh,used_kwh,not_measured_kwh,hours,cost,hq/feed,\
         hq/heat,hq/main"
    );
    assert_eq!(lines.len(), 25);
    assert_eq!(lines[1], "2025-11-19T23:00:00Z,2025-11-20T00:00:00+01:00,2.4,,3,,,1.2,1,1.2,3,1.2,2.4");
    assert_eq!(lines[3], "2025-11-20T01:00:00Z,2025-11-20T02:00:00+01:00,2.4,,3,,,,,1.2,3,,2.4");
    let json = site.json(&format!("/api/v1/site/energy.json?{query}&step=day"));
    let day = &json["rows"][0];
    near(&day["comes_in_kwh"], 57.6);
    near(&day["not_measured_kwh"], 27.6);
    near(&day["hq/heat"], 27.6);
    let excel = site.get(&format!("/api/v1/site/energy.xlsx?{query}&lang=de"));
    assert!(excel.status == 200 && excel.body.starts_with(b"PK"), "{}", excel.status);
    assert_eq!(site.get("/api/v1/site/energy.csv?from=2020-01-01&to=2026-01-01").status, 400);
    assert_eq!(site.get("/api/v1/site/energy.csv?medium=steam").status, 400);
    // No gas: only the line of names.
    assert_eq!(site.get(&format!("/api/v1/site/energy.csv?{query}&medium=gas")).text().lines().count(), 1);
}

#[test]
fn who_may_see_some_meters_sees_no_balance_and_no_hidden_meter() {
    let dir = three_meters();
    let users = dir.path().join("users.toml");
    let mut file = UsersFile::open(&users).unwrap();
    let hash = PasswordHash::of(b"of anna").unwrap();
    file.set(&"anna".parse().unwrap(), Some(&hash), Some(Role::Look));
    file.save().unwrap();
    let access = format!("[access]\nusers = '{}'\npublic_meters = ['hq/heat', 'hq/feed']", users.display());
    let site = Site::set_up(dir, 1, &access);
    let page = site.get(&format!("/site/day/{DAY}?lang=en")).text();
    assert!(page.contains("/m/hq/heat") && page.contains("You can see some of the meters only"), "{page}");
    assert!(!page.contains("hq/main"), "{page}");
    assert!(!page.contains("Not measured"), "{page}");
    let state = site.json(&format!("/api/v1/site/day/{DAY}"));
    assert!(state["all_meters"] == false && !state.to_string().contains("hq/main"), "{state}");
    assert_eq!(state["refused"], Value::Array(Vec::new()));
    let csv = site.get("/api/v1/site/energy.csv?from=2025-11-20&to=2025-11-21&step=day").text();
    assert!(csv.starts_with("start,local,comes_in_kwh,made_kwh,goes_out_kwh,hq/feed,hq/heat\r\n"), "{csv}");
}

#[test]
fn what_is_fed_in_is_paid_by_a_tariff_that_names_its_meter() {
    let tariffs = format!("{TARIFF}[[tariff]]\nfor = 'hq/feed'\nprice_per_kwh = 0.08\n");
    let site = Site::set_up(three_meters(), 1, &tariffs);
    let of = state(&site, &format!("/day/{DAY}"));
    near(&of["earned"], 5.76);
    near(&of["cost"], 28.8);
    let query = "from=2025-11-20&to=2025-11-21&step=day";
    let csv = site.get(&format!("/api/v1/sites/hq/energy.csv?{query}")).text();
    assert!(csv.contains(",cost,earned,") && csv.contains(",28.8,5.76,"), "{csv}");
    let page = site.get(&format!("/s/hq/day/{DAY}?lang=de")).text();
    assert!(
        page.contains("Vergütung") && page.contains("5,76\u{a0}€") && page.contains("−5,76\u{a0}€"),
        "{page}"
    );
    // A tariff for all meters pays for nothing.
    let site = Site::set_up(three_meters(), 1, TARIFF);
    assert!(state(&site, &format!("/day/{DAY}"))["earned"].is_null());
}

#[test]
fn a_feed_in_meter_has_a_payment_and_no_cost() {
    let tariffs = format!("{TARIFF}[[tariff]]\nfor = 'hq/feed'\nprice_per_kwh = 0.08\n");
    let site = Site::set_up(three_meters(), 1, &tariffs);
    let get = |path: &str| site.get(path).text();
    for (language, payment, cost) in [("en", "Earned", "Cost"), ("de", "Vergütung", "Kosten")] {
        for path in ["", &format!("/day/{DAY}")] {
            let of = |meter: &str| get(&format!("/m/hq/{meter}{path}?lang={language}"));
            assert!(of("feed").contains(&format!("id=\"cost\"><dt>{payment}")), "{}", of("feed"));
            assert!(!of("feed").contains(&format!(">{cost}")), "{}", of("feed"));
            assert!(of("main").contains(&format!("id=\"cost\"><dt>{cost}")), "{}", of("main"));
        }
    }
    assert!(get("/m/hq/feed/bill?lang=en").contains("<h1>Statement of feed-in payment</h1>"));
    let query = "from=2025-11-20&to=2025-11-21&step=day";
    let csv = get(&format!("/api/v1/meters/hq/feed/energy.csv?{query}"));
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let place = names.iter().position(|name| *name == "earned").unwrap_or_else(|| panic!("{csv}"));
    assert!(!names.contains(&"cost") && values[place] == "5.760000", "{csv}");
    let rows = site.json(&format!("/api/v1/meters/hq/feed/energy.json?{query}"));
    near(&rows["rows"][0]["earned"], 5.76);
    assert!(rows["rows"][0].get("cost").is_none(), "{rows}");
    let state = |meter: &str| site.json(&format!("/api/v1/meters/hq/{meter}"));
    assert!(state("feed")["cost"].is_null() && state("feed")["earned"].is_object(), "{}", state("feed"));
    assert!(state("main")["cost"].is_object() && state("main")["earned"].is_null(), "{}", state("main"));
}

#[test]
fn a_statement_says_what_parts_took_and_what_was_fed_in() {
    let tariffs = "[[tariff]]\nprice_per_kwh = 0.50\nvat_percent = 10\n\
                   [[tariff]]\nfor = 'hq/feed'\nprice_per_kwh = 0.08\n";
    let site = Site::set_up(three_meters(), 1, tariffs);
    let days = "from=2025-11-20&to=2025-11-20&lang=en";
    let page = site.get(&format!("/m/hq/main/bill?{days}")).text().replace('\u{a0}', " ");
    let table = |id: &str| {
        let (_, table) = page.split_once(&format!("<table id=\"{id}\"")).unwrap_or_else(|| panic!("{page}"));
        table.split("</table>").next().unwrap().to_owned()
    };
    // 57.6 kWh came in, 27.6 of them for the heat pump, which nobody watched for an hour: the rest is not known.
    let parts = table("parts");
    for shown in [">heat<", ">27.600<", ">47.9<", ">15.18 €<"] {
        assert!(parts.contains(shown), "{shown}: {parts}");
    }
    assert!(!parts.contains("Not measured"), "{parts}");
    // 31.68 to pay, and 72 kWh at 8 cents the other way.
    assert!(table("lines").contains(">31.68 €<"), "{page}");
    let fed_in = table("fed-in");
    for shown in [">72.000<", ">5.76 €<", "less feed-in payment", ">25.92 €<"] {
        assert!(fed_in.contains(shown), "{shown}: {fed_in}");
    }
    let of_part = site.get(&format!("/m/hq/heat/bill?{days}")).text();
    assert!(!of_part.contains("id=\"fed-in\"") && !of_part.contains("id=\"parts\""), "{of_part}");
}

#[test]
fn a_statement_says_what_no_part_measures_where_all_were_watched() {
    let dir = TempDir::new().unwrap();
    record(&dir, "main", said(None, None), 40, |_| true);
    record(&dir, "heat", said(None, Some("main")), 20, |_| true);
    let site = Site::set_up(dir, 1, TARIFF);
    let page = site.get("/m/hq/main/bill?from=2025-11-20&to=2025-11-20&lang=en").text();
    let (_, rest) = page.split_once("Not measured").unwrap_or_else(|| panic!("{page}"));
    assert!(rest.contains(">28.800<") && rest.contains(">50.0<"), "{page}");
    assert!(!page.contains("id=\"fed-in\""), "{page}");
}
