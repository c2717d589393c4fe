//! From a route to its answer.

mod api;
mod asked;
mod bill;
mod corrections;
mod entering;
mod exports;
mod first;
mod forms;
mod health;
mod house;
mod invitations;
mod metrics;
mod pages;
mod periods;
mod questions;
mod readings;
mod refusals;
mod serving;
mod settings;
mod sign_in;
mod site;

pub(crate) use site::Site;
