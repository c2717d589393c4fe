//! Minutes that cannot be, and what can be done about them.

use jiff::tz::TimeZone;
use meter_figures::Implausible;
use meter_ledger::RecordedMeter;
use meter_messages::Minute;

use crate::pages::Frame;
use crate::texts::Texts;

/// What is wrong.
pub(crate) struct ImplausibleView {
    /// The most that there can be.
    pub(super) most: String,
    /// The times, the newest first.
    pub(super) times: Vec<Time>,
}

/// Minutes in a row.
pub(super) struct Time {
    /// For programs and for people.
    pub(super) from: (String, String),
    pub(super) length: String,
    pub(super) highest: String,
    /// The command that says that they were not watched.
    pub(super) command: String,
    /// The form for it, filled in, for those who may send it.
    pub(super) form: Option<String>,
}

impl ImplausibleView {
    /// What was found of a meter; `None` if nothing was.
    pub(crate) fn new(
        meter: &RecordedMeter,
        found: &[Implausible],
        most: f64,
        (frame, may_correct): (&Frame, bool),
        zone: &TimeZone,
    ) -> Option<Self> {
        let texts = frame.texts;
        let form = |from: Minute, to: Minute| {
            frame.link(&format!("/m/{}/corrections?from={from}&to={to}", meter.meter))
        };
        let rate = |rate: f64| format!("{}\u{a0}{}", texts.number(rate, 0), meter.medium.unit().of_rate());
        let time = |it: &Implausible| {
            let (from, to) = (it.span.start, it.span.end);
            Time {
                from: (from.timestamp().to_string(), texts.moment(zone.to_datetime(from.timestamp()))),
                length: Texts::length((to.start() - from.start()).unsigned_abs()),
                highest: rate(it.highest_rate),
                command: format!(
                    "sudo powerpi ledger void {} {from} {to} --reason \"{}\"",
                    meter.meter, texts.machinery.bounces
                ),
                form: may_correct.then(|| form(from, to)),
            }
        };
        (!found.is_empty()).then(|| Self { most: rate(most), times: found.iter().rev().map(time).collect() })
    }
}
