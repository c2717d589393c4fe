//! Several machines in the place of one.
#![allow(clippy::unwrap_used)]

mod brokers;
mod storm;
mod users;
