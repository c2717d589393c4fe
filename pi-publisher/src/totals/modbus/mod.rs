//! Meters that answer when they are asked, by Modbus: over a serial bus (RTU) on which several may be, or over TCP.

mod connection;
pub mod polling;
pub mod profile;
pub mod registers;
pub mod settings;
mod turn;
