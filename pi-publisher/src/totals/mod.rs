//! Counters of others: a total that somebody else counts becomes pulses.
//!
//! A total's way: a place where it is heard (`places`: MQTT in [`listening`] and [`payload`], a reading head in
//! [`sml`], meters that are asked in [`modbus`]) → [`heard`] → [`total_counter`] (what of it was used, and when) → [`crate::pulse_counter`] (minutes) → the
//! outbox. The last three run in one thread a meter ([`total_counting`]). What a total is turned into is stored with the
//! minutes ([`counter_state`]).

pub mod counter_state;
pub mod heard;
pub mod listener;
pub mod listening;
pub(crate) mod looking;
pub mod modbus;
pub mod payload;
pub(crate) mod places;
pub mod profile;
pub mod serial;
pub mod settings;
pub mod sml;
pub mod source;
pub mod total_counter;
pub mod total_counting;
pub mod twice;
