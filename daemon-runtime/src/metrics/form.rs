//! How figures are written.

use std::fmt;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

/// As OpenMetrics has it, or as Prometheus did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricsForm {
    /// OpenMetrics 1.0, for those who say that they understand it: Prometheus since 2.5.
    Open,
    /// Prometheus' text format 0.0.4, which everybody understands.
    Plain,
}

impl MetricsForm {
    /// What those want who send this header `Accept`.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::Open } else { Self::Plain }
    }

    /// Its content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => prometheus_text::CONTENT_TYPE,
        }
    }

    pub(super) fn write(self, registry: &Registry, written: &mut String) -> fmt::Result {
        match self {
            Self::Open => text::encode(written, registry),
            Self::Plain => prometheus_text::encode(written, registry),
        }
    }
}
