//! The files that pages need besides themselves: part of the program.

pub(crate) mod colours;

use std::sync::LazyLock;

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use web_http::reply::ASK_AGAIN;
use web_http::{Effort, Prepared, Reply};

/// A file under `/assets`.
struct Asset {
    name: &'static str,
    file: Prepared,
    version: String,
}

impl Asset {
    fn new(name: &'static str, content_type: &'static str, content: impl Into<String>) -> Self {
        Self::of(name, Prepared::text(content_type, content.into(), Effort::Thorough))
    }

    fn png(name: &'static str, content: &'static [u8]) -> Self {
        Self::of(name, Prepared::binary("image/png", content))
    }

    fn of(name: &'static str, file: Prepared) -> Self {
        Self { name, version: file.version(), file }
    }
}

static ASSETS: LazyLock<[Asset; 11]> = LazyLock::new(|| {
    // One request for all of it.
    let sheets = [include_str!("../../assets/style.css"), include_str!("../../assets/uplot/uPlot.min.css")];
    let style = colours::style() + &sheets.concat();
    [
        Asset::new("style.css", "text/css; charset=utf-8", style),
        Asset::new("app.js", "text/javascript; charset=utf-8", include_str!("../../assets/app.js")),
        Asset::new("chart.js", "text/javascript; charset=utf-8", include_str!("../../assets/chart.js")),
        Asset::new("measure.js", "text/javascript; charset=utf-8", include_str!("../../assets/measure.js")),
        Asset::new(
            "uplot.js",
            "text/javascript; charset=utf-8",
            include_str!("../../assets/uplot/uPlot.iife.min.js"),
        ),
        Asset::new("openapi.json", "application/json", include_str!("../../assets/openapi.json")),
        Asset::new("icon.svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
        Asset::png("icon-192.png", include_bytes!("../../assets/icon-192.png")),
        Asset::png("icon-512.png", include_bytes!("../../assets/icon-512.png")),
        Asset::png("icon-maskable.png", include_bytes!("../../assets/icon-maskable.png")),
        Asset::png("icon-touch.png", include_bytes!("../../assets/icon-touch.png")),
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
    let ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    Some(asset.file.reply(headers, if for_ever { ever } else { ASK_AGAIN }))
}
