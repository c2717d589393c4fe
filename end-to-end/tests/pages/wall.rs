//! The wall: everything in view, whatever its size and however many meters.

use end_to_end::{Browser, Site};

/// Walls there are: small and large screens, lying and standing.
const WALLS: [(u32, u32); 8] =
    [(800, 480), (1024, 600), (1280, 800), (1920, 1080), (480, 800), (600, 1024), (800, 1280), (1080, 1920)];

/// So many meters, by copies of those that are there, each with five figures.
const FILL: &str = "((count) => { const wall = document.querySelector('.wall'); \
    const one = wall.querySelector('section'); \
    wall.replaceChildren(...Array.from({ length: count }, () => one.cloneNode(true))); \
    wall.className = `wall of-${count}`; \
    wall.querySelectorAll('[data-power]').forEach(it => { it.textContent = '88,888' }); return true })";

/// What does not fit: the page, or something in a meter's part of it.
const TOO_LARGE: &str = "(() => { const page = document.documentElement; const found = []; \
    if (page.scrollHeight > innerHeight || page.scrollWidth > innerWidth) \
        found.push(`the page has ${page.scrollWidth} x ${page.scrollHeight}`); \
    for (const part of document.querySelectorAll('.wall section')) { \
        const room = part.getBoundingClientRect(); \
        for (const it of part.querySelectorAll('h2, .power, .day span, .against, .scaled, .scaled > svg')) { \
            const box = it.getBoundingClientRect(); \
            if (!box.width) continue; \
            if (box.right > room.right + 1 || box.bottom > room.bottom + 1) \
                found.push(`${it.className.baseVal ?? it.className} ends at ${box.right} x ${box.bottom}, not ${room.right} x ${room.bottom}`); \
        } } \
    return found.slice(0, 3) })()";

pub(crate) async fn everything_is_in_view(site: &Site, browser: &Browser) {
    for language in ["en", "de"] {
        browser.page.goto(&site.url(&format!("/kiosk?lang={language}"))).await.unwrap();
        browser.wait_for("document.readyState === 'complete'").await;
        for (width, height) in WALLS {
            browser.resize(width, height).await;
            for count in 1..=12 {
                browser.evaluate(&format!("{FILL}({count})")).await;
                let found = browser.evaluate(TOO_LARGE).await;
                assert_eq!(found, serde_json::json!([]), "{count} meters at {width} x {height} px");
            }
        }
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}

pub(crate) async fn it_says_what_matters(site: &Site, browser: &Browser) {
    browser.resize(1280, 800).await;
    browser.page.goto(&site.url("/kiosk?lang=en&meters=hq/flat,hq/main&cycle=3")).await.unwrap();
    let seen = "[...document.querySelectorAll('.wall section')].filter(it => it.checkVisibility()) \
         .map(it => it.dataset.meter).join()";
    // One after the other, in the order that is asked for, and again.
    for meter in ["hq/flat", "hq/main", "hq/flat"] {
        browser.wait_for(&format!("{seen} === '{meter}'")).await;
    }
    browser.page.goto(&site.url("/kiosk?lang=en&meters=hq/flat")).await.unwrap();
    browser
        .wait_for("/^[0-2][0-9]:[0-5][0-9]$/.test(document.querySelector('[data-clock]').textContent)")
        .await;
    assert_eq!(browser.evaluate(seen).await, "hq/flat");
    let day = browser.text(".of-wall .day").await;
    assert!(day.contains("Today") && day.contains("Yesterday by now") && day.contains('€'), "{day}");
    let clickable = "[...document.querySelectorAll('a, button, input, select, summary')].filter(it => it.checkVisibility()).length";
    // The first link of every page is for keyboards, and out of sight.
    assert_eq!(browser.evaluate(clickable).await, 1, "nothing to click");
    assert_eq!(browser.evaluate("document.querySelector('.against .bar') !== null").await, true);
}
