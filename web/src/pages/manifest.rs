//! The web app manifest: with it a telephone can keep PowerPi like an app.

use serde_json::{Value, json};

use crate::pages::Frame;

/// The manifest in a page's language.
pub(crate) fn manifest(frame: &Frame) -> Value {
    let icon = |name: &str, sizes: &str, kind: &str, purpose: &str| json!({ "src": frame.asset(name), "sizes": sizes, "type": kind, "purpose": purpose });
    json!({
        "id": frame.plain("/"),
        "name": "PowerPi",
        "short_name": "PowerPi",
        "lang": frame.texts.code,
        "start_url": frame.plain("/"),
        "scope": frame.plain("/"),
        "display": "standalone",
        "background_color": "#0d1312",
        "theme_color": "#0b7a70",
        "icons": [
            icon("icon.svg", "any", "image/svg+xml", "any"),
            icon("icon-192.png", "192x192", "image/png", "any"),
            icon("icon-512.png", "512x512", "image/png", "any"),
            icon("icon-maskable.png", "512x512", "image/png", "maskable"),
        ],
    })
}
