//! What the meters say of now.

pub(crate) mod alarms;
pub(crate) mod former;
pub(crate) mod holdings;
pub(crate) mod values;
