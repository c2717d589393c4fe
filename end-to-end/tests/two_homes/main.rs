//! The real programs on a real PostgreSQL: every minute once, whatever is killed, and the same answers as from a file.
#![allow(clippy::unwrap_used)]

mod home;
mod one_recorder;
mod several_alarms;
mod several_recorders;
mod several_webs;
mod stopped_server;
