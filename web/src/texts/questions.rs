//! The words of pages that answer a question: how a day goes, and what flows even at night.

use super::Texts;

/// What the pages of questions say.
#[derive(Debug)]
pub(crate) struct QuestionWords {
    /// Title, and the link to it.
    pub(crate) profile: &'static str,
    /// Below the link, and in place of a period.
    pub(crate) last_weeks: &'static str,
    /// Before the time, in the link to its page.
    pub(crate) all_figures: &'static str,
    pub(crate) weekdays: &'static str,
    pub(crate) weekends: &'static str,
    /// Behind a quantity.
    pub(crate) a_day: &'static str,
    /// Legends of the bands behind.
    pub(crate) cheap: &'static str,
    pub(crate) dear: &'static str,
    /// Figure: the hour of the clock in which most is used, and that which costs most.
    pub(crate) strongest_of_day: &'static str,
    pub(crate) dearest_of_day: &'static str,
    /// Below it.
    pub(crate) on_average: &'static str,
    pub(crate) in_all: &'static str,
    /// Headings.
    pub(crate) by_price: &'static str,
    pub(crate) strongest: &'static str,
    /// Column.
    pub(crate) hour_of_day: &'static str,
    /// In place of prices of the day, which are many.
    pub(crate) at_day_prices: &'static str,
    /// What costs do not include.
    pub(crate) without_fees: &'static str,
    /// That hours which are not known one by one are left out.
    pub(crate) left_out: &'static str,
    /// Link to the base load's page.
    pub(crate) over_a_year: &'static str,
    pub(crate) now: &'static str,
    /// What it is.
    pub(crate) base_load_is: &'static str,
    /// Figures, and behind how much of the mean use that is, in percent.
    pub(crate) in_a_year: &'static str,
    pub(crate) of_all_used: &'static str,
    /// Behind a price. In braces: `p` is the price, `c` the currency, `u` the unit.
    pub(super) at_mean_price: &'static str,
    /// Legends.
    pub(crate) each_night: &'static str,
    pub(crate) middle_of_nights: &'static str,
    /// Heading of what has changed, and one such change. In braces: `r` is how much, `d` the day, `q` what that is a
    /// year.
    pub(crate) changes: &'static str,
    pub(crate) no_changes: &'static str,
    pub(super) change: &'static str,
    pub(super) change_a_year: &'static str,
    /// Where there are no nights.
    pub(crate) no_nights: &'static str,
}

impl Texts {
    /// At what a unit is reckoned.
    pub(crate) fn at_mean_price(&self, price: f64, currency: &str, unit: &str) -> String {
        let text = self.asking.at_mean_price.replace("{p}", &self.number(price, 4));
        text.replace("{c}", currency).replace("{u}", unit)
    }

    /// That more or less flows since a day.
    pub(crate) fn change_since(&self, rate: &str, day: &str) -> String {
        self.asking.change.replace("{r}", rate).replace("{d}", day)
    }

    /// What a change comes to in a year.
    pub(crate) fn change_a_year(&self, quantity: &str) -> String {
        self.asking.change_a_year.replace("{q}", quantity)
    }
}

pub(super) static ENGLISH: QuestionWords = QuestionWords {
    profile: "Day profile",
    last_weeks: "last four weeks",
    all_figures: "All figures",
    weekdays: "Monday to Friday",
    weekends: "Saturday and Sunday",
    a_day: "a day",
    cheap: "cheaper hours",
    dear: "more expensive hours",
    strongest_of_day: "Peak hour of the day",
    dearest_of_day: "Most expensive hour of the day",
    on_average: "on average",
    in_all: "in total",
    by_price: "By price",
    strongest: "Peak hours",
    hour_of_day: "Hour of the day",
    at_day_prices: "price of the day",
    without_fees: "Amounts here are for the quantity only, without base fees or capacity charges.",
    left_out: "Hours that are known only as part of a longer total, because they were imported or corrected, are left out of charts and hourly figures.",
    over_a_year: "over the year",
    now: "Now",
    base_load_is: "The quietest hour of each night: what runs around the clock.",
    in_a_year: "In a year",
    of_all_used: "of average use in the last twelve months",
    at_mean_price: "at {p}\u{a0}{c}/{u} on average",
    each_night: "each night",
    middle_of_nights: "median of seven nights",
    changes: "What has changed",
    no_changes: "Nothing that stands out from the ups and downs of single nights.",
    change: "{r} since {d}",
    change_a_year: "{q} a year",
    no_nights: "No night of the last twelve months has been recorded.",
};

pub(super) static GERMAN: QuestionWords = QuestionWords {
    profile: "Tagesverlauf",
    last_weeks: "letzte vier Wochen",
    all_figures: "Alle Zahlen",
    weekdays: "Montag bis Freitag",
    weekends: "Samstag und Sonntag",
    a_day: "am Tag",
    cheap: "günstigere Stunden",
    dear: "teurere Stunden",
    strongest_of_day: "Stärkste Stunde des Tages",
    dearest_of_day: "Teuerste Stunde des Tages",
    on_average: "im Mittel",
    in_all: "insgesamt",
    by_price: "Nach Preisen",
    strongest: "Stärkste Stunden",
    hour_of_day: "Uhrzeit",
    at_day_prices: "Tagespreis",
    without_fees: "Die Beträge hier gelten nur für die Menge, ohne Grundgebühr und Leistungspreis.",
    left_out: "Stunden, die wegen eines Imports oder einer Korrektur nur als Teil einer längeren Summe bekannt sind, fehlen in Diagrammen und Stundenwerten.",
    over_a_year: "im Lauf des Jahres",
    now: "Jetzt",
    base_load_is: "Die ruhigste Stunde jeder Nacht: das, was rund um die Uhr läuft.",
    in_a_year: "Im Jahr",
    of_all_used: "des mittleren Verbrauchs der letzten zwölf Monate",
    at_mean_price: "bei {p}\u{a0}{c}/{u} im Mittel",
    each_night: "jede Nacht",
    middle_of_nights: "Median aus sieben Nächten",
    changes: "Was sich geändert hat",
    no_changes: "Nichts, was aus dem Auf und Ab einzelner Nächte heraussticht.",
    change: "{r} seit {d}",
    change_a_year: "{q} im Jahr",
    no_nights: "Aus den letzten zwölf Monaten ist keine Nacht aufgezeichnet.",
};
