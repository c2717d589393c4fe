//! An hour of a meter.

use std::ops::Range;

use meter_ledger::Sum;
use meter_messages::Minute;

/// An hour, or a piece of one, and what was recorded in it.
pub type Hour = (Range<Minute>, Sum);
