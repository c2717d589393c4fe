//! The interface for programs: the page's figures as JSON, and rows of energy.

mod bodies;
mod by_unit;
pub(crate) mod events;
mod records;
mod states;

use hyper::StatusCode;

pub(crate) use bodies::{csv, form, rows, workbook};
pub(crate) use by_unit::{ByUnit, name_in};
pub(crate) use records::{ReadingState, TrustState};
pub(crate) use states::{MeterEntry, PresenceState, meter_state};

use crate::http::reply::{self, Reply};

/// An error, for programs.
pub(crate) fn error(status: StatusCode, parameter: Option<&str>, said: &str) -> Reply {
    let value = match parameter {
        Some(parameter) => serde_json::json!({ "error": said, "parameter": parameter }),
        None => serde_json::json!({ "error": said }),
    };
    reply::json(status, &value)
}
