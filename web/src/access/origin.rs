//! Whether a form was sent from a page of ours: another site's page could send one as well, and
//! the browser would add name and password. Pure.

use hyper::HeaderMap;
use hyper::header::ORIGIN;

/// Whether a browser says that the page is one of this server, which it sees under the address
/// `ours`. Browsers of today say either; who says neither may be one of long ago, and is not
/// believed.
pub(crate) fn is_ours(headers: &HeaderMap, ours: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // A proxy leaves it as it is, but need not tell the address that the browser knows.
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    // Nor the scheme: whoever has our host has our page.
    let host = |address: &str| address.split_once("://").map(|(_, host)| host.to_ascii_lowercase());
    text(ORIGIN.as_str()).and_then(host).is_some_and(|origin| Some(origin) == host(ours))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_believed() {
        let ours = |site: Option<&'static str>, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            site.map(|site| headers.insert("sec-fetch-site", site.parse().unwrap()));
            origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
            is_ours(&headers, "http://power.lan:8080")
        };
        assert!(ours(Some("same-origin"), Some("https://outside")));
        assert!(ours(None, Some("http://power.lan:8080")) && ours(None, Some("https://POWER.lan:8080")));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!ours(Some(site), Some("http://power.lan:8080")), "{site}");
        }
        for origin in ["null", "http://power.lan", "http://power.lan:8080.evil", "http://evil", ""] {
            assert!(!ours(None, Some(origin)), "{origin}");
        }
        assert!(!ours(None, None));
    }
}
