//! How soon there is something to see.

use std::time::Duration;

use end_to_end::{Browser, Site};

/// What a browser has to have before it can paint anything: the page itself and so many requests
/// besides. This is what makes a first paint soon, on any machine; on a quiet one it comes within
/// 100 ms, which is printed.
const MOST_BLOCKING_REQUESTS: f64 = 1.0;

/// The page and these together, in bytes as they are sent.
const MOST_BYTES: f64 = 150_000.0;

/// How long a visit may take at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Visits, of which the quickest counts: whatever else the machine does delays the others.
const VISITS: usize = 20;

/// The quickest first paint of a meter's page, in milliseconds.
async fn first(site: &Site, browser: &Browser) {
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
}

/// Complains if a paint has to wait for much.
pub(crate) async fn comes_soon(site: &Site, browser: &Browser) {
    first(site, browser).await;
    let blocking =
        "performance.getEntriesByType('resource').filter(one => one.renderBlockingStatus === 'blocking')";
    let page = "performance.getEntriesByType('navigation')";
    let bytes = format!("[...{page}, ...{blocking}].reduce((sum, one) => sum + one.encodedBodySize, 0)");
    let requests = browser.evaluate(&format!("{blocking}.length")).await.as_f64().unwrap();
    let bytes = browser.evaluate(&bytes).await.as_f64().unwrap();
    println!("before it: {requests} more requests, {bytes} bytes in all");
    assert!(bytes > 0.0, "a page has bytes");
    assert!(requests <= MOST_BLOCKING_REQUESTS, "{requests} requests keep a page from being painted");
    assert!(bytes < MOST_BYTES, "{bytes} bytes keep a page from being painted");
}
