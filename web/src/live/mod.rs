//! What the meters say of now.

pub(crate) mod alarms;
pub(crate) mod holdings;
pub(crate) mod values;
