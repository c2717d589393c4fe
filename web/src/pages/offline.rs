//! What browsers keep for the time in which the server cannot be reached: a page, and the script that shows it.

use askama::Template;

use super::Frame;
use crate::texts::Language;

/// The page; since when, the script says.
#[derive(Template)]
#[template(path = "offline.html")]
pub(crate) struct OfflinePage {
    /// Around it.
    pub(crate) frame: Frame,
}

/// The script that shows it, with what it needs to know.
pub(crate) fn worker(frame: &Frame) -> String {
    let languages: Vec<&str> = Language::all().map(|language| language.texts().code).collect();
    let style = serde_json::Value::from(frame.asset("style.css"));
    let languages = serde_json::Value::from(languages);
    let script = include_str!("../../assets/worker.js");
    format!("const [STYLE, LANGUAGES] = [{style}, {languages}];\n{script}")
}
