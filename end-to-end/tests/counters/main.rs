//! Counters of others, as they are in houses: what they show, with their restarts and ours, is in the ledger in the end.
#![allow(clippy::unwrap_used)]

mod buses;
mod counted;
mod day;
mod heads;
mod modbus_meters;
mod serial;
mod telegrams;
