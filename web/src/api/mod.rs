//! The interface for programs: the page's figures as JSON, rows of energy, and events.

mod bodies;
mod by_unit;
mod corrections;
mod errors;
pub(crate) mod events;
mod house;
mod house_rows;
pub(crate) mod metrics;
mod records;
pub(crate) mod spaceapi;
mod states;

pub(crate) use bodies::{csv, form, rows, workbook};
pub(crate) use corrections::CorrectionState;
pub(crate) use errors::error;
pub(crate) use house::house_state;
pub(crate) use house_rows::HouseRows;
pub(crate) use records::{ReadingState, TrustState};
pub(crate) use states::{MeterEntry, meter_state};
