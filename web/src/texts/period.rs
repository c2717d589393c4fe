//! The words of a page of a period.

use meter_figures::CapacityOf;

/// What the page of an hour, a day, a week, a month, a year or of everything says.
#[derive(Debug)]
pub(crate) struct PeriodWords {
    /// Figure: the strongest minute.
    pub(crate) highest_minute: &'static str,
    /// The strongest quarter of an hour.
    pub(crate) highest_quarter: &'static str,
    /// The same of all that a site takes in.
    pub(super) highest_quarter_of_site: &'static str,
    /// Below it.
    pub(crate) of_the_time: &'static str,
    /// Heading and button.
    pub(crate) compare: &'static str,
    /// Label.
    pub(crate) compare_with: &'static str,
    /// The period before.
    pub(crate) before_it: &'static str,
    /// The same a year before.
    pub(crate) a_year_before: &'static str,
    /// Ends a comparison.
    pub(crate) no_comparison: &'static str,
    /// Beside what is compared with a period in progress.
    pub(crate) by_then: &'static str,
    /// Where not all of two periods could be compared. In braces: `p` is how many pieces were, `a` of how many,
    /// `u` what they are.
    pub(super) compared: &'static str,
    /// Before what a period cannot be compared with.
    pub(crate) incomparable: &'static str,
    /// Many of what is compared: minutes, hours, days.
    pub(super) pieces: [&'static str; 3],
    /// Heading.
    pub(crate) top_days: &'static str,
    /// Heading.
    pub(crate) heat_map: &'static str,
    /// A period without a minute.
    pub(crate) nothing_here: &'static str,
}

impl PeriodWords {
    /// The strongest quarter of an hour of a meter, or of the whole site.
    pub(crate) fn highest_quarter_of(&self, of: CapacityOf) -> &'static str {
        match of {
            CapacityOf::Meter => self.highest_quarter,
            CapacityOf::Site => self.highest_quarter_of_site,
        }
    }
}

pub(super) static ENGLISH: PeriodWords = PeriodWords {
    highest_minute: "Peak minute",
    highest_quarter: "Highest quarter-hour",
    highest_quarter_of_site: "Highest quarter-hour of all meters together",
    of_the_time: "of the time",
    compare: "Compare",
    compare_with: "Compare with",
    before_it: "the period before",
    a_year_before: "the same period a year earlier",
    no_comparison: "no comparison",
    by_then: "by the same time",
    compared: "Compared: {p} of {a} {u} that were watched both times",
    incomparable: "No time was watched in both: there is nothing to compare with",
    pieces: ["minutes", "hours", "days"],
    top_days: "Top days",
    heat_map: "Hours of the year",
    nothing_here: "Nothing was recorded in this period.",
};

pub(super) static GERMAN: PeriodWords = PeriodWords {
    highest_minute: "Stärkste Minute",
    highest_quarter: "Höchste Viertelstunde",
    highest_quarter_of_site: "Höchste Viertelstunde aller Zähler zusammen",
    of_the_time: "der Zeit",
    compare: "Vergleichen",
    compare_with: "Vergleichen mit",
    before_it: "dem Zeitraum davor",
    a_year_before: "demselben Zeitraum im Vorjahr",
    no_comparison: "ohne Vergleich",
    by_then: "bis zum selben Zeitpunkt",
    compared: "Verglichen: {p} von {a} {u}, die beide Male beobachtet wurden",
    incomparable: "Keine Zeit wurde in beiden beobachtet, also gibt es nichts zu vergleichen mit",
    pieces: ["Minuten", "Stunden", "Tagen"],
    top_days: "Stärkste Tage",
    heat_map: "Stunden des Jahres",
    nothing_here: "In diesem Zeitraum wurde nichts aufgezeichnet.",
};
