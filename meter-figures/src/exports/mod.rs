//! The energy and cost of each minute, hour, day or month of a time, written piece
//! by piece: a year of minutes is never in memory.

mod pieces;
mod rows;
mod statistics;
mod text;
#[cfg(feature = "workbook")]
mod workbook;

pub use pieces::Pieces;
pub use rows::{Row, Rows};
pub use statistics::{StatisticId, Statistics};
pub use text::{Notation, Text};
#[cfg(feature = "workbook")]
pub use workbook::{WorkbookError, WorkbookWords, workbook};
