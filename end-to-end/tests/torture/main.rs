//! Breaking things on purpose, for seconds; `make torture` does it for an hour.

mod kill_storm;
mod power_cut;
mod soak;
mod stopping;
