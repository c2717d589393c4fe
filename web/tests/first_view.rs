//! What a browser needs for the first view of each page is small.
#![allow(clippy::unwrap_used)]

mod site;

use site::Site;

/// A page, its style sheet, its script and its icon together, compressed as they are sent.
const MOST_BYTES: usize = 60_000;

/// The addresses of what a page loads at once.
fn loaded(page: &str) -> Vec<String> {
    let attributes = ["<link rel=\"stylesheet\" href=\"", "<script src=\"", "<link rel=\"icon\" href=\""];
    let addresses = attributes.iter().flat_map(|attribute| {
        page.split(attribute).skip(1).filter_map(|rest| Some(rest.split('"').next()?.to_owned()))
    });
    addresses.collect()
}

#[test]
fn the_first_view_of_each_page_is_small() {
    let site = Site::start();
    let sent = |path: &str| {
        let answer = site.ask("GET", path, &[("Accept-Encoding", "gzip")]);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-encoding"), "gzip", "{path}");
        answer.body.len()
    };
    for path in [
        "/m/hq/main",
        "/m/hq/main/day/2025-10-21",
        "/m/hq/main/month/2025-10",
        "/m/hq/main/year/2025",
        "/m/hq/main/profile/month/2025-10",
        "/m/hq/main/base-load",
        "/m/hq/main/bill",
        "/site/month/2025-10",
        "/status",
        "/kiosk",
    ] {
        let loaded = loaded(&site.get(path).text());
        assert!(loaded.iter().any(|address| address.contains(".css")), "{path}: {loaded:?}");
        let bytes = sent(path) + loaded.iter().map(|address| sent(address)).sum::<usize>();
        println!("{path}: {bytes} bytes with {} more", loaded.len());
        assert!(bytes <= MOST_BYTES, "{path}: {bytes} bytes");
    }
}
