//! The main pages in Firefox: they come whole, in both languages and in windows of two widths, and they move.

use end_to_end::{Firefox, Site};
use fantoccini::Locator;
use fantoccini::key::Key;

use crate::ADMIN;

/// Whether there is no scrolling sideways.
const FITS: &str = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";

/// What is measured, in words.
const MEASURED: &str =
    "/kWh · [0-9.,]+ (EUR|€) · ⌀ [0-9]/.test(document.querySelector('.readout').textContent)";

/// Whether what is measured is what lies before the handle, and not what did a moment ago.
const UP_TO_HANDLE: &str = "document.querySelector('.readout').textContent \
    .includes(`– ${document.querySelector('.handle[data-end=max]').getAttribute('aria-valuetext')} ·`)";

pub(crate) async fn everything_works(site: &Site) {
    let browser = Firefox::open("en").await;
    sign_in(site, &browser).await;
    the_main_pages(site, &browser).await;
    values_move(site, &browser).await;
    the_chart_is_measured(site, &browser).await;
    sign_out(&browser).await;
    assert_eq!(browser.complaints(), [""; 0]);
    browser.close().await;
}

async fn click(browser: &Firefox, css: &str) {
    let found = browser.page.find(Locator::Css(css)).await;
    found.unwrap_or_else(|_| panic!("no {css}")).click().await.unwrap();
}

async fn sign_in(site: &Site, browser: &Firefox) {
    for language in ["de", "en"] {
        browser.page.goto(&site.url(&format!("/login?lang={language}"))).await.unwrap();
        assert_eq!(browser.evaluate("document.documentElement.lang").await, language);
    }
    for (field, typed) in [("#name", ADMIN.0), ("#password", ADMIN.1)] {
        browser.page.find(Locator::Css(field)).await.unwrap().send_keys(typed).await.unwrap();
    }
    click(browser, ".sign-in button").await;
    browser.wait_for("location.pathname === '/' && document.querySelector('.meter-card') !== null").await;
}

async fn sign_out(browser: &Firefox) {
    click(browser, "footer form button").await;
    browser.wait_for("document.querySelector('footer a[href^=\"/login\"]') !== null").await;
}

async fn the_main_pages(site: &Site, browser: &Firefox) {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let yesterday = daemon_runtime::now().to_zoned_datetime(zone).date().yesterday().unwrap();
    let day = format!("/m/hq/main/day/{yesterday}");
    for (page, there) in [
        ("/", ".meter-card .spark svg, .meter-card svg"),
        ("/m/hq/main", "#last-days .bars"),
        (&day, ".bars"),
        ("/m/hq/main/all", ".bars"),
        ("/m/hq/main/readings", "form[method=post]"),
        ("/site", ".branches"),
        ("/status", ".machine"),
        ("/kiosk", ".wall .curve"),
        ("/settings", ".listed"),
        ("/settings/meter/hq/flat", "form.setting"),
    ] {
        for language in ["en", "de"] {
            let address = format!("{page}?lang={language}");
            browser.page.goto(&site.url(&address)).await.unwrap();
            browser.wait_for("document.readyState === 'complete'").await;
            assert!(browser.page.find(Locator::Css(there)).await.is_ok(), "{address} has no {there}");
            assert_eq!(browser.evaluate("document.documentElement.lang").await, language, "{address}");
            // Firefox makes no window that is narrower.
            for width in [500, 1280] {
                browser.page.set_window_size(width, 900).await.unwrap();
                assert_eq!(browser.evaluate(FITS).await, true, "{address} scrolls sideways at {width} px");
            }
        }
    }
}

async fn values_move(site: &Site, browser: &Firefox) {
    browser.page.goto(&site.url("/m/hq/main?lang=en")).await.unwrap();
    browser.wait_for("document.querySelector('[data-freshness=live]') !== null").await;
    for _ in 0..3 {
        let at = browser.evaluate("document.querySelector('[data-age]').dateTime").await;
        browser.wait_for(&format!("document.querySelector('[data-age]').dateTime > {at}")).await;
    }
}

async fn the_chart_is_measured(site: &Site, browser: &Firefox) {
    browser.page.goto(&site.url("/m/hq/main?lang=en")).await.unwrap();
    browser.evaluate("(document.querySelector('.plot').scrollIntoView(), true)").await;
    browser.wait_for("document.querySelector('.plot').dataset.ready === ''").await;
    click(browser, "[data-span='86400']").await;
    browser.wait_for("document.querySelector('[data-span=\"86400\"]').ariaPressed === 'true'").await;
    click(browser, "[data-mode-of=measure]").await;
    browser.wait_for(MEASURED).await;
    browser.wait_for(UP_TO_HANDLE).await;
    let said = "document.querySelector('.readout').textContent";
    let before = browser.evaluate(said).await;
    let handle = browser.page.find(Locator::Css(".handle[data-end=max]")).await.unwrap();
    handle.send_keys(&Key::Left.to_string()).await.unwrap();
    browser.wait_for(&format!("{said} !== {before}")).await;
    browser.wait_for(UP_TO_HANDLE).await;
    // A reload has it again.
    let measured = browser.evaluate(said).await;
    browser.page.refresh().await.unwrap();
    browser.wait_for(&format!("document.querySelector('.readout')?.textContent === {measured}")).await;
}
