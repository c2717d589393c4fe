//! How soon there is something to see.

use std::time::Duration;

use end_to_end::{Browser, Site};

/// In milliseconds after the address was asked for. To reach are 100 on a quiet machine; what is
/// tried here, with a build for tests on any machine, is that nothing keeps a page waiting.
const SOON_MS: f64 = 250.0;

/// How long a visit may take at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Visits, of which the quickest counts: whatever else the machine does delays the others.
const VISITS: usize = 20;

/// The quickest first paint of a meter's page, in milliseconds.
async fn first(site: &Site, browser: &Browser) -> f64 {
    browser.resize(1280, 800).await;
    let mut quickest = f64::INFINITY;
    for visit in 0..VISITS {
        // Another address each time: the page is not taken from the browser's memory.
        let address = site.url(&format!("/m/hq/main?lang=en&visit={visit}"));
        // A browser keeps pages that were left: their streams must not take all its connections.
        let visit = tokio::time::timeout(PATIENCE, browser.page.goto(&address));
        visit.await.expect("a page comes however many were left before").unwrap();
        let paint = "performance.getEntriesByName('first-contentful-paint')[0]";
        browser.wait_for(&format!("{paint} !== undefined")).await;
        quickest = quickest.min(browser.evaluate(&format!("{paint}.startTime")).await.as_f64().unwrap());
    }
    println!("first paint of a meter's page: {quickest:.0} ms");
    quickest
}

/// Complains of one that comes late.
pub(crate) async fn comes_soon(site: &Site, browser: &Browser) {
    let first = first(site, browser).await;
    assert!(first < SOON_MS, "the first paint came after {first:.0} ms");
}
