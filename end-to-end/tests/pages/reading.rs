//! What the meter itself shows: entered by its page, and seen on all others.

use end_to_end::{Browser, Site};
use fantoccini::Locator;

async fn enter(site: &Site, browser: &Browser, shown: &str, at: Option<&str>) {
    browser.page.goto(&site.url("/m/hq/main/readings?lang=en")).await.unwrap();
    if let Some(at) = at {
        browser.evaluate(&format!("(document.querySelector(\"input[name=time]\").value = \"{at}\")")).await;
    }
    let field = browser.page.find(Locator::Css("input[name=shown]")).await.unwrap();
    field.send_keys(&format!("{shown}\n")).await.unwrap();
    browser
        .wait_for("document.querySelector(\"#notice\")?.innerText === \"The reading has been entered.\"")
        .await;
}

pub(crate) async fn the_meter_shows_what_was_read(site: &Site, browser: &Browser) {
    browser.log_in(Some(crate::USER)).await;
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let yesterday = daemon_runtime::now().to_zoned_datetime(zone).date().yesterday().unwrap();
    enter(site, browser, "12345,6", Some(&format!("{yesterday}T12:00"))).await;
    browser.page.goto(&site.url("/m/hq/main?lang=en")).await.unwrap();
    let shown = browser.text("[data-kwh=total]").await;
    let shown: f64 = shown.replace(',', "").parse().unwrap();
    assert!((12_345.6..12_500.0).contains(&shown), "what was read, and what was counted since: {shown}");
    // Lower than before: it is said what that would mean.
    enter(site, browser, "12000", None).await;
    let table = browser.text(".readings").await;
    assert!(table.contains("less than before: another meter, or misread"), "{table}");
    // All of it is seen on a desk, also with German words.
    browser.resize(1280, 900).await;
    browser.page.goto(&site.url("/m/hq/main/readings?lang=de")).await.unwrap();
    let hidden = "(it => it.scrollWidth - it.clientWidth)(document.querySelector(\".scroll\"))";
    assert_eq!(browser.evaluate(hidden).await, 0, "pixels of the table are out of sight");
    browser.complaints().await;
}
