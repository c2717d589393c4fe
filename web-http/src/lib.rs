//! What a web server does whatever it shows: connections, quotas, proxies, answers and what is kept of
//! them. It knows no meter. tower-http's layers are not used: their limits know neither browsers
//! behind proxies nor answers that are still being sent, and they pack a page anew for each who asks.

mod answer_cache;
mod forwarded;
mod header_list;
mod prepared;
mod quotas;
pub mod reply;
mod sent_body;
mod server;
mod slots;

pub use answer_cache::{AnswerCache, AnswerKey, Lasts};
pub use forwarded::{BasePath, Network, Proxies, Visit};
pub use header_list::weighted;
pub use prepared::{Effort, Prepared};
pub use quotas::{RequestQuota, RequestQuotas};
pub use reply::{Body, BodyError, Reply};
pub use server::{Answers, listen, serve};
