//! What any server does, whatever it shows: connections, quotas, answers. It knows no meter.

pub(crate) mod answer_cache;
pub(crate) mod forwarded;
pub(crate) mod quotas;
pub(crate) mod reply;
pub(crate) mod sent_body;
pub(crate) mod server;
pub(crate) mod slots;
pub(crate) mod stall_guard;
