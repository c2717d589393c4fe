//! A page of today that stays open goes on, also over midnight.

use end_to_end::{Browser, Site};

pub(crate) async fn today_goes_on(site: &Site, browser: &Browser) {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let today = daemon_runtime::now().to_zoned_datetime(zone).date();
    let yesterday = today.yesterday().unwrap();
    browser.resize(1280, 1400).await;
    browser.page.goto(&site.url(&format!("/m/hq/main/day/{today}?lang=en"))).await.unwrap();
    browser.wait_for("document.querySelector('.plot').dataset.ready === ''").await;
    browser.evaluate("(window.sameDocument = true)").await;
    // It listens for the word that a minute is recorded.
    assert_eq!(browser.evaluate("document.querySelector('[data-live]') !== null").await, true);
    // With it, figures and bars are renewed, and the chart asks for the newest minutes.
    let reach = "Math.max(...performance.getEntriesByType('resource').filter(it => it.name.includes('/series?')) \
         .map(it => Number(new URL(it.name).searchParams.get('to'))))";
    let before = browser.evaluate(reach).await;
    browser.evaluate("(document.querySelector('#figures').textContent = '')").await;
    browser.evaluate("(document.querySelector('#parts-card').textContent = '')").await;
    browser.wait_for("document.querySelector('[data-kwh=whole]') !== null").await;
    browser.wait_for("document.querySelector('#parts-card .bars') !== null").await;
    browser.wait_for(&format!("{reach} > {before}")).await;
    // Over midnight: what the server has of the page then is that of a day that is over.
    let over = format!(
        "(window.ask = window.fetch, window.fetch = (what, how) => \
         ask(String(what).includes('/day/') ? '/m/hq/main/day/{yesterday}?lang=en' : what, how), \
         document.querySelector('#figures').innerText.includes('so far'))"
    );
    assert_eq!(browser.evaluate(&over).await, true);
    browser.evaluate("(document.dispatchEvent(new Event('visibilitychange')), true)").await;
    browser.wait_for("!document.querySelector('#figures').innerText.includes('so far')").await;
    browser.wait_for("document.querySelector('#steps a[rel=next]') !== null").await;
    assert_eq!(browser.evaluate("window.sameDocument").await, true);
    assert_eq!(browser.complaints().await, [""; 0]);
}
