//! Readings of the meter that people type in: their form, and their way to the recorder.

pub(crate) mod form;
pub(crate) mod sender;
