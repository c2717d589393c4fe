//! The words of a meter's page.

/// What a meter's page says.
#[derive(Debug)]
pub(crate) struct MeterWords {
    /// Energy of the day before.
    pub(crate) yesterday: &'static str,
    /// Beside a difference in percent.
    pub(crate) than_yesterday: &'static str,
    /// Names the bar of a month against what it may take.
    pub(crate) budget: &'static str,
    /// Between its percent and the budget.
    pub(crate) of_budget: &'static str,
    /// Below it.
    pub(crate) base_load_means: &'static str,
    /// Where nothing is.
    pub(crate) nothing_recorded: &'static str,
    /// Before the time since which nothing is missing.
    pub(crate) whole_since: &'static str,
    /// Where two publishers count under the name of one meter; `{n}` is how many minutes of the newest day.
    pub(crate) counted_twice: &'static str,
    /// Counted: one gap, and more.
    pub(crate) gaps: (&'static str, &'static str),
    /// Between the number of gaps and the first day.
    pub(crate) gaps_since: &'static str,
    /// Before the length of the newest gap.
    pub(crate) newest_gap: &'static str,
    /// Why the line was not watched, in the order of `Texts::gap_reason`.
    pub(crate) reasons: [&'static str; 6],
    /// Column.
    pub(crate) reason: &'static str,
    /// Heading of minutes that cannot be.
    pub(crate) implausible: &'static str,
    /// Why, after what the meter can have.
    pub(crate) implausible_means: &'static str,
    /// Before the command that corrects them.
    pub(crate) implausible_then: &'static str,
    /// Heading of the curve.
    pub(crate) last_day: &'static str,
    /// Legend of the curve behind it.
    pub(crate) day_before: &'static str,
    /// Heading of the bars of days.
    pub(crate) last_days: &'static str,
}

pub(super) static ENGLISH: MeterWords = MeterWords {
    yesterday: "all day",
    than_yesterday: "vs yesterday",
    budget: "Monthly budget",
    of_budget: "of the budget of",
    base_load_means: "quietest hour of recent nights",
    nothing_recorded: "Nothing recorded yet",
    whole_since: "Complete since",
    counted_twice: "Two publishers count under the name of this meter, and both are added up: {n} minutes of the last 24 hours. Give one of them another site or id in its settings.",
    gaps: ("gap", "gaps"),
    gaps_since: "since",
    newest_gap: "the last one",
    reasons: [
        "the device was not counting",
        "a new memory card",
        "counted, but no longer kept",
        "counted, still expected",
        "unknown",
        "declared as not watched",
    ],
    reason: "Reason",
    implausible: "Minutes that cannot be right",
    implausible_means: "is the most that this meter can have (max_power_w or max_flow_l_h in powerpi-web.toml). More was counted here: the contact may have bounced, or the meter constant may be wrong.",
    implausible_then: "To leave a time out, whoever looks after the server runs:",
    last_day: "Last 24 hours",
    day_before: "the day before",
    last_days: "Last 30 days",
};

pub(super) static GERMAN: MeterWords = MeterWords {
    yesterday: "ganzer Tag",
    than_yesterday: "zu gestern",
    budget: "Monatsbudget",
    of_budget: "des Budgets von",
    base_load_means: "ruhigste Stunde der letzten Nächte",
    nothing_recorded: "Noch nichts aufgezeichnet",
    whole_since: "Lückenlos seit",
    counted_twice: "Unter dem Namen dieses Zählers zählen zwei Geräte, und beide werden zusammengezählt: {n} Minuten der letzten 24 Stunden. Eines von beiden braucht in seinen Einstellungen einen anderen Standort oder eine andere id.",
    gaps: ("Lücke", "Lücken"),
    gaps_since: "seit",
    newest_gap: "die letzte",
    reasons: [
        "der Zählrechner lief nicht",
        "neue Speicherkarte",
        "gezählt, aber nicht mehr vorhanden",
        "gezählt, wird noch erwartet",
        "unbekannt",
        "als nicht beobachtet erklärt",
    ],
    reason: "Grund",
    implausible: "Minuten, die nicht stimmen können",
    implausible_means: "ist das Höchste, was an diesem Zähler möglich ist (max_power_w oder max_flow_l_h in powerpi-web.toml). Hier wurde mehr gezählt: Vielleicht hat der Kontakt geprellt, oder die Zählerkonstante ist falsch.",
    implausible_then: "Um eine Zeit auszunehmen, führt aus, wer den Server betreut:",
    last_day: "Letzte 24 Stunden",
    day_before: "am Vortag",
    last_days: "Letzte 30 Tage",
};
