//! Attacks on the programs, and the honest ones beside them.
//!
//! [`ALL`] is one table: who attacks, with what, in how many pieces. `make test` sends a few of them to one set of
//! programs; `make bench-attacks`, and `make torture` with it, send all of them, each to programs of its own. Beside
//! every attack a publisher is measured, a real one sends for another site, the recorder records and a browser
//! looks; what each program keeps of it is measured and compared with the budget.
//!
//! Attackers come from other addresses of this machine, and their threads have the lowest priority: they
//! stand for other machines.

mod account;
mod all;
mod browser;
mod budget;
mod honest;
mod kept;
mod latencies;
mod neighbourhood;
mod nobody;
mod publisher;
mod reader;
mod report;
mod run;
mod target;

pub use all::{ALL, Attack, Who};
pub use kept::Kept;
pub use latencies::Latencies;
pub use neighbourhood::{Extent, Neighbourhood};
pub use report::table;
pub use run::{Outcome, beside_all, beside_each};
pub use target::{Held, Target};
