//! The ledger: the thread that reads it, and what is kept of its answers.

pub(crate) mod history;
pub(crate) mod hours;
pub(crate) mod house;
pub(crate) mod reader;
pub(crate) mod records;
pub(crate) mod series;
