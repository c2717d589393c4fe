//! What people type in (readings of the meter, corrections): the forms, and the way to the recorder.

pub(crate) mod correcting;
pub(crate) mod form;
pub(crate) mod sender;
