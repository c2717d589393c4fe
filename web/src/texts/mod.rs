//! Every word that people read, in their language; and how they are used to
//! numbers and dates. A further language is one more constant here.

use jiff::civil::DateTime;
use meter_rrd::{Span, Words};

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    /// For everybody else.
    English,
    /// Deutsch.
    German,
}

impl Language {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language of a code like `de` or `de-AT`.
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        let primary = code.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        Self::ALL.into_iter().find(|language| language.texts().code == primary)
    }

    /// The one a browser likes best, by its `Accept-Language`.
    pub(crate) fn preferred(accept_language: &str) -> Self {
        let weighted = accept_language.split(',').filter_map(|choice| {
            let (code, weight) = choice.split_once(";q=").unwrap_or((choice, "1"));
            let weight: f32 = weight.trim().parse().ok().filter(|weight| *weight > 0.0)?;
            Some((Self::of_code(code)?, weight))
        });
        // The first of those with the same weight.
        weighted
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .map_or(Self::English, |(it, _)| it)
    }

    /// Its words.
    pub(crate) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }
}

/// A language's words.
#[derive(Debug)]
pub(crate) struct Texts {
    /// As in HTML's `lang`.
    pub(crate) code: &'static str,
    /// What it calls itself.
    pub(crate) name: &'static str,
    decimal: char,
    thousands: char,
    moment: &'static str,
    /// The words of pictures.
    pub(crate) graph: Words,
    /// Names of the spans, from hour to year.
    spans: [&'static str; 5],
    /// All meters, as a heading and a link.
    pub(crate) all_meters: &'static str,
    /// Before the value of now, for those who do not see it.
    pub(crate) power_now: &'static str,
    /// State: a value that is up to date.
    pub(crate) live: &'static str,
    /// State: a value that is not.
    pub(crate) stale: &'static str,
    /// State: the publisher has gone.
    pub(crate) offline: &'static str,
    /// State: no value has come.
    pub(crate) no_value: &'static str,
    /// Energy of the day in progress.
    pub(crate) today: &'static str,
    /// Energy of the day before.
    pub(crate) yesterday: &'static str,
    /// The same part of the day before.
    pub(crate) yesterday_by_now: &'static str,
    /// Beside a difference in percent.
    pub(crate) than_yesterday: &'static str,
    /// Energy of the month in progress.
    pub(crate) month: &'static str,
    /// The running count.
    pub(crate) reading: &'static str,
    /// The newest minute in the ledger.
    pub(crate) recorded_until: &'static str,
    /// Where nothing is.
    pub(crate) nothing_recorded: &'static str,
    /// Heading of the pictures.
    pub(crate) history: &'static str,
    /// Before the alternatives to a page.
    pub(crate) data: &'static str,
    /// Title of the page for what does not exist.
    pub(crate) not_found: &'static str,
    /// And what to do then.
    pub(crate) not_found_advice: &'static str,
    /// Title of the page while there is no ledger.
    pub(crate) not_yet: &'static str,
    /// And what to do then.
    pub(crate) not_yet_advice: &'static str,
    /// Link to the first page.
    pub(crate) to_start: &'static str,
    /// No meter is in the ledger.
    pub(crate) no_meters: &'static str,
    /// For those who cannot see a picture: what it says.
    pub(crate) power_graph: &'static str,
    /// For those who cannot see a picture: what it says.
    pub(crate) energy_graph: &'static str,
}

impl Texts {
    /// A number with so many decimals.
    pub(crate) fn number(&self, value: f64, decimals: usize) -> String {
        let plain = format!("{:.decimals$}", value.abs());
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let mut text = String::new();
        if value < 0.0 && plain.contains(|digit: char| ('1'..='9').contains(&digit)) {
            text.push('−');
        }
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index) % 3 == 0 {
                text.push(self.thousands);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(self.decimal);
            text.push_str(fraction);
        }
        text
    }

    /// A day and a time of day.
    pub(crate) fn moment(&self, at: DateTime) -> String {
        jiff::fmt::strtime::format(self.moment, at).unwrap_or_default()
    }

    /// What a span is called.
    pub(crate) fn span(&self, span: Span) -> &'static str {
        self.spans[span as usize]
    }
}

static ENGLISH: Texts = Texts {
    code: "en",
    name: "English",
    decimal: '.',
    thousands: ',',
    moment: "%-d %b %Y, %H:%M",
    graph: Words {
        power: "Power",
        peak: "Peak",
        latest: "latest",
        mean: "mean",
        highest: "highest",
        total: "total",
        day: "Each day",
        today: "Today so far",
        trend: "Mean of 14 days",
        kwh_per_day: "kWh/day",
        number: |value, decimals| ENGLISH.number(value, decimals),
        weekday_format: "%a %-d %b",
        day_format: "%-d %b",
        month_format: "%b",
    },
    spans: ["Last hour", "24 hours", "7 days", "30 days", "One year"],
    all_meters: "Meters",
    power_now: "Power now",
    live: "live",
    stale: "not up to date",
    offline: "meter offline",
    no_value: "no live value",
    today: "Today",
    yesterday: "yesterday",
    yesterday_by_now: "Yesterday by this time",
    than_yesterday: "against yesterday",
    month: "This month",
    reading: "Meter reading",
    recorded_until: "until",
    nothing_recorded: "Nothing recorded yet",
    history: "History",
    data: "Data",
    not_found: "There is nothing here",
    not_found_advice: "The address may be mistyped, or the meter has another name now.",
    not_yet: "No ledger yet",
    not_yet_advice: "The recorder has not written anything so far, or this server cannot read it. This page tries again by itself.",
    to_start: "To the start",
    no_meters: "No meter has been recorded yet. The first minute will appear here by itself.",
    power_graph: "Power over time",
    energy_graph: "Energy of each day",
};

static GERMAN: Texts = Texts {
    code: "de",
    name: "Deutsch",
    decimal: ',',
    thousands: '.',
    moment: "%-d.%-m.%Y, %H:%M",
    graph: Words {
        power: "Leistung",
        peak: "Spitze",
        latest: "zuletzt",
        mean: "Ø",
        highest: "höchste",
        total: "gesamt",
        day: "Je Tag",
        today: "Heute bisher",
        trend: "Mittel aus 14 Tagen",
        kwh_per_day: "kWh/Tag",
        number: |value, decimals| GERMAN.number(value, decimals),
        weekday_format: "%-d.%-m.",
        day_format: "%-d.%-m.",
        month_format: "%-m/%y",
    },
    spans: ["Letzte Stunde", "24 Stunden", "7 Tage", "30 Tage", "Ein Jahr"],
    all_meters: "Zähler",
    power_now: "Leistung jetzt",
    live: "live",
    stale: "nicht aktuell",
    offline: "Zähler offline",
    no_value: "kein Live-Wert",
    today: "Heute",
    yesterday: "gestern",
    yesterday_by_now: "Gestern bis jetzt",
    than_yesterday: "gegenüber gestern",
    month: "Dieser Monat",
    reading: "Zählerstand",
    recorded_until: "bis",
    nothing_recorded: "Noch nichts aufgezeichnet",
    history: "Verlauf",
    data: "Daten",
    not_found: "Hier ist nichts",
    not_found_advice: "Vielleicht ist die Adresse vertippt, oder der Zähler heißt inzwischen anders.",
    not_yet: "Noch kein Zählbuch",
    not_yet_advice: "Der Rekorder hat noch nichts geschrieben, oder dieser Server darf es nicht lesen. Die Seite versucht es von selbst wieder.",
    to_start: "Zum Anfang",
    no_meters: "Noch ist kein Zähler aufgezeichnet. Die erste Minute erscheint hier von selbst.",
    power_graph: "Leistung im Verlauf",
    energy_graph: "Energie je Tag",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_the_language_it_likes_best() {
        for (accept, expected) in [
            ("de-DE,de;q=0.9,en;q=0.8", Language::German),
            ("fr, en;q=0.5, de;q=0.7", Language::German),
            ("en-GB, de", Language::English),
            ("de;q=0", Language::English),
            ("fr", Language::English),
            (";q=,,;;=é", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::preferred(accept), expected, "{accept}");
        }
    }

    #[test]
    fn numbers_are_written_as_people_are_used_to() {
        assert_eq!(GERMAN.number(12345.678, 3), "12.345,678");
        assert_eq!(ENGLISH.number(1_234_567.0, 0), "1,234,567");
        assert_eq!(ENGLISH.number(-12.34, 1), "−12.3");
        assert_eq!(ENGLISH.number(-0.04, 1), "0.0");
        assert_eq!(GERMAN.number(999.9996, 3), "1.000,000");
    }
}
