//! Breaking things on purpose: what `make test` does for seconds and `make
//! torture` for an hour.
//!
//! Each part takes a seed and says what it did; the same seed makes the same plan:
//! [`cluster`] strikes the programs of several machines; [`kill_storm`] kills programs at random moments, with our broker or with one that forgets
//! ([`mosquitto`]); [`power_cut`] checks what a disk holds when the power fails; [`rolling_restart`]
//! stops and starts programs under load; [`soak`] checks that memory stays flat.

pub mod client;
pub mod cluster;
pub mod kill_storm;
pub mod memory;
pub mod mosquitto;
pub mod power_cut;
mod random;
mod result;
pub mod rolling_restart;
mod simulation;
pub mod soak;
mod storm_plan;
mod visitors;

pub use random::{SeededRandom, seed};
pub use result::RunResult;
pub use simulation::Simulation;
