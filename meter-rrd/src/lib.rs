//! The pictures' data: one RRD file per meter, and the graphs drawn from it.
//! The contract between the recorder, who writes the files, and the web, which
//! draws them; the only crate that links librrd.
//!
//! An RRD is derived from the ledger and never the truth: when in doubt, the
//! recorder rebuilds it with [`MeterDatabase::rebuild`].

mod colour;
mod database;
mod day_bars;
mod drawing;
mod error;
mod graph;
mod header;
mod layout;
mod lock;
mod palette;
mod quantity_graph;
mod rate_file;
mod rate_graph;
mod renderer;

pub use colour::{Rgba, Shaded, Shades, Theme};
pub use database::{Appended, MeterDatabase};
pub use error::DatabaseError;
pub use graph::{Graph, Picture, Size, Words};
pub use renderer::GraphRenderer;
