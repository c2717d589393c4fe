//! Home Assistant and `powerpi home-assistant`. `make test-home-assistant` runs a real one, and writes down what it and we
//! said to one another in `conversation.jsonl`; `make test` plays its part by that.
#![allow(clippy::unwrap_used)]

mod conversation;
mod day;
mod devices;
mod statistics;
