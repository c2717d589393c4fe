//! A month against its budget: a bar on the meter's page, and for programs.
#![allow(clippy::unwrap_used)]

mod site;

use site::{Site, record};
use tempfile::TempDir;

/// With a budget, and what the month has taken so far.
fn site(budget_kwh: f64) -> (Site, f64) {
    let dir = TempDir::new().unwrap();
    record(dir.path(), "Haus");
    let settings = format!("[[meter]]\nid = 'hq/main'\nbudget_kwh_per_month = {budget_kwh:?}\n");
    let site = Site::set_up(dir, 1, &settings);
    let state = site.json("/api/v1/meters/hq/main");
    assert_eq!(state["month_budget_kwh"], budget_kwh);
    let kwh = state["month"]["kwh"].as_f64().unwrap();
    (site, kwh)
}

fn bar(site: &Site, language: &str) -> String {
    let page = site.get(&format!("/m/hq/main?lang={language}")).text();
    let (_, bar) = page.split_once("class=\"aside budget").expect("a bar");
    bar.split("</dd>").next().unwrap().to_owned()
}

#[test]
fn the_bar_shows_how_much_is_taken() {
    let (site, kwh) = site(5000.0);
    let percent = (kwh / 5000.0 * 100.0).floor();
    let words = |text: &str| format!("</progress>{percent:.0}\u{a0}% {text}\u{a0}kWh");
    let english = bar(&site, "en");
    assert!(english.starts_with("\">") && english.contains(&format!("value=\"{percent:.0}\"")), "{english}");
    assert!(english.ends_with(&words("of the budget of 5,000")), "{english}");
    assert!(bar(&site, "de").ends_with(&words("des Budgets von 5.000")));
    assert!(bar(&site, "de").contains("aria-label=\"Monatsbudget\""));
}

#[test]
fn more_than_the_budget_is_said_so() {
    let (site, kwh) = site(0.001);
    // In the first minutes of a month nothing is taken yet.
    if kwh > 0.001 {
        let english = bar(&site, "en");
        assert!(english.starts_with(" over\">") && english.contains("value=\"100\""), "{english}");
    }
}

#[test]
fn without_a_budget_there_is_no_bar() {
    let site = Site::start();
    assert!(!site.get("/m/hq/main").text().contains("<progress"));
    assert!(site.json("/api/v1/meters/hq/main")["month_budget_kwh"].is_null());
}
