//! The words of the verdict on the whole.

/// What is said of how all of it does. In braces: `n` is a number, `m` a meter's name or several, `t` a time, `a` an
/// alarm.
#[derive(Debug)]
pub(crate) struct HealthWords {
    /// Nothing is wrong, and before the first minute.
    pub(crate) all_well: &'static str,
    /// Nothing is wrong, and nothing has been missing since then.
    pub(crate) well_since: &'static str,
    /// Nothing is wrong, and the past of a meter is coming in.
    pub(crate) catching_up: &'static str,
    /// How much is wrong: one problem, and more.
    pub(crate) problems: (&'static str, &'static str),
    /// How many more there are than are listed.
    pub(crate) more: &'static str,
    /// Before the time since when a page has no server.
    pub(crate) page_away: &'static str,
    pub(crate) broker_away: &'static str,
    pub(crate) broker_full: &'static str,
    /// With and without a time.
    pub(crate) offline: (&'static str, &'static str),
    pub(crate) silent: &'static str,
    pub(crate) not_recorded: &'static str,
    pub(crate) nothing_yet: &'static str,
    pub(crate) counted_twice: &'static str,
    pub(crate) no_clock: &'static str,
    pub(crate) alarm: &'static str,
    /// States of a meter on the status page.
    pub(crate) is_catching_up: &'static str,
    pub(crate) is_silent: &'static str,
    pub(crate) is_not_recorded: &'static str,
    pub(crate) has_nothing_yet: &'static str,
    /// Opens the meters that are well; `n` is how many.
    pub(crate) well_meters: (&'static str, &'static str),
    /// Heading, and its columns.
    pub(crate) alarms: &'static str,
    pub(crate) alarm_name: &'static str,
    pub(crate) state: &'static str,
    pub(crate) since: &'static str,
    pub(crate) said: &'static str,
    pub(crate) raised: &'static str,
    pub(crate) over: &'static str,
    pub(crate) quiet: &'static str,
    /// Link from a meter to what counts it.
    pub(crate) of_meter: &'static str,
}

pub(super) static ENGLISH: HealthWords = HealthWords {
    all_well: "All is well.",
    well_since: "All is well. No minute has been missing since {t}.",
    catching_up: "All is well. Earlier minutes are still arriving.",
    problems: ("1 problem", "{n} problems"),
    more: "and {n} more",
    page_away: "This page has lost its connection to the server. What you see is from",
    broker_away: "The broker has been out of reach since {t}, so nothing here is up to date. The meters count on and send it later.",
    broker_full: "The broker's disk is full. The meters count on and send it later.",
    offline: (
        "{m}: no connection since {t}. If counting goes on there, the gap will fill by itself.",
        "{m}: no connection. If counting goes on there, the gap will fill by itself.",
    ),
    silent: "{m}: no values since {t}.",
    not_recorded: "{m}: values arrive, but nothing has been recorded since {t}.",
    nothing_yet: "{m}: nothing has been recorded yet.",
    counted_twice: "{m}: counted twice, by two devices.",
    no_clock: "{m}: the clock of the device that counts has not been set yet; until then nothing can be recorded.",
    alarm: "Alarm “{a}”, {m}",
    is_catching_up: "earlier minutes are arriving",
    is_silent: "no values",
    is_not_recorded: "not being recorded",
    has_nothing_yet: "nothing recorded yet",
    well_meters: ("1 meter without problems", "{n} meters without problems"),
    alarms: "Alarms",
    alarm_name: "Alarm",
    state: "State",
    since: "Since",
    said: "Last notice",
    raised: "raised",
    over: "over",
    quiet: "never raised",
    of_meter: "How counting is going",
};

pub(super) static GERMAN: HealthWords = HealthWords {
    all_well: "Alles in Ordnung.",
    well_since: "Alles in Ordnung. Seit {t} fehlt keine Minute.",
    catching_up: "Alles in Ordnung. Frühere Minuten kommen gerade noch an.",
    problems: ("1 Problem", "{n} Probleme"),
    more: "und {n} weitere",
    page_away: "Diese Seite hat keine Verbindung zum Server mehr. Der Stand ist von",
    broker_away: "Der Broker ist seit {t} nicht erreichbar, deshalb ist hier nichts aktuell. Die Zähler zählen weiter und senden es später.",
    broker_full: "Der Speicher des Brokers ist voll. Die Zähler zählen weiter und senden es später.",
    offline: (
        "{m}: keine Verbindung seit {t}. Wird dort weitergezählt, schließt sich die Lücke von selbst.",
        "{m}: keine Verbindung. Wird dort weitergezählt, schließt sich die Lücke von selbst.",
    ),
    silent: "{m}: keine Werte seit {t}.",
    not_recorded: "{m}: Es kommen Werte, aber seit {t} wird nichts aufgezeichnet.",
    nothing_yet: "{m}: Noch wurde nichts aufgezeichnet.",
    counted_twice: "{m}: wird von zwei Geräten gezählt, also doppelt.",
    no_clock: "{m}: Die Uhr des Zählrechners ist noch nicht gestellt; so lange kann nichts aufgezeichnet werden.",
    alarm: "Alarm „{a}“, {m}",
    is_catching_up: "frühere Minuten kommen an",
    is_silent: "keine Werte",
    is_not_recorded: "wird nicht aufgezeichnet",
    has_nothing_yet: "noch nichts aufgezeichnet",
    well_meters: ("1 Zähler ohne Probleme", "{n} Zähler ohne Probleme"),
    alarms: "Alarme",
    alarm_name: "Alarm",
    state: "Zustand",
    since: "Seit",
    said: "Letzte Meldung",
    raised: "ausgelöst",
    over: "vorbei",
    quiet: "noch nie ausgelöst",
    of_meter: "So läuft das Zählen",
};
