//! Every word that people read, in their language; and how they are used to
//! numbers and dates. A further language is one more file here and a line in
//! `language.rs`.

mod chart;
mod corrections;
mod english;
mod german;
mod health;
mod house;
mod language;
mod measure;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use meter_figures::{LikeForLike, Period, local};
use meter_ledger::GapReason;
use meter_messages::{Measures, PeriodKind, Unit};
use meter_rrd::Words;

pub(crate) use chart::ChartWords;
pub(crate) use corrections::CorrectionWords;
pub(crate) use health::HealthWords;
pub(crate) use house::HouseWords;
pub(crate) use language::Language;
pub(crate) use measure::Measure;

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
    pub(crate) house: HouseWords,
    /// The page of corrections.
    pub(crate) correcting: &'static CorrectionWords,
    /// Words of the interactive chart.
    pub(crate) chart: &'static ChartWords,
    /// Words of the verdict on the whole.
    pub(crate) health: &'static HealthWords,
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
    /// Energy of the day before.
    pub(crate) yesterday: &'static str,
    /// The same part of the day before.
    pub(crate) yesterday_by_now: &'static str,
    /// Beside a difference in percent.
    pub(crate) than_yesterday: &'static str,
    /// Energy of the month in progress.
    pub(crate) month: &'static str,
    /// Before what the month will come to.
    pub(crate) month_expected: &'static str,
    /// Names the bar of a month against what it may take.
    pub(crate) budget: &'static str,
    /// Between its percent and the budget.
    pub(crate) of_budget: &'static str,
    /// The running count.
    pub(crate) reading: &'static str,
    /// Below it.
    pub(crate) base_load_means: &'static str,
    /// The newest minute in the ledger.
    pub(crate) recorded_until: &'static str,
    /// Where nothing is.
    pub(crate) nothing_recorded: &'static str,
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
    /// Why the line was not watched, in [`reason`](Texts::reason)'s order.
    pub(crate) reasons: [&'static str; 6],
    /// Column.
    pub(crate) reason: &'static str,
    /// Column, and heading of the table of gaps.
    pub(crate) not_watched: &'static str,
    /// Beside what a meter has counted that went from nines to zeros.
    pub(crate) rolled_over: &'static str,
    /// Where a meter shows less than before, and nothing explains it.
    pub(crate) meter_replaced: &'static str,
    /// Legend of the time that somebody has corrected.
    pub(crate) corrected: &'static str,
    /// Heading of the list of corrections.
    pub(crate) corrections: &'static str,
    /// What they are.
    pub(crate) corrections_mean: &'static str,
    /// Where somebody has said that it is another meter.
    pub(crate) another_meter: &'static str,
    /// Label: it is another meter since the reading before.
    pub(crate) was_replaced: &'static str,
    /// Where the meter's publisher says a reading: how it is taken back.
    pub(crate) of_publisher: &'static str,
    /// That only the sums of times of up to {l} are known.
    imported: &'static str,
    /// Heading of minutes that cannot be.
    pub(crate) implausible: &'static str,
    /// Why, after what the meter can have.
    pub(crate) implausible_means: &'static str,
    /// Before the command that corrects them.
    pub(crate) implausible_then: &'static str,
    /// The reason in that command.
    pub(crate) bounces: &'static str,
    /// Heading of the curve.
    pub(crate) last_day: &'static str,
    /// Legend of the curve behind it.
    pub(crate) day_before: &'static str,
    /// Legend of hatched time.
    pub(crate) unwatched: &'static str,
    /// Heading of the bars of days.
    pub(crate) last_days: &'static str,
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
    /// Figure: the strongest minute.
    pub(crate) highest_minute: &'static str,
    /// The strongest quarter of an hour.
    pub(crate) highest_quarter: &'static str,
    /// Figure: how much of the time was watched.
    pub(crate) watched: &'static str,
    /// Below it.
    pub(crate) of_the_time: &'static str,
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
    compared: &'static str,
    /// Before what a period cannot be compared with.
    pub(crate) incomparable: &'static str,
    /// Many of what is compared: minutes, hours, days.
    pieces: [&'static str; 3],
    /// Before what this period has in those.
    pub(crate) here: &'static str,
    /// Heading.
    pub(crate) top_days: &'static str,
    /// Heading.
    pub(crate) heat_map: &'static str,
    /// A period without a minute.
    pub(crate) nothing_here: &'static str,
    /// Of a period in progress.
    pub(crate) not_over: &'static str,
    /// Of several meters.
    pub(crate) sum: &'static str,
    /// Link to the page for a wall.
    pub(crate) kiosk: &'static str,
    /// Heading.
    pub(crate) publishers: &'static str,
    /// Heading.
    pub(crate) machine: &'static str,
    /// State.
    pub(crate) online: &'static str,
    /// State.
    pub(crate) gone: &'static str,
    /// State.
    pub(crate) unknown: &'static str,
    /// Column.
    pub(crate) clock: &'static str,
    /// State of a clock.
    pub(crate) clock_synchronised: &'static str,
    /// State of a clock.
    pub(crate) clock_unsynchronised: &'static str,
    /// State of a clock.
    pub(crate) clock_simulated: &'static str,
    /// Column: minutes that wait.
    pub(crate) outbox_depth: &'static str,
    /// Unit.
    pub(crate) minutes: &'static str,
    /// Column.
    pub(crate) last_minute: &'static str,
    /// Heading of what was not taken for meters.
    pub(crate) set_aside: &'static str,
    /// Below it.
    pub(crate) set_aside_how: &'static str,
    /// Reason: minutes that are not recorded yet, because they lie too far in the future.
    pub(crate) kept_aside: &'static str,
    /// Reason: the same minute came with another count.
    pub(crate) contradicted: &'static str,
    /// Reason: more minutes of the future than are kept.
    pub(crate) too_far_ahead: &'static str,
    /// Reason: rows of the meter are damaged.
    pub(crate) damaged_rows: &'static str,
    /// Reason: as many outboxes as a meter may have.
    pub(crate) too_many_outboxes: &'static str,
    /// Reason: as many meters as a site may have.
    pub(crate) too_many_meters: &'static str,
    /// Before a moment: the last time.
    pub(crate) last_time: &'static str,
    /// What the recorder's own check of the ledger has found.
    pub(crate) ledger_checked: &'static str,
    /// It has found nothing wrong.
    pub(crate) is_sound: &'static str,
    /// After a number: what is wrong.
    pub(crate) faults: &'static str,
    /// Heading of meters that are recorded, but have not said what a pulse is.
    pub(crate) unheard_meters: &'static str,
    /// Below it.
    pub(crate) unheard_how: &'static str,
    /// Between a number of them and the last.
    pub(crate) up_to: &'static str,
    /// Column.
    pub(crate) rejected_edges: &'static str,
    /// Column.
    pub(crate) lost_edges: &'static str,
    /// Column.
    pub(crate) source: &'static str,
    /// Column and figure.
    pub(crate) version: &'static str,
    /// Figure.
    pub(crate) broker: &'static str,
    /// State.
    pub(crate) connected: &'static str,
    /// State.
    pub(crate) away: &'static str,
    /// Figure.
    pub(crate) ledger: &'static str,
    /// Figure.
    pub(crate) disk_free: &'static str,
    /// Figure: the broker's report of its store.
    pub(crate) broker_store: &'static str,
    /// Heading: what the broker keeps for whom.
    pub(crate) kept_for_whom: &'static str,
    /// How it is divided.
    pub(crate) kept_how: &'static str,
    /// Column.
    pub(crate) user: &'static str,
    /// Behind an address of clients without one.
    pub(crate) no_user: &'static str,
    /// Column.
    pub(crate) sessions: &'static str,
    /// Column.
    pub(crate) filters: &'static str,
    /// Column.
    pub(crate) retained_messages: &'static str,
    /// Column.
    pub(crate) owed_messages: &'static str,
    /// Column.
    pub(crate) memory: &'static str,
    /// Column.
    pub(crate) memory_at_most: &'static str,
    /// Column: how much of what a user may have it has.
    pub(crate) share_used: &'static str,
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
    /// Page of what a time costs, and the link to it.
    pub(crate) bill: &'static str,
    /// The same of what is paid for what is fed in.
    pub(crate) bill_of_feed_in: &'static str,
    /// What the parts of a meter took of it.
    pub(crate) parts_of_bill: &'static str,
    /// What was fed in.
    pub(crate) fed_in_of_bill: &'static str,
    /// What is left to pay without what is paid for what was fed in.
    pub(crate) rest_of_bill: &'static str,
    /// What it is, and what it is not.
    pub(crate) bill_why: &'static str,
    /// Label.
    pub(crate) first_day: &'static str,
    /// Label.
    pub(crate) last_day_of_bill: &'static str,
    /// Row: what the meter showed when it began.
    pub(crate) at_beginning: &'static str,
    /// Row: what the meter showed when it ended, or shows.
    pub(crate) at_end: &'static str,
    /// Row: what was counted in between.
    pub(crate) by_pulses_of_bill: &'static str,
    /// Column: what a line is for.
    pub(crate) item: &'static str,
    /// Line.
    pub(crate) at_day_prices: &'static str,
    /// Line.
    pub(crate) base_fee_line: &'static str,
    /// Column: without VAT.
    pub(crate) net: &'static str,
    /// The sum of these.
    pub(crate) net_sum: &'static str,
    /// Where no tariff is known.
    pub(crate) no_tariff: &'static str,
    /// A rate of value-added tax. In braces: `p` is its percent.
    vat: &'static str,
    /// A line of one of several tariffs. In braces: `i` is what it is for, `d` the tariff's first day.
    item_since: &'static str,
    /// Page of what people read off the meter, and the link to it.
    pub(crate) readings: &'static str,
    /// Heading of the form for it.
    pub(crate) enter_reading: &'static str,
    /// Label.
    pub(crate) reading_time: &'static str,
    /// Label.
    pub(crate) reading_shows: &'static str,
    /// Button.
    pub(crate) enter: &'static str,
    /// What readings are for.
    pub(crate) readings_why: &'static str,
    /// Where there are none.
    pub(crate) no_readings: &'static str,
    /// Column: energy between two readings.
    pub(crate) by_meter: &'static str,
    /// Column: the same by the pulses.
    pub(crate) by_pulses: &'static str,
    /// Column: how much the pulses are off.
    pub(crate) drift: &'static str,
    /// Column.
    pub(crate) read_by: &'static str,
    /// Column.
    pub(crate) entered_at: &'static str,
    /// After a reading was entered.
    pub(crate) reading_entered: &'static str,
    /// While the recorder has not entered it.
    pub(crate) reading_under_way: &'static str,
    /// Opens the question whether a reading was entered by mistake.
    pub(crate) take_back: &'static str,
    /// The button below.
    pub(crate) take_this_back: &'static str,
    /// After a reading was taken back.
    pub(crate) reading_taken_back: &'static str,
    /// While the recorder has not taken it out.
    pub(crate) reading_leaving_soon: &'static str,
    /// The broker has not taken it.
    pub(crate) reading_not_sent: &'static str,
    /// What was typed in is no time.
    pub(crate) reading_no_time: &'static str,
    /// It is still to come.
    pub(crate) reading_in_future: &'static str,
    /// What was typed in is no number.
    pub(crate) reading_no_number: &'static str,
    /// Link, and title of the page for those who have not logged in.
    pub(crate) log_in: &'static str,
    /// And what to do then.
    pub(crate) log_in_advice: &'static str,
    /// Label.
    pub(crate) password: &'static str,
    /// After a wrong one, or a name that is none.
    pub(crate) wrong_login: &'static str,
    /// Button.
    pub(crate) log_out: &'static str,
    /// Before the name of who has.
    pub(crate) logged_in_as: &'static str,
    /// Title of the page after too many wrong passwords.
    pub(crate) too_many_logins: &'static str,
    /// And what to do then.
    pub(crate) too_many_logins_advice: &'static str,
    /// Title of the page for users without the right.
    pub(crate) no_right: &'static str,
    /// And what to do then.
    pub(crate) no_right_advice: &'static str,
    /// Where no form for readings is: there are no users.
    pub(crate) entering_needs_users: &'static str,
    /// The same: the visitor has not logged in.
    pub(crate) entering_needs_login: &'static str,
    /// The same: the user may only look.
    pub(crate) entering_needs_right: &'static str,
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
    /// Link to the first page.
    pub(crate) to_start: &'static str,
    /// No meter is in the ledger.
    pub(crate) no_meters: &'static str,
}

/// How dates are written. In braces: `W` and `w` are the weekday long and short,
/// `M` and `m` the month, `d` and `n` the day and the month as numbers, `y` the
/// year, `k` the week.
#[derive(Debug)]
struct Patterns {
    day: &'static str,
    short_day: &'static str,
    date: &'static str,
    week: &'static str,
    month: &'static str,
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
            Measures::Export => self.bill_of_feed_in,
            Measures::Import | Measures::Production | Measures::Consumption => self.bill,
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
        self.vat.replace("{p}", &self.number(percent, decimals))
    }

    /// What a line is for, of one of several tariffs.
    pub(crate) fn item_since(&self, item: &str, first: Date) -> String {
        self.item_since.replace("{i}", item).replace("{d}", &self.short_date(first))
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
        self.reasons[match reason {
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

    /// A month's short name; January is 1.
    pub(crate) fn short_month(&self, month: i8) -> &'static str {
        self.months[(month - 1).clamp(0, 11) as usize].1
    }

    /// The months' short names, with spaces between them.
    pub(crate) fn short_months(&self) -> String {
        self.months.map(|(_, short)| short).join(" ")
    }

    /// The short name of a date's day of the week.
    pub(crate) fn short_weekday(&self, date: Date) -> &'static str {
        self.weekdays[date.weekday().to_monday_zero_offset().clamp(0, 6) as usize].1
    }

    /// A period's title.
    pub(crate) fn title(&self, period: &Period, zone: &TimeZone) -> String {
        let date = period.first_day(zone);
        match period.kind {
            PeriodKind::Hour => format!("{}, {}", self.date(self.patterns.day, date), hour(period, zone)),
            PeriodKind::Day => self.date(self.patterns.day, date),
            PeriodKind::Week => self.date(self.patterns.week, date),
            PeriodKind::Month => self.date(self.patterns.month, date),
            PeriodKind::Year => format!("{:04}", date.year()),
        }
    }

    /// How much of two periods could be compared, of a kind; `None` if all of it.
    pub(crate) fn compared(&self, kind: PeriodKind, both: &LikeForLike) -> Option<String> {
        let (piece, minutes) = match kind {
            // Pieces of an hour have five minutes.
            PeriodKind::Hour => (self.pieces[0], 5),
            PeriodKind::Day | PeriodKind::Week | PeriodKind::Month => (self.pieces[1], 1),
            PeriodKind::Year => (self.pieces[2], 1),
        };
        let count = |pieces: usize| (pieces * minutes).to_string();
        let text = || self.compared.replace("{p}", &count(both.pieces)).replace("{a}", &count(both.of));
        (!both.is_whole()).then(|| text().replace("{u}", piece))
    }

    /// A day with its weekday.
    pub(crate) fn long_day(&self, date: Date) -> String {
        self.date(self.patterns.day, date)
    }

    /// A day in few letters.
    pub(crate) fn short_day(&self, date: Date) -> String {
        self.date(self.patterns.short_day, date)
    }

    /// A day of any year, without its weekday.
    pub(crate) fn short_date(&self, date: Date) -> String {
        self.date(self.patterns.date, date)
    }

    fn date(&self, pattern: &str, date: Date) -> String {
        let month = self.months[(date.month() - 1).clamp(0, 11) as usize];
        let weekday = self.weekdays[date.weekday().to_monday_zero_offset().clamp(0, 6) as usize];
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (letter, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(&match letter {
                "W" => weekday.0.to_owned(),
                "w" => weekday.1.to_owned(),
                "M" => month.0.to_owned(),
                "m" => month.1.to_owned(),
                "d" => date.day().to_string(),
                "n" => date.month().to_string(),
                "y" => date.year().to_string(),
                "k" => date.iso_week_date().week().to_string(),
                _ => String::new(),
            });
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

/// An hour by its beginning, with its offset from UTC if the clock shows it a second time.
pub(crate) fn hour(period: &Period, zone: &TimeZone) -> String {
    let start = local(period.span.start, zone);
    match period.needed_offset(zone) {
        Some(_) => start.strftime("%H:%M (%:z)").to_string(),
        None => start.strftime("%H:%M").to_string(),
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

    #[test]
    fn dates_are_written_as_people_are_used_to() {
        let zone = TimeZone::get("Australia/Lord_Howe").unwrap();
        for (kind, name, english, german) in [
            (
                PeriodKind::Hour,
                "2026-11-24T17",
                "Tuesday, 24 November 2026, 17:00",
                "Dienstag, 24. November 2026, 17:00",
            ),
            (
                PeriodKind::Hour,
                "2026-04-05T01",
                "Sunday, 5 April 2026, 01:00",
                "Sonntag, 5. April 2026, 01:00",
            ),
            (
                PeriodKind::Hour,
                "2026-04-05T01+1030",
                "Sunday, 5 April 2026, 01:30 (+10:30)",
                "Sonntag, 5. April 2026, 01:30 (+10:30)",
            ),
            (PeriodKind::Day, "2026-11-24", "Tuesday, 24 November 2026", "Dienstag, 24. November 2026"),
            (
                PeriodKind::Week,
                "2026-W48",
                "Week 48, from 23 November 2026",
                "Woche 48, ab 23. November 2026",
            ),
            (PeriodKind::Month, "2026-11", "November 2026", "November 2026"),
            (PeriodKind::Year, "2026", "2026", "2026"),
        ] {
            let period = Period::parse(kind, name, &zone).unwrap();
            assert_eq!(english::TEXTS.title(&period, &zone), english);
            assert_eq!(german::TEXTS.title(&period, &zone), german);
        }
        let at = jiff::civil::datetime(2026, 11, 24, 17, 0, 0, 0);
        assert_eq!(english::TEXTS.short_day(at.date()), "24 Nov");
        assert_eq!(german::TEXTS.short_day(at.date()), "24.11.");
        assert_eq!(german::TEXTS.short_month(3), "Mär");
    }
}
