//! What the benchmarks have in common: how figures are put together, drawn, and written into the documents.

mod document;
mod figures;
mod plot;
mod report;

pub use figures::{fastest_to_slowest, median, microseconds, milliseconds, percentile, ratios};
pub use plot::{Line, Plot};
pub use report::Report;
