//! From a path and a query to what is asked for. Pure.

mod address;
mod api;
mod bill;
mod energy;
mod house;
mod parsing;
mod periods;
mod pictures;
mod query;
mod settings;
mod wall;

pub(crate) use address::Route;
pub(crate) use bill::BillRequest;
pub(crate) use energy::{EnergyRequest, Form, StatisticsRequest};
pub(crate) use house::{HouseRequest, HouseRowsRequest, MOST_DAYS_OF_HOURS};
pub(crate) use periods::PeriodRequest;
pub(crate) use pictures::PictureRequest;
pub(crate) use query::{Query, RouteError};
pub(crate) use settings::SettingsPlace;
pub(crate) use wall::WallRequest;
