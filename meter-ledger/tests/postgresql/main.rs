//! The tests of the ledger's contract once more, with its other home: they are the same files.
#![allow(clippy::unwrap_used)]
// Each of the files says where its ledgers live.
#![allow(clippy::duplicate_mod)]

#[path = "../account.rs"]
mod account;
#[path = "../check.rs"]
mod check;
#[path = "../corrections.rs"]
mod corrections;
#[path = "../day_prices.rs"]
mod day_prices;
#[path = "../few_pulses.rs"]
mod few_pulses;
#[path = "../forgetting.rs"]
mod forgetting;
#[path = "../highest_quarter.rs"]
mod highest_quarter;
#[path = "../imports.rs"]
mod imports;
#[path = "../ledger.rs"]
mod ledger;
#[path = "../moves.rs"]
mod moves;
#[path = "../quarters.rs"]
mod quarters;
#[path = "../readings.rs"]
mod readings;
#[path = "../relations.rs"]
mod relations;

mod beside;
mod copying;
mod opening;
mod server;
mod writers;
