//! The words of the interactive chart.

/// What stands around the interactive chart.
#[derive(Debug)]
pub(crate) struct ChartWords {
    /// Legend of the band between the lowest and the highest.
    pub(crate) range: &'static str,
    /// Names the buttons that say how much is seen.
    pub(crate) spans: &'static str,
    /// Each: how many seconds, or `all`, and what it is called.
    pub(crate) buttons: [(&'static str, &'static str); 6],
    /// Button: to the end of what is recorded.
    pub(crate) now: &'static str,
    /// Names the two buttons that say what dragging does.
    pub(crate) drag: &'static str,
    pub(crate) move_it: &'static str,
    pub(crate) measure: &'static str,
    /// Opens the list of meters that can be shown, too.
    pub(crate) others: &'static str,
    /// Names the ends of what is measured.
    pub(crate) band_from: &'static str,
    pub(crate) band_to: &'static str,
    /// Before the strongest minute, hour and day of it.
    pub(crate) most: [&'static str; 3],
    /// Behind the percent of it that was watched.
    pub(crate) watched: &'static str,
    /// Where none of it was.
    pub(crate) nothing: &'static str,
    /// Heading of links to periods, and their names: from today to last year.
    pub(crate) presets_title: &'static str,
    pub(crate) presets: [&'static str; 10],
    /// Labels of the first and the last day.
    pub(crate) from_day: &'static str,
    pub(crate) to_day: &'static str,
    /// Heading of two years added up. In braces: `x` and `y` are the years, `a` and `b` what they used, `e` what is
    /// expected.
    pub(crate) running_title: &'static str,
    pub(crate) running: &'static str,
    pub(crate) running_to: &'static str,
    /// In place of a chart, or of what is measured.
    pub(crate) failed: &'static str,
    /// Before the names of what could not be loaded beside it.
    pub(crate) missing: &'static str,
}

pub(super) static ENGLISH: ChartWords = ChartWords {
    range: "lowest to highest",
    spans: "How much to show",
    buttons: [
        ("3600", "1 hour"),
        ("86400", "24 hours"),
        ("604800", "7 days"),
        ("2592000", "30 days"),
        ("31536000", "1 year"),
        ("all", "All"),
    ],
    now: "Now",
    drag: "What dragging does",
    move_it: "Move",
    measure: "Measure",
    others: "Show other meters as well",
    band_from: "Measured from",
    band_to: "Measured to",
    most: ["peak minute", "peak hour", "peak day"],
    watched: "of the time watched",
    nothing: "nothing was recorded",
    presets_title: "Other periods",
    presets: [
        "Today",
        "Yesterday",
        "This week",
        "Last week",
        "This month",
        "Last month",
        "This quarter",
        "Last quarter",
        "This year",
        "Last year",
    ],
    from_day: "From",
    to_day: "to",
    running_title: "More than the year before?",
    running: "{x}: {a}. {y} by the same day: {b}. Only days that were watched in both years count.",
    running_to: "If it goes on like that, about {e} by the end of the year.",
    failed: "The figures cannot be loaded at the moment. This page keeps trying.",
    missing: "Cannot be shown at the moment:",
};

pub(super) static GERMAN: ChartWords = ChartWords {
    range: "niedrigste bis höchste",
    spans: "Wie viel gezeigt wird",
    buttons: [
        ("3600", "1 Stunde"),
        ("86400", "24 Stunden"),
        ("604800", "7 Tage"),
        ("2592000", "30 Tage"),
        ("31536000", "1 Jahr"),
        ("all", "Alles"),
    ],
    now: "Jetzt",
    drag: "Was Ziehen bewirkt",
    move_it: "Verschieben",
    measure: "Messen",
    others: "Weitere Zähler zeigen",
    band_from: "Gemessen ab",
    band_to: "Gemessen bis",
    most: ["stärkste Minute", "stärkste Stunde", "stärkster Tag"],
    watched: "der Zeit beobachtet",
    nothing: "nichts aufgezeichnet",
    presets_title: "Andere Zeiträume",
    presets: [
        "Heute",
        "Gestern",
        "Diese Woche",
        "Letzte Woche",
        "Dieser Monat",
        "Letzter Monat",
        "Dieses Quartal",
        "Letztes Quartal",
        "Dieses Jahr",
        "Letztes Jahr",
    ],
    from_day: "Von",
    to_day: "bis",
    running_title: "Mehr als im Vorjahr?",
    running: "{x}: {a}. {y} bis zum selben Tag: {b}. Es zählen nur Tage, die in beiden Jahren beobachtet wurden.",
    running_to: "Geht es so weiter, werden es bis Jahresende etwa {e}.",
    failed: "Die Werte können gerade nicht geladen werden. Die Seite versucht es weiter.",
    missing: "Lässt sich gerade nicht zeigen:",
};
