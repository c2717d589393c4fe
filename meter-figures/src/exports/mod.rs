//! The energy and cost of each minute, hour, day or month of a time, written piece
//! by piece: a year of minutes is never in memory.

mod pieces;
mod rows;
mod statistics;
#[cfg(feature = "workbook")]
mod table;
mod text;
#[cfg(feature = "workbook")]
mod workbook;

pub use pieces::Pieces;
pub use rows::{Row, Rows};
pub use statistics::{StatisticId, Statistics};
#[cfg(feature = "workbook")]
pub use table::{Table, table};
pub use text::{Notation, Text};
#[cfg(feature = "workbook")]
pub use workbook::{WorkbookError, WorkbookWords, workbook};
