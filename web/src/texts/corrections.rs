//! The words of the page on which somebody says that a time was counted wrongly.

use meter_ledger::CorrectingError;

/// What the page of corrections says.
#[derive(Debug)]
pub(crate) struct CorrectionWords {
    /// Heading of the form, and the link to it.
    pub(crate) say: &'static str,
    /// Labels.
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    /// Title of the choice, and its three answers.
    pub(crate) what: &'static str,
    pub(crate) void: &'static str,
    pub(crate) replace: &'static str,
    pub(crate) scale: &'static str,
    /// Label, before the unit in brackets.
    pub(crate) quantity: &'static str,
    /// Label.
    pub(crate) factor: &'static str,
    /// Button.
    pub(crate) enter: &'static str,
    /// Columns.
    pub(crate) counted_as: &'static str,
    pub(crate) undone_by: &'static str,
    /// Behind a number of them.
    pub(crate) pulses: &'static str,
    /// Opens the question whether a correction was a mistake, and the button below.
    pub(crate) undo: &'static str,
    pub(crate) undo_this: &'static str,
    pub(crate) none: &'static str,
    /// What became of it.
    pub(crate) entered: &'static str,
    pub(crate) under_way: &'static str,
    pub(crate) undone: &'static str,
    pub(crate) undone_soon: &'static str,
    /// What is wrong with the fields.
    pub(crate) no_time: &'static str,
    pub(crate) no_kind: &'static str,
    pub(crate) no_quantity: &'static str,
    pub(crate) constant_changes: &'static str,
    pub(crate) no_factor: &'static str,
    refused: Refused,
    /// What somebody lacks who may not correct.
    pub(crate) needs_users: &'static str,
    pub(crate) needs_login: &'static str,
    pub(crate) needs_right: &'static str,
}

/// Why the ledger would not take it.
#[derive(Debug)]
struct Refused {
    empty: &'static str,
    not_recorded: &'static str,
    nothing_there: &'static str,
    too_long: &'static str,
    too_many: &'static str,
    nothing: &'static str,
    no_reason: &'static str,
    overlaps: &'static str,
    too_many_corrections: &'static str,
}

impl CorrectionWords {
    /// Why the ledger would not take a correction.
    pub(crate) fn refused(&self, why: &CorrectingError) -> &'static str {
        match why {
            CorrectingError::Empty => self.refused.empty,
            CorrectingError::NotRecorded(..) => self.refused.not_recorded,
            CorrectingError::TooLong => self.refused.too_long,
            CorrectingError::TooMany(_) => self.refused.too_many,
            CorrectingError::Nothing => self.refused.nothing,
            CorrectingError::NoText(_) => self.refused.no_reason,
            CorrectingError::Overlaps { .. } => self.refused.overlaps,
            CorrectingError::TooManyCorrections => self.refused.too_many_corrections,
            _ => self.refused.nothing_there,
        }
    }
}

pub(super) static ENGLISH: CorrectionWords = CorrectionWords {
    say: "Correct a time",
    from: "From",
    to: "up to",
    what: "What is right?",
    void: "Nobody knows: treat the time as not watched",
    replace: "This much in all",
    scale: "What was counted, times a factor",
    quantity: "In all",
    factor: "Factor",
    enter: "Correct",
    counted_as: "Correction",
    undone_by: "Undone by",
    pulses: "pulses",
    undo: "Undo",
    undo_this: "Yes, undo this correction",
    none: "No corrections yet.",
    entered: "The correction has been entered.",
    under_way: "The correction is on its way: it appears here as soon as the recorder has entered it.",
    undone: "The correction has been undone.",
    undone_soon: "The correction is being undone: it is marked here as soon as the recorder has done so.",
    no_time: "That is not a valid time.",
    no_kind: "Please choose what is right.",
    no_quantity: "How much it was in all must be a number: only digits and at most one decimal point.",
    constant_changes: "The meter constant changes in that time. Please correct the times before and after separately.",
    no_factor: "The factor must be a number or a fraction above 0, like 0.5, 2 or 1/3.",
    refused: Refused {
        empty: "The end must be later than the beginning.",
        not_recorded: "The time must lie between the first and the newest recorded minute.",
        nothing_there: "Nothing was recorded in that time.",
        too_long: "This can be said of 366 days at most.",
        too_many: "That is more than this time can have.",
        nothing: "A factor of 1 changes nothing.",
        no_reason: "The reason must have 1 to 200 characters in one line.",
        overlaps: "Another correction covers some of these minutes already. Undo it first.",
        too_many_corrections: "This meter has as many corrections as it may have.",
    },
    needs_users: "Only users with the role admin can correct, and this server has no users yet; see docs/ACCESS.md.",
    needs_login: "Only users with the role admin can correct: please log in first.",
    needs_right: "You can see corrections but not make any. That takes the role admin.",
};

pub(super) static GERMAN: CorrectionWords = CorrectionWords {
    say: "Eine Zeit korrigieren",
    from: "Von",
    to: "bis",
    what: "Was stimmt?",
    void: "Das weiß niemand: die Zeit gilt als nicht beobachtet",
    replace: "So viel insgesamt",
    scale: "Das Gezählte mal einem Faktor",
    quantity: "Insgesamt",
    factor: "Faktor",
    enter: "Korrigieren",
    counted_as: "Korrektur",
    undone_by: "Zurückgenommen von",
    pulses: "Impulse",
    undo: "Zurücknehmen",
    undo_this: "Ja, diese Korrektur zurücknehmen",
    none: "Noch keine Korrekturen.",
    entered: "Die Korrektur wurde eingetragen.",
    under_way: "Die Korrektur ist unterwegs: Sie erscheint hier, sobald der Rekorder sie eingetragen hat.",
    undone: "Die Korrektur wurde zurückgenommen.",
    undone_soon: "Die Korrektur wird zurückgenommen: Hier steht es, sobald der Rekorder es eingetragen hat.",
    no_time: "Das ist kein gültiger Zeitpunkt.",
    no_kind: "Bitte wählen, was stimmt.",
    no_quantity: "Wie viel es insgesamt war, muss eine Zahl sein: nur Ziffern und höchstens ein Komma.",
    constant_changes: "In dieser Zeit ändert sich die Zählerkonstante. Bitte die Zeiten davor und danach einzeln korrigieren.",
    no_factor: "Der Faktor muss eine Zahl oder ein Bruch über 0 sein, wie 0,5, 2 oder 1/3.",
    refused: Refused {
        empty: "Das Ende muss nach dem Anfang liegen.",
        not_recorded: "Die Zeit muss zwischen der ersten und der neuesten aufgezeichneten Minute liegen.",
        nothing_there: "In dieser Zeit wurde nichts aufgezeichnet.",
        too_long: "Das geht für höchstens 366 Tage.",
        too_many: "Das ist mehr, als in dieser Zeit möglich ist.",
        nothing: "Der Faktor 1 ändert nichts.",
        no_reason: "Der Grund muss 1 bis 200 Zeichen in einer Zeile haben.",
        overlaps: "Einige dieser Minuten sind schon korrigiert. Bitte zuerst jene Korrektur zurücknehmen.",
        too_many_corrections: "Dieser Zähler hat so viele Korrekturen, wie er haben darf.",
    },
    needs_users: "Nur Benutzer mit der Rolle admin können korrigieren, und dieser Server hat noch keine Benutzer; siehe docs/ACCESS.md.",
    needs_login: "Nur Benutzer mit der Rolle admin können korrigieren: Bitte zuerst anmelden.",
    needs_right: "Korrekturen sind zu sehen, aber nicht zu ändern. Dafür braucht es die Rolle admin.",
};
