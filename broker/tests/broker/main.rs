//! The broker as clients see it, over TCP.
#![allow(clippy::unwrap_used)]

mod access;
mod bounds;
mod bridges;
mod certificates;
mod common;
mod connecting;
mod disk_full;
mod figures;
mod half_open;
mod hostile;
mod interoperation;
mod kill_storm;
mod killed;
mod lasting;
mod logging;
mod logins;
mod oversize;
mod own_network;
mod program;
mod publishing;
mod retaining;
mod revoking;
mod roles;
mod shares;
mod sharing;
mod stopping;
mod store_file;
mod subscribing;
mod tls;
mod topic_limits;
mod transit;
mod v5;
mod web_socket;
mod wills;
