//! The pages in a real Chromium: the value of now is there and moves, the
//! pictures are loaded, the console is silent; in both themes, both languages,
//! on a phone and on a desk, with and without JavaScript.
#![allow(clippy::unwrap_used)]

use end_to_end::{Browser, Program, Site, Theme, wait_until};
use serde_json::Value;

/// Two meters of a household that began two days ago and runs in real time now.
fn household() -> (Site, [Program; 4]) {
    let from =
        jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() / 60 * 60 - 2 * 86_400).unwrap();
    let meter = |id: &str, name: &str| {
        format!(
            "[[meter]]\nid = '{id}'\nname = '{name}'\npulses_per_kwh = 10000\n\
             [meter.source]\nkind = 'simulated'\nfrom = '{from}'\n"
        )
    };
    let site = Site::new(&(meter("main", "Haus & Hof <1>") + &meter("flat", "Wohnung")));
    let programs =
        ["powerpi-broker", "powerpi-recorder", "powerpi-web", "pi-publisher"].map(|name| site.start(name));
    wait_until("two days are recorded", || site.recorded("hq/main").len() >= 2880);
    wait_until("the pictures' data are there", || site.rrd("hq/main").is_file());
    (site, programs)
}

const PICTURES_LOADED: &str = "[...document.querySelectorAll('figure img')].length === 5 && \
     [...document.querySelectorAll('figure img')].every(i => i.complete && i.naturalWidth > 0)";

/// Scrolls through the page, so that pictures further down are loaded too.
const SCROLL: &str = "(() => { document.querySelectorAll('figure img').forEach(i => i.loading = 'eager'); \
     return true })()";

#[tokio::test]
async fn a_meters_page_shows_its_figures_and_pictures_and_the_value_moves() {
    let (site, _programs) = household();
    for (width, theme, language) in [(1280, Theme::Light, "en"), (390, Theme::Dark, "de")] {
        let browser = Browser::open(width, theme).await;
        browser.page.goto(&site.url(&format!("/m/hq/main?lang={language}"))).await.unwrap();
        assert_eq!(browser.text("h1").await, "Haus & Hof <1>");
        browser.wait_for("/[0-9]/.test(document.querySelector('[data-power]').textContent)").await;
        browser.evaluate(SCROLL).await;
        browser.wait_for(PICTURES_LOADED).await;

        // A new value comes every second, and none of them by reloading.
        browser.evaluate("(window.sameDocument = true)").await;
        for _ in 0..3 {
            let at = browser.evaluate("document.querySelector('[data-age]').dateTime").await;
            browser.wait_for(&format!("document.querySelector('[data-age]').dateTime > {at}")).await;
        }
        browser.wait_for("window.sameDocument === true").await;

        let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.evaluate(fits).await, Value::Bool(true), "no sideways scrolling at {width} px");
        let shown = browser.evaluate("document.querySelector('figure img').currentSrc").await;
        let expected = if theme == Theme::Dark { "theme=dark" } else { "theme=light" };
        assert!(shown.as_str().unwrap().contains(expected), "{shown} in {theme:?}");
        assert_eq!(browser.complaints().await, [""; 0]);
        browser.close().await;
    }
}

#[tokio::test]
async fn it_works_without_javascript() {
    let (site, _programs) = household();
    let browser = Browser::open(390, Theme::Light).await;
    browser.set_javascript(false).await;
    browser.page.goto(&site.url("/m/hq/main?lang=de")).await.unwrap();
    let refresh = browser.page.find(fantoccini::Locator::Css("meta[http-equiv=refresh]")).await;
    assert!(refresh.is_ok(), "the page reloads itself");
    assert_ne!(browser.text("[data-kwh=today]").await, "");
    let images = browser.page.find_all(fantoccini::Locator::Css("figure img")).await.unwrap();
    assert_eq!(images.len(), 5);
    let first_loaded = "document.querySelector('figure img').naturalWidth > 0";
    browser.set_javascript(true).await;
    browser.wait_for(first_loaded).await;
    browser.close().await;
}

#[tokio::test]
async fn the_start_page_leads_to_the_meter() {
    let (site, _programs) = household();
    let browser = Browser::open(1280, Theme::Dark).await;
    browser.page.goto(&site.url("/?lang=en")).await.unwrap();
    browser.wait_for("/[0-9]/.test(document.querySelector('[data-power]').textContent)").await;
    let link = browser.page.find(fantoccini::Locator::Css("a[href^='/m/hq/main']")).await;
    link.unwrap().click().await.unwrap();
    browser.wait_for("location.pathname === '/m/hq/main'").await;
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.close().await;
}
