//! Pictures, drawn by librrd.

pub(crate) mod graphs;
