//! What people read off a meter, and the form to type it in.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_figures::{Backwards, CheckedReading, Comparison};
use meter_ledger::RecordedMeter;
use meter_messages::Unit;

use super::{Frame, exact};
use crate::readings::form::{FieldError, Fields};
use crate::texts::Texts;

/// A reading in words.
pub(crate) struct ReadingRow {
    at: (String, String),
    shown: String,
    by: Option<String>,
    entered: (String, String),
    since: Option<ComparisonView>,
    /// Whether only its publisher can take it back.
    of_publisher: bool,
}

/// What a reading says of the pulses, in words.
struct ComparisonView {
    by_meter: String,
    by_pulses: String,
    drift: String,
    drift_percent: Option<String>,
    unwatched: Option<String>,
}

impl ReadingRow {
    fn new(checked: &CheckedReading, names: bool, texts: &Texts, zone: &TimeZone) -> Self {
        let moment = |at: Timestamp| (at.to_string(), texts.moment(zone.to_datetime(at)));
        let reading = &checked.entered.reading;
        Self {
            at: moment(reading.at),
            shown: texts.number(reading.shown, decimals(reading.shown)),
            by: names.then(|| reading.by.clone()),
            entered: moment(checked.entered.entered),
            since: checked.since.as_ref().map(|since| ComparisonView::new(since, reading.replaced, texts)),
            of_publisher: checked.entered.of_publisher,
        }
    }
}

impl ComparisonView {
    fn new(since: &Comparison, replaced: bool, texts: &Texts) -> Self {
        let signed = |value: f64, decimals| {
            let text = texts.number(value, decimals);
            if value > 0.0 { format!("+{text}") } else { text }
        };
        let drift_percent = since.drift_percent();
        let by_meter = texts.number(since.by_meter, 3);
        Self {
            by_meter: match since.backwards {
                None => by_meter,
                Some(Backwards::RolledOver) => format!("{by_meter} ({})", texts.entering.rolled_over),
                Some(Backwards::Replaced) if replaced => texts.entering.another_meter.to_owned(),
                Some(Backwards::Replaced) => texts.entering.meter_replaced.to_owned(),
            },
            by_pulses: exact(since.by_pulses, texts),
            drift: since.drift().map_or("–".to_owned(), |drift| signed(drift, 3)),
            drift_percent: drift_percent.map(|percent| format!("{}\u{a0}%", signed(percent, 2))),
            unwatched: (since.unwatched_s > 0).then(|| Texts::length(since.unwatched_s)),
        }
    }
}

/// As many decimals as were read, at most three.
fn decimals(shown: f64) -> usize {
    let whole = |decimals: i32| {
        let scaled = shown * 10f64.powi(decimals);
        (scaled - scaled.round()).abs() < 0.01
    };
    (0..3).find(|decimals| whole(*decimals)).unwrap_or(3) as usize
}

/// What became of what was typed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the ledger.
    Entered,
    /// The broker has it, the recorder not yet.
    UnderWay,
    /// It is no longer in the ledger.
    TakenBack,
    /// The broker knows that it is to go, the recorder not yet.
    LeavingSoon,
    /// The broker has not taken it.
    NotSent,
    /// A field is wrong.
    Wrong(FieldError),
}

impl Outcome {
    /// Of a reading that is there, or not yet.
    pub(crate) fn of_entering(is_there: bool) -> Self {
        if is_there { Self::Entered } else { Self::UnderWay }
    }

    /// Of one that is still there, or no longer.
    pub(crate) fn of_taking_back(is_there: bool) -> Self {
        if is_there { Self::LeavingSoon } else { Self::TakenBack }
    }

    fn said(self, texts: &Texts) -> &'static str {
        match self {
            Self::Entered => texts.entering.reading_entered,
            Self::UnderWay => texts.entering.reading_under_way,
            Self::TakenBack => texts.entering.reading_taken_back,
            Self::LeavingSoon => texts.entering.reading_leaving_soon,
            Self::NotSent => texts.entering.reading_not_sent,
            Self::Wrong(FieldError::Time) => texts.entering.reading_no_time,
            Self::Wrong(FieldError::Future) => texts.entering.reading_in_future,
            Self::Wrong(FieldError::Number) => texts.entering.reading_no_number,
        }
    }

    fn is_bad(self) -> bool {
        matches!(self, Self::NotSent | Self::Wrong(_))
    }

    fn field(self) -> Option<FieldError> {
        match self {
            Self::Wrong(field) => Some(field),
            _ => None,
        }
    }
}

/// What somebody lacks who may not enter readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// There are none here.
    Users,
    /// They have not said who they are.
    Login,
    /// They may only look.
    Right,
}

impl Lacking {
    fn said(self, texts: &Texts) -> &'static str {
        match self {
            Self::Users => texts.entering.entering_needs_users,
            Self::Login => texts.entering.entering_needs_login,
            Self::Right => texts.entering.entering_needs_right,
        }
    }
}

/// Whom the page is for.
pub(crate) struct Reader {
    /// Whether names of users are for them.
    pub(crate) sees_names: bool,
    /// What stands in the form, or what they lack to be shown one.
    pub(crate) form: Result<Fields, Lacking>,
    /// What became of what they typed in.
    pub(crate) outcome: Option<Outcome>,
}

/// The page.
#[derive(Template)]
#[template(path = "readings.html")]
pub(crate) struct ReadingsPage {
    frame: Frame,
    name: String,
    path: String,
    unit: Unit,
    /// What stands in the form, or why there is none.
    form: Result<Fields, &'static str>,
    /// What to say, and whether it is bad news.
    notice: Option<(&'static str, bool)>,
    /// Which field is wrong: the time, the number.
    wrong: (bool, bool),
    rows: Vec<ReadingRow>,
}

impl ReadingsPage {
    /// Where the form goes.
    fn address(&self) -> String {
        format!("/m/{}/readings", self.path)
    }

    /// The page of a meter's readings, the newest first.
    pub(crate) fn new(
        frame: Frame,
        meter: &RecordedMeter,
        readings: &[CheckedReading],
        reader: Reader,
        zone: &TimeZone,
    ) -> Self {
        let texts = frame.texts;
        let row = |checked| ReadingRow::new(checked, reader.sees_names, texts, zone);
        let wrong = reader.outcome.and_then(Outcome::field);
        Self {
            rows: readings.iter().map(row).collect(),
            form: reader.form.map_err(|lacking| lacking.said(texts)),
            notice: reader.outcome.map(|outcome| (outcome.said(texts), outcome.is_bad())),
            wrong: (
                matches!(wrong, Some(FieldError::Time | FieldError::Future)),
                wrong == Some(FieldError::Number),
            ),
            name: meter.name.clone(),
            path: meter.meter.to_string(),
            unit: meter.medium.unit(),
            frame,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_has_the_decimals_that_were_read() {
        for (shown, expected) in
            [(12345.0, 0), (12345.6, 1), (0.25, 2), (98765.432, 3), (1.0 / 3.0, 3), (0.0, 0)]
        {
            assert_eq!(decimals(shown), expected, "{shown}");
        }
    }
}
