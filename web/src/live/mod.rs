//! What the meters say of now.

pub(crate) mod values;
