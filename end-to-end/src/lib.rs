//! What the end-to-end tests use: the real programs as processes, each with a
//! folder and ports of its own, and the tools a person would use to look at them.
//!
//! Only for tests, so whatever goes wrong panics and says what it was doing.
#![allow(clippy::unwrap_used)]

pub mod attacks;
mod axe;
mod browser;
mod burden;
pub mod cut;
mod deaf_way;
mod eyes;
mod firefox;
pub mod home_assistant;
pub mod hooks;
mod looks;
pub mod measuring;
pub mod nats;
mod program;
mod silent_broker;
mod site;
pub mod torture;

pub use browser::{Browser, Theme};
pub use burden::Burden;
pub use deaf_way::DeafWay;
pub use eyes::{http_get, http_get_bytes, mosquitto_pub, mosquitto_sub, rrd_minutes};
pub use firefox::Firefox;
pub use looks::Looks;
pub use program::{Program, binary, run_to_end};
pub use silent_broker::{Silent, SilentBroker};
pub use site::{Site, free_port, wait_for, wait_until};
