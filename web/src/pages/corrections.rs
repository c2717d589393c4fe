//! What people say of times that were counted wrongly, and the form to say it.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_ledger::{CorrectingError, Correction, CorrectionKind, RecordedMeter};
use meter_messages::{Minute, Unit};

use super::Frame;
use crate::readings::correcting::{CorrectionFields, WrongField};
use crate::texts::{CorrectionWords, Texts};

/// What a correction says, in words.
pub(super) fn what(kind: CorrectionKind, texts: &Texts) -> String {
    match kind {
        CorrectionKind::Void => texts.unwatched.to_owned(),
        CorrectionKind::Replace { pulses } => {
            format!("{}\u{a0}{}", texts.number(pulses as f64, 0), texts.correcting.pulses)
        }
        CorrectionKind::Scale(factor) => format!("× {factor}"),
    }
}

/// A correction in words.
struct Row {
    from: (String, String),
    to: (String, String),
    what: String,
    /// Of those who see the names of users.
    reason: String,
    by: String,
    said: (String, String),
    undone: Option<(String, (String, String))>,
}

impl Row {
    fn new(said: &Correction, names: bool, texts: &Texts, zone: &TimeZone) -> Self {
        let moment = |at: Timestamp| (at.to_string(), texts.moment(zone.to_datetime(at)));
        let minute = |at: Minute| (at.to_string(), texts.moment(zone.to_datetime(at.timestamp())));
        let for_users = |text: &str| if names { text.to_owned() } else { String::new() };
        Self {
            from: minute(said.span.start),
            to: minute(said.span.end),
            what: what(said.kind, texts),
            reason: for_users(&said.reason),
            by: for_users(&said.by),
            said: moment(said.said),
            undone: said.undone.as_ref().map(|undone| (for_users(&undone.by), moment(undone.at))),
        }
    }
}

/// What became of what was typed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CorrectionNotice {
    /// It is in the ledger.
    Entered,
    /// The broker has it, the recorder not yet.
    UnderWay,
    /// It is undone.
    Undone,
    /// The broker knows that it is to be undone, the recorder not yet.
    UndoneSoon,
    /// The broker has not taken it.
    NotSent,
    /// A field is wrong.
    Wrong(WrongField),
    /// The ledger would refuse it, in the reader's language.
    Refused(&'static str),
}

impl CorrectionNotice {
    /// Of a correction that is there, or not yet.
    pub(crate) fn of_saying(is_there: bool) -> Self {
        if is_there { Self::Entered } else { Self::UnderWay }
    }

    /// Of one that still holds, or no longer.
    pub(crate) fn of_undoing(holds: bool) -> Self {
        if holds { Self::UndoneSoon } else { Self::Undone }
    }

    /// Of one that the ledger would refuse.
    pub(crate) fn refused(why: &CorrectingError, texts: &'static Texts) -> Self {
        Self::Refused(texts.correcting.refused(why))
    }

    fn said(self, texts: &'static Texts) -> (&'static str, bool) {
        let words = texts.correcting;
        match self {
            Self::Entered => (words.entered, false),
            Self::UnderWay => (words.under_way, false),
            Self::Undone => (words.undone, false),
            Self::UndoneSoon => (words.undone_soon, false),
            Self::NotSent => (texts.entering.reading_not_sent, true),
            Self::Wrong(WrongField::Time) => (words.no_time, true),
            Self::Wrong(WrongField::Kind) => (words.no_kind, true),
            Self::Wrong(WrongField::Quantity) => (words.no_quantity, true),
            Self::Wrong(WrongField::Constant) => (words.constant_changes, true),
            Self::Wrong(WrongField::Factor) => (words.no_factor, true),
            Self::Refused(why) => (why, true),
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "corrections.html")]
pub(crate) struct CorrectionsPage {
    frame: Frame,
    words: &'static CorrectionWords,
    name: String,
    path: String,
    unit: Unit,
    /// What stands in the form, or why there is none.
    form: Result<CorrectionFields, &'static str>,
    /// What to say, and whether it is bad news.
    notice: Option<(&'static str, bool)>,
    rows: Vec<Row>,
}

impl CorrectionsPage {
    /// Where the forms go.
    fn address(&self) -> String {
        format!("/m/{}/corrections", self.path)
    }

    /// The page of a meter's corrections, the newest first; with the words and the names of people, or without.
    pub(crate) fn new(
        frame: Frame,
        meter: &RecordedMeter,
        (said, names): (&[Correction], bool),
        (form, notice): (Result<CorrectionFields, &'static str>, Option<&CorrectionNotice>),
        zone: &TimeZone,
    ) -> Self {
        let texts = frame.texts;
        Self {
            words: texts.correcting,
            rows: said.iter().rev().map(|said| Row::new(said, names, texts, zone)).collect(),
            form,
            notice: notice.map(|notice| notice.said(texts)),
            name: meter.name.clone(),
            path: meter.meter.to_string(),
            unit: meter.medium.unit(),
            frame,
        }
    }
}
