//! The interactive chart of a page.

use meter_ledger::RecordedMeter;

use super::colours::distinct;
use crate::ledger::reader::LedgerReader;

/// Meters that can be shown beside one at most.
const MOST_OTHERS: usize = 24;

/// What the interactive chart shows.
pub(crate) struct Chart {
    /// From this Unix time on.
    pub(crate) from: i64,
    /// Up to this one.
    pub(crate) to: i64,
    /// The first one there is.
    pub(crate) first: i64,
    /// Whether it goes on with the time.
    pub(crate) live: bool,
    /// How many seconds earlier what it is compared with begins, and what that is called.
    pub(crate) ghost: Option<(i64, String)>,
    /// How often a correction of the meter was said or undone: a browser keeps what it has of a time that is over.
    pub(crate) edition: u64,
    /// The site's time zone by its IANA name; empty where it has none.
    pub(crate) zone: String,
    /// What people have noted, as JSON.
    pub(crate) notes: Option<String>,
    /// What can be shown beside it.
    pub(crate) others: Vec<OtherMeter>,
}

/// A meter that can be shown beside another.
#[derive(Debug, Clone)]
pub(crate) struct OtherMeter {
    /// `site/meter`.
    pub(crate) path: String,
    pub(crate) name: String,
    /// The name of its colour there.
    pub(crate) colour: &'static str,
    /// How often a correction of it was said or undone.
    pub(crate) edition: u64,
}

/// The others that count in the same unit, of those that a visitor may see.
pub(crate) fn others(known: &[RecordedMeter], this: &RecordedMeter, site: &LedgerReader) -> Vec<OtherMeter> {
    let fits = |known: &&RecordedMeter| {
        known.meter != this.meter
            && known.medium.unit() == this.medium.unit()
            && known.constant.per_unit() > 0.0
    };
    let others: Vec<&RecordedMeter> = known.iter().filter(fits).take(MOST_OTHERS).collect();
    let colour = |known: &RecordedMeter| site.meters().colour(&known.meter);
    let colours = distinct(std::iter::once(this).chain(others.iter().copied()).map(colour));
    let other = |(known, colour): (&RecordedMeter, meter_messages::Colour)| OtherMeter {
        path: known.meter.to_string(),
        name: known.name.clone(),
        colour: colour.name(),
        edition: known.edition(),
    };
    others.into_iter().zip(colours.into_iter().skip(1)).map(other).collect()
}
