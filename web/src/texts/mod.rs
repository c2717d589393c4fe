//! Every word that people read, in their language; and how they are used to
//! numbers and dates. A further language is one more file here and a line in
//! `language.rs`.

mod bill;
mod chart;
mod corrections;
mod dates;
mod english;
mod first;
mod german;
mod health;
mod house;
mod language;
mod measure;
mod meter;
mod patterns;
mod period;
mod questions;
mod readings;
mod refusals;
mod settings;
mod sharing;
mod sign_in;
mod status;

use jiff::civil::{Date, DateTime};
use meter_figures::LikeForLike;
use meter_ledger::GapReason;
use meter_messages::{Measures, PeriodKind, Unit};
use meter_rrd::Words;

pub(crate) use bill::BillWords;
pub(crate) use chart::ChartWords;
pub(crate) use corrections::CorrectionWords;
pub(crate) use first::FirstWords;
pub(crate) use health::HealthWords;
pub(crate) use house::HouseWords;
pub(crate) use language::Language;
pub(crate) use measure::Measure;
pub(crate) use meter::MeterWords;
use patterns::Patterns;
pub(crate) use patterns::hour;
pub(crate) use period::PeriodWords;
pub(crate) use questions::QuestionWords;
pub(crate) use readings::ReadingWords;
pub(crate) use refusals::RefusalWords;
pub(crate) use settings::SettingsWords;
pub(crate) use sharing::SharingWords;
pub(crate) use sign_in::SignInWords;
pub(crate) use status::StatusWords;

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
    /// Names of the months, long and short.
    months: [(&'static str, &'static str); 12],
    /// Names of the days of the week from Monday on, long and short.
    weekdays: [(&'static str, &'static str); 7],
    /// Patterns of dates, see [`Texts::date`].
    patterns: Patterns,
    /// The words of pictures.
    pub(crate) graph: Words,
    /// Words of meters that count energy.
    energy: Measure,
    /// Words of meters that count a volume.
    volume: Measure,
    /// Words of all meters together.
    pub(crate) house: &'static HouseWords,
    /// The page of corrections.
    pub(crate) correcting: &'static CorrectionWords,
    /// The first page, before there is a meter.
    pub(crate) first: &'static FirstWords,
    /// The pages of settings.
    pub(crate) settings: &'static SettingsWords,
    /// Words of the interactive chart.
    pub(crate) chart: &'static ChartWords,
    /// Words of what somebody shows others.
    pub(crate) sharing: &'static SharingWords,
    /// Words of the verdict on the whole.
    pub(crate) health: &'static HealthWords,
    /// Words of a bill: what a time costs, line by line.
    pub(crate) billing: &'static BillWords,
    /// Words of the page of readings.
    pub(crate) entering: &'static ReadingWords,
    /// Words of the status page.
    pub(crate) machinery: &'static StatusWords,
    /// Words around signing in.
    pub(crate) signing_in: &'static SignInWords,
    /// Words of pages that stand in for others.
    pub(crate) refusing: &'static RefusalWords,
    /// Words of a page of a period.
    pub(crate) period: &'static PeriodWords,
    /// Words of a meter's page.
    pub(crate) meter: &'static MeterWords,
    /// Words of the pages that answer a question.
    pub(crate) asking: &'static QuestionWords,
    /// Names of the spans of pictures, from hour to year.
    spans: [&'static str; 5],
    /// All meters, as a heading and a link.
    pub(crate) all_meters: &'static str,
    /// The page about the machinery.
    pub(crate) status: &'static str,
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
    /// The same part of the day before.
    pub(crate) yesterday_by_now: &'static str,
    /// Energy of the month in progress.
    pub(crate) month: &'static str,
    /// Before what the month will come to.
    pub(crate) month_expected: &'static str,
    /// The running count.
    pub(crate) reading: &'static str,
    /// The newest minute in the ledger.
    pub(crate) recorded_until: &'static str,
    /// Figure: what energy costs.
    pub(crate) cost: &'static str,
    /// Column: of the cost, the base fee.
    pub(crate) base_fee: &'static str,
    /// Column: what a kWh cost.
    pub(crate) price: &'static str,
    /// Column: energy without a price.
    pub(crate) unpriced: &'static str,
    /// What a kWh cost in the mean. In braces: `p` is the price, `c` its currency.
    mean_price: &'static str,
    /// For how much energy no price is known. In braces: `q` is how many kWh.
    no_price_for: &'static str,
    /// Column: when a step begins.
    pub(crate) begin: &'static str,
    /// Column: how much of a step was recorded.
    pub(crate) recorded: &'static str,
    /// Column.
    pub(crate) pulses: &'static str,
    /// Column, and heading of the table of gaps.
    pub(crate) not_watched: &'static str,
    /// Legend of times of which only the sum is known.
    pub(crate) only_sum: &'static str,
    /// Legend of the time that somebody has corrected.
    pub(crate) corrected: &'static str,
    /// Heading of the list of corrections.
    pub(crate) corrections: &'static str,
    /// What they are.
    pub(crate) corrections_mean: &'static str,
    /// That only the sums of times of up to {l} are known.
    imported: &'static str,
    /// Legend of hatched time.
    pub(crate) unwatched: &'static str,
    /// Heading of the interactive chart.
    pub(crate) explore: &'static str,
    /// How to use it.
    pub(crate) explore_hint: &'static str,
    /// Heading of the links to pictures.
    pub(crate) pictures: &'static str,
    /// Opens the table behind a chart.
    pub(crate) table: &'static str,
    /// Column.
    pub(crate) time: &'static str,
    /// Figure: how much of the time was watched.
    pub(crate) watched: &'static str,
    /// An hour.
    pub(crate) hour: &'static str,
    /// A day.
    pub(crate) day: &'static str,
    /// A week.
    pub(crate) week: &'static str,
    /// A month.
    pub(crate) month_name: &'static str,
    /// A year.
    pub(crate) year: &'static str,
    /// All that was recorded.
    pub(crate) everything: &'static str,
    /// Names the links to periods.
    pub(crate) periods: &'static str,
    /// Label of the date picker.
    pub(crate) date: &'static str,
    /// Its button.
    pub(crate) go: &'static str,
    /// Link.
    pub(crate) earlier: &'static str,
    /// Link.
    pub(crate) later: &'static str,
    /// Before what this period has in those.
    pub(crate) here: &'static str,
    /// Of a period in progress.
    pub(crate) not_over: &'static str,
    /// Of several meters.
    pub(crate) sum: &'static str,
    /// Link to the page for a wall.
    pub(crate) kiosk: &'static str,
    /// State.
    pub(crate) unknown: &'static str,
    /// Heading of the links to files.
    pub(crate) downloads: &'static str,
    /// Rows of a file: each minute, hour, day, month.
    pub(crate) steps: [&'static str; 4],
    /// What the file for Home Assistant has.
    pub(crate) home_assistant: &'static str,
    /// Link to how that is taken in there.
    pub(crate) home_assistant_how: &'static str,
    /// Names the charts.
    pub(crate) history: &'static str,
    /// Before the alternatives to a page.
    pub(crate) data: &'static str,
    /// Names the links to languages.
    pub(crate) language: &'static str,
    /// First link of a page, for keyboards.
    pub(crate) skip: &'static str,
    /// Link to the same page, where no script renews it.
    pub(crate) reload: &'static str,
    /// Page of what people read off the meter, and the link to it.
    pub(crate) readings: &'static str,
    /// No meter is in the ledger.
    pub(crate) no_meters: &'static str,
}

impl Texts {
    /// The words of a meter that counts in that unit.
    pub(crate) fn measure(&self, unit: Unit) -> &Measure {
        match unit {
            Unit::KilowattHour => &self.energy,
            Unit::CubicMetre => &self.volume,
        }
    }

    /// What an amount is of a meter that measures this: a cost, or what is paid for what is fed in.
    pub(crate) fn amount_of(&self, measures: Measures) -> &'static str {
        match measures {
            Measures::Export => self.house.earned,
            Measures::Import | Measures::Production | Measures::Consumption => self.cost,
        }
    }

    /// What a list of its amounts is called.
    pub(crate) fn bill_of(&self, measures: Measures) -> &'static str {
        match measures {
            Measures::Export => self.billing.bill_of_feed_in,
            Measures::Import | Measures::Production | Measures::Consumption => self.billing.bill,
        }
    }

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

    /// An amount of money, to the cent.
    pub(crate) fn amount(&self, amount: f64, currency: &str) -> String {
        format!("{}\u{a0}{currency}", self.number(amount, 2))
    }

    /// What a kWh cost in the mean.
    pub(crate) fn mean_price(&self, price: f64, currency: &str) -> String {
        self.mean_price.replace("{p}", &self.number(price, 4)).replace("{c}", currency)
    }

    /// A rate of value-added tax.
    pub(crate) fn vat(&self, percent: f64) -> String {
        let decimals = if percent.fract() == 0.0 { 0 } else { 1 };
        self.billing.vat.replace("{p}", &self.number(percent, decimals))
    }

    /// What a line is for, of one of several tariffs.
    pub(crate) fn item_since(&self, item: &str, first: Date) -> String {
        self.billing.item_since.replace("{i}", item).replace("{d}", &self.short_date(first))
    }

    /// For how many kWh no price is known.
    pub(crate) fn unpriced(&self, quantity: f64) -> String {
        self.no_price_for.replace("{q}", &self.number(quantity, 3))
    }

    /// Carbon dioxide, given in grams.
    pub(crate) fn co2(&self, g: f64) -> String {
        let kg = g / 1000.0;
        format!("{}\u{a0}kg\u{a0}CO₂", self.number(kg, if kg < 10.0 { 1 } else { 0 }))
    }

    /// Why a time was not watched.
    pub(crate) fn gap_reason(&self, reason: GapReason) -> &'static str {
        self.meter.reasons[match reason {
            GapReason::NotRunning => 0,
            GapReason::NewOutbox => 1,
            GapReason::Lost => 2,
            GapReason::Awaited => 3,
            GapReason::Unknown => 4,
            GapReason::Void => 5,
        }]
    }

    /// A length of time, in its two largest units.
    pub(crate) fn length(seconds: u64) -> String {
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        match (days, hours, minutes) {
            (0, 0, 0) => format!("{seconds}\u{a0}s"),
            (0, 0, minutes) => format!("{minutes}\u{a0}min"),
            (0, hours, minutes) => format!("{hours}\u{a0}h {minutes}\u{a0}min"),
            (days, hours, _) => format!("{days}\u{a0}d {hours}\u{a0}h"),
        }
    }

    /// That something was imported of which only the sums of up to so many minutes are known; `None` for one.
    pub(crate) fn imported_in_steps(&self, minutes: u32) -> Option<String> {
        (minutes > 1).then(|| self.imported.replace("{l}", &Self::length(60 * u64::from(minutes))))
    }

    /// A day and a time of day.
    pub(crate) fn moment(&self, at: DateTime) -> String {
        jiff::fmt::strtime::format(self.moment, at).unwrap_or_default()
    }

    /// What a span is called.
    pub(crate) fn span(&self, span: PeriodKind) -> &'static str {
        self.spans[span as usize]
    }

    /// What a kind of period is called.
    pub(crate) fn kind(&self, kind: PeriodKind) -> &'static str {
        match kind {
            PeriodKind::Hour => self.hour,
            PeriodKind::Day => self.day,
            PeriodKind::Week => self.week,
            PeriodKind::Month => self.month_name,
            PeriodKind::Year => self.year,
        }
    }

    /// How much of two periods could be compared, of a kind; `None` if all of it.
    pub(crate) fn compared(&self, kind: PeriodKind, both: &LikeForLike) -> Option<String> {
        let (piece, minutes) = match kind {
            // Pieces of an hour have five minutes.
            PeriodKind::Hour => (self.period.pieces[0], 5),
            PeriodKind::Day | PeriodKind::Week | PeriodKind::Month => (self.period.pieces[1], 1),
            PeriodKind::Year => (self.period.pieces[2], 1),
        };
        let count = |pieces: usize| (pieces * minutes).to_string();
        let text =
            || self.period.compared.replace("{p}", &count(both.pieces)).replace("{a}", &count(both.of));
        (!both.is_whole()).then(|| text().replace("{u}", piece))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_are_used_to() {
        assert_eq!(german::TEXTS.number(12345.678, 3), "12.345,678");
        assert_eq!(english::TEXTS.number(1_234_567.0, 0), "1,234,567");
        assert_eq!(english::TEXTS.number(-12.34, 1), "−12.3");
        assert_eq!(english::TEXTS.number(-0.04, 1), "0.0");
        assert_eq!(german::TEXTS.number(999.9996, 3), "1.000,000");
    }
}
