//! The words of pages that stand in for others.

/// What is said where there is no page, or a form is not taken.
#[derive(Debug)]
pub(crate) struct RefusalWords {
    /// Title of the page for a form that is not taken.
    pub(crate) form_refused: &'static str,
    /// It comes from another site's page, or from no page.
    pub(crate) form_foreign: &'static str,
    /// It cannot be read.
    pub(crate) form_unreadable: &'static str,
    /// It is longer than any of ours.
    pub(crate) form_too_long: &'static str,
    /// It did not arrive in time.
    pub(crate) form_too_slow: &'static str,
    /// Title of the page for what does not exist.
    pub(crate) not_found: &'static str,
    /// And what to do then.
    pub(crate) not_found_advice: &'static str,
    /// Title of the page while there is no ledger.
    pub(crate) not_yet: &'static str,
    /// And what to do then.
    pub(crate) not_yet_advice: &'static str,
    /// Title of the page for a request that cannot be understood.
    pub(crate) refused: &'static str,
    /// Page of an address that cannot be understood: what is wrong with it.
    pub(crate) refused_advice: &'static str,
    /// Title of the page that a browser shows while the server cannot be reached.
    pub(crate) offline: &'static str,
    /// Before when it was reached last.
    pub(crate) offline_since: &'static str,
    /// And what to do then.
    pub(crate) offline_advice: &'static str,
    /// Link to the first page.
    pub(crate) to_start: &'static str,
}

pub(super) static ENGLISH: RefusalWords = RefusalWords {
    form_refused: "The form was not accepted",
    form_foreign: "It was not sent from a page of this server. Please open the page here and fill in the form there.",
    form_unreadable: "It cannot be read. Please reload the page and fill it in again.",
    form_too_long: "It is too long.",
    form_too_slow: "It did not arrive in time. Please send it again.",
    not_found: "Page not found",
    not_found_advice: "The address may be mistyped, or the meter may have been renamed.",
    not_yet: "No ledger yet",
    not_yet_advice: "The recorder has not written anything yet, or this server cannot read it. This page reloads by itself.",
    refused: "This cannot be shown",
    refused_advice: "A value in the address is not valid:",
    offline: "No connection to the server",
    offline_since: "Last reached:",
    offline_advice: "Counting goes on without it. This page keeps trying and will be back by itself.",
    to_start: "To the start page",
};

pub(super) static GERMAN: RefusalWords = RefusalWords {
    form_refused: "Das Formular wurde nicht angenommen",
    form_foreign: "Es wurde nicht von einer Seite dieses Servers gesendet. Bitte die Seite hier öffnen und das Formular dort ausfüllen.",
    form_unreadable: "Es lässt sich nicht lesen. Bitte die Seite neu laden und es noch einmal ausfüllen.",
    form_too_long: "Es ist zu lang.",
    form_too_slow: "Es kam nicht rechtzeitig an. Bitte noch einmal senden.",
    not_found: "Seite nicht gefunden",
    not_found_advice: "Vielleicht enthält die Adresse einen Tippfehler, oder der Zähler heißt inzwischen anders.",
    not_yet: "Noch kein Zählbuch",
    not_yet_advice: "Der Rekorder hat noch nichts geschrieben, oder dieser Server kann es nicht lesen. Die Seite lädt von selbst neu.",
    refused: "Das lässt sich nicht anzeigen",
    refused_advice: "Ein Wert in der Adresse ist ungültig:",
    offline: "Keine Verbindung zum Server",
    offline_since: "Zuletzt erreicht:",
    offline_advice: "Gezählt wird auch ohne ihn. Die Seite versucht es weiter und ist dann von selbst wieder da.",
    to_start: "Zur Startseite",
};
