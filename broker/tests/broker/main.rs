//! The broker as clients see it, over TCP.
#![allow(clippy::unwrap_used)]

mod bounds;
mod common;
mod connecting;
mod hostile;
mod interoperation;
mod lasting;
mod publishing;
mod retaining;
mod stopping;
mod subscribing;
mod wills;
