//! The forms by which an admin says what holds for meters, prices and alarms: their fields, what was typed into them,
//! and what becomes of it in the text of the next version. Pure.
//!
//! What is wrong with a field is told here, in the reader's language; whether all of it can be is decided by
//! [`site_settings::checked`], as for whoever writes TOML.

mod alarm;
mod field;
mod form;
mod meter;
mod note;
mod of_site;
mod offered;
mod tariff;
mod tariff_fields;
mod tariff_rows;
mod values;

pub(crate) use alarm::AlarmForm;
pub(crate) use field::{Field, Group, Kind};
pub(crate) use form::Form;
pub(crate) use meter::MeterForm;
pub(crate) use note::NoteForm;
pub(crate) use of_site::SiteForm;
pub(crate) use offered::Offered;
pub(crate) use tariff::TariffForm;
pub(crate) use values::{Values, Wrong};
