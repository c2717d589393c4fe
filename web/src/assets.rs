//! The files that pages need besides themselves: part of the program.

use std::sync::LazyLock;

use hyper::HeaderMap;

use crate::reply::{Prepared, Reply, etag};

/// A file under `/assets`.
struct Asset {
    name: &'static str,
    file: Prepared,
    version: String,
}

impl Asset {
    fn new(name: &'static str, content_type: &'static str, content: impl Into<String>) -> Self {
        let content = content.into();
        let etag = etag(content.as_bytes());
        let version = etag.chars().filter(char::is_ascii_hexdigit).collect();
        Self { name, version, file: Prepared::text(content_type, content, etag) }
    }
}

static ASSETS: LazyLock<[Asset; 5]> = LazyLock::new(|| {
    // One request for both.
    let style = [include_str!("../assets/style.css"), include_str!("../assets/uplot/uPlot.min.css")].concat();
    [
        Asset::new("style.css", "text/css; charset=utf-8", style),
        Asset::new("app.js", "text/javascript; charset=utf-8", include_str!("../assets/app.js")),
        Asset::new("chart.js", "text/javascript; charset=utf-8", include_str!("../assets/chart.js")),
        Asset::new(
            "uplot.js",
            "text/javascript; charset=utf-8",
            include_str!("../assets/uplot/uPlot.iife.min.js"),
        ),
        Asset::new("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    ]
});

/// The address of a file, which changes with its content.
pub(crate) fn address(name: &str) -> String {
    let version = ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| &asset.version);
    format!("/assets/{name}?v={version}")
}

/// The file, if there is one of that name. Asked for by its version, it may be
/// kept for ever.
pub(crate) fn reply(name: &str, version: Option<&str>, headers: &HeaderMap) -> Option<Reply> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let for_ever = version == Some(asset.version.as_str());
    Some(asset.file.reply(headers, if for_ever { "public, max-age=31536000, immutable" } else { "no-cache" }))
}
