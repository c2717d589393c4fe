//! What the meters say of now.

pub(crate) mod alarms;
pub(crate) mod holdings;
pub(crate) mod lacks;
pub(crate) mod values;
