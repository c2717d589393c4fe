//! A real Home Assistant, which `end-to-end/home-assistant/build.sh` has made.

mod client;
mod running;

pub use client::{Asked, Client};
pub use running::{HomeAssistant, repair};
