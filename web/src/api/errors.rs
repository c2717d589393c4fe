//! Errors, for programs.

use hyper::StatusCode;
use web_http::reply::{self, Reply};

/// An error, for programs.
pub(crate) fn error(status: StatusCode, parameter: Option<&str>, said: &str) -> Reply {
    let value = match parameter {
        Some(parameter) => serde_json::json!({ "error": said, "parameter": parameter }),
        None => serde_json::json!({ "error": said }),
    };
    reply::json(status, &value)
}
