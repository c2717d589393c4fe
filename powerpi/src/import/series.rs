//! What a format reads: readings with their meaning, or means with their times.

use std::path::Path;

use foreign_text::foreign;

use super::amounts::{LeftOut, Meaning, Readings, Stretch};
use super::unit::Unit;

/// What was read from a file.
pub(super) struct Series {
    /// What it is, as the list of imports says it.
    pub(super) source: String,
    pub(super) unit: Unit,
    pub(super) values: Values,
}

pub(super) enum Values {
    Readings(Readings, Meaning),
    /// Times in seconds since 1970, and the mean in them: of a rate in an hour; or of a quantity in so many seconds.
    Means {
        all: Vec<(i64, i64, f64)>,
        per_s: f64,
    },
}

impl Series {
    /// Calls `each` with its times and their quantities, in order.
    pub(super) fn for_each(&self, constant: f64, each: &mut impl FnMut(Stretch)) -> LeftOut {
        let (mut left_out, unit) = (LeftOut::default(), self.unit.quantity(constant));
        match &self.values {
            Values::Readings(readings, meaning) => {
                readings.stretches(*meaning, unit, &mut left_out).for_each(each);
            }
            Values::Means { all, per_s } => {
                for &(from, to, value) in all {
                    let quantity = value * unit * (to - from) as f64 / per_s;
                    if quantity < 0.0 {
                        left_out.negative += 1;
                    } else {
                        each(Stretch { from: from * 1000, to: to * 1000, quantity });
                    }
                }
            }
        }
        left_out
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match &self.values {
            Values::Readings(readings, _) => readings.len(),
            Values::Means { all, .. } => all.len(),
        }
    }

    /// Only those of a span of ms since 1970.
    pub(super) fn keep(&mut self, span: std::ops::Range<i64>) {
        match &mut self.values {
            Values::Readings(readings, _) => readings.keep(span),
            Values::Means { all, .. } => {
                all.retain(|(from, to, _)| span.start <= from * 1000 && to * 1000 <= span.end);
            }
        }
    }
}

/// A file's name, as it may be shown.
pub(super) fn name_of(path: &Path) -> String {
    foreign(&path.file_name().unwrap_or_default().to_string_lossy()).to_string()
}
