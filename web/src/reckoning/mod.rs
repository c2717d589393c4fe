//! What is reckoned from the ledger: periods, figures, costs and files of rows. It knows no HTTP.

pub(crate) mod calendar;
pub(crate) mod exports;
pub(crate) mod figures;
pub(crate) mod meter_readings;
pub(crate) mod periods;
pub(crate) mod tariff;
