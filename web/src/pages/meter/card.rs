//! A meter among many in words.

use jiff::Timestamp;
use meter_figures::Glance;
use meter_messages::Unit;

use super::curves::sparkline;
use super::view::freshness;
use crate::ledger::reader::LedgerReader;
use crate::live::values::Presence;
use crate::pages::exact;
use crate::texts::Texts;

/// What the page of all meters says of one.
pub(crate) struct CardView {
    pub(crate) name: String,
    /// The name of its colour.
    pub(crate) colour: &'static str,
    /// `site/meter`.
    pub(crate) path: String,
    /// What it counts in.
    pub(crate) unit: Unit,
    /// Power or flow of now.
    pub(crate) rate: Option<String>,
    pub(crate) freshness: &'static str,
    /// When the value was worked out: for programs and for people.
    pub(crate) at: Option<(String, String)>,
    pub(crate) today: String,
    pub(crate) month: String,
    /// The last 24 hours, small.
    pub(crate) spark: String,
}

impl CardView {
    /// A meter's sums and value as people of a language read them.
    pub(crate) fn new(glance: &Glance, presence: &Presence, texts: &Texts, ledger: &LedgerReader) -> Self {
        let unit = glance.meter.medium.unit();
        let value = presence.value.as_ref();
        let moment = |at: Timestamp| (at.to_string(), texts.moment(ledger.zone().to_datetime(at)));
        Self {
            name: glance.meter.name.clone(),
            colour: ledger.meters().colour(&glance.meter.meter).name(),
            path: glance.meter.meter.to_string(),
            unit,
            rate: value.and_then(|live| live.rate_in(unit)).map(|rate| texts.number(rate.into(), 0)),
            freshness: freshness(presence),
            at: value.map(|live| moment(live.at)),
            today: exact(glance.today.quantity(), texts),
            month: exact(glance.month.quantity(), texts),
            spark: sparkline(&glance.curve),
        }
    }
}
