//! How soon there is something to see.

use end_to_end::{Browser, Site};

/// In milliseconds after the address was asked for.
const SOON_MS: f64 = 100.0;

/// Visits, of which the quickest counts: whatever else the machine does delays the others.
const VISITS: usize = 20;

/// The quickest first paint of a meter's page, in milliseconds.
async fn first(site: &Site, browser: &Browser) -> f64 {
    let mut quickest = f64::INFINITY;
    for visit in 0..VISITS {
        // Another address each time: the page is not taken from the browser's memory.
        browser.page.goto(&site.url(&format!("/m/hq/main?lang=en&visit={visit}"))).await.unwrap();
        let paint = "performance.getEntriesByName('first-contentful-paint')[0]";
        browser.wait_for(&format!("{paint} !== undefined")).await;
        quickest = quickest.min(browser.evaluate(&format!("{paint}.startTime")).await.as_f64().unwrap());
        if quickest < SOON_MS / 2.0 {
            break;
        }
    }
    println!("first paint of a meter's page: {quickest:.0} ms");
    quickest
}

/// Complains of one that comes late.
pub(crate) async fn comes_soon(site: &Site, browser: &Browser) {
    let first = first(site, browser).await;
    assert!(first < SOON_MS, "the first paint came after {first:.0} ms");
}
