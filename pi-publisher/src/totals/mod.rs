//! Counters of others: a total that somebody else publishes over MQTT becomes pulses.
//!
//! A total's way: [`listening`] (MQTT) → [`payload`] (a number) → [`total_counter`] (what of it was used, and when) →
//! [`crate::pulse_counter`] (minutes) → the outbox. The last two run in one thread a meter ([`total_counting`]). What a
//! total is turned into is stored with the minutes ([`counter_state`]).

pub mod counter_state;
pub mod listening;
pub mod payload;
pub mod profile;
pub mod settings;
pub mod total_counter;
pub mod total_counting;
