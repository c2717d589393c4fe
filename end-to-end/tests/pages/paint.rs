//! How soon there is something to see.

use std::time::{Duration, Instant};

use end_to_end::{Browser, Looks, Site};

/// What a browser has to have before it can paint anything: the page itself and so many requests
/// besides. This is what makes a first paint soon, on any machine.
const MOST_BLOCKING_REQUESTS: f64 = 1.0;

/// The page and these together, in bytes as they are sent.
const MOST_BYTES: f64 = 150_000.0;

/// How soon something is seen, in milliseconds by the browser's own clock: where all pages are looked at in each way, by
/// itself. In `make test` other tests run meanwhile.
const SOON_MS: f64 = 100.0;
const SOON_BESIDE_OTHERS_MS: f64 = 250.0;

/// Of so many visits at least, the quickest counts: whatever else the machine does delays the others. On a machine that
/// is busy there are more of them, until one was quick.
const VISITS: usize = 20;

/// How long a visit may take at all, and for how long a quick one is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of a page may move after it was seen: nothing.
const MOST_SHIFT: f64 = 0.0005;

/// The quickest first paint of a page, in milliseconds; one within `soon` is waited for.
async fn first(site: &Site, browser: &Browser, page: &str, soon: f64) -> f64 {
    browser.resize(1280, 800).await;
    let (mut quickest, mut visits, began) = (f64::INFINITY, 0, Instant::now());
    while visits < VISITS || (quickest > soon && began.elapsed() < PATIENCE) {
        visits += 1;
        // Another address each time: the page is not taken from the browser's memory.
        let address = site.url(&format!("{page}?lang=en&visit={visits}"));
        // A browser keeps pages that were left: their streams must not take all its connections.
        let visit = tokio::time::timeout(PATIENCE, browser.page.goto(&address));
        visit.await.expect("a page comes however many were left before").unwrap();
        let paint = "performance.getEntriesByName('first-contentful-paint')[0]";
        browser.wait_for(&format!("{paint} !== undefined")).await;
        quickest = quickest.min(browser.evaluate(&format!("{paint}.startTime")).await.as_f64().unwrap());
        if visits <= 2 {
            let shift = browser.layout_shift().await;
            assert!(shift < MOST_SHIFT, "{page} moves by {shift} while it is opened");
        }
    }
    println!("first paint of {page}: {quickest:.0} ms, the quickest of {visits}");
    quickest
}

/// Complains if a paint has to wait for much.
pub(crate) async fn comes_soon(site: &Site, browser: &Browser) {
    let soon = if matches!(Looks::asked(), Looks::All) { SOON_MS } else { SOON_BESIDE_OTHERS_MS };
    for page in ["/", "/m/hq/main"] {
        let quickest = first(site, browser, page, soon).await;
        assert!(quickest <= soon, "nothing of {page} is seen within {soon} ms, but after {quickest:.0} ms");
    }
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
