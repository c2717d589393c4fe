//! A meter's first screen.

mod card;
mod curves;
mod days;
mod implausible;
mod page;
mod pictures;
mod view;

pub(crate) use card::CardView;
pub(super) use curves::day_curve;
pub(super) use days::is_partly;
pub(crate) use implausible::ImplausibleView;
pub(crate) use page::MeterPage;
pub(crate) use view::MeterView;
