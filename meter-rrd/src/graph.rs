//! What a graph shows, and how it looks.

use meter_messages::{Colour, MeterConstant, Minute, PeriodKind, Unit};

use crate::colour::Theme;

/// The file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Picture {
    /// Sharp at any size and cheap to draw: for pages.
    Svg,
    /// For links, chats and mails.
    Png,
}

/// The screen that it is laid out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// 1000 × 300 pixels.
    Wide,
    /// 360 × 270 pixels: a phone held upright.
    Narrow,
    /// 1200 × 630 pixels, with large letters: how other sites show a link.
    Card,
}

impl Size {
    /// Width and height in pixels.
    pub fn pixels(self) -> (u32, u32) {
        match self {
            Self::Wide => (1000, 300),
            Self::Narrow => (360, 270),
            Self::Card => (1200, 630),
        }
    }

    /// By how much everything in it is larger than on a page.
    pub(crate) fn zoom(self) -> u32 {
        if self == Self::Card { 2 } else { 1 }
    }

    /// Width and height in pixels, were it not larger.
    pub(crate) fn laid_out(self) -> (u32, u32) {
        let ((width, height), zoom) = (self.pixels(), self.zoom());
        (width / zoom, height / zoom)
    }
}

/// A language's words and its way to write numbers and dates.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// Legend of what somebody has corrected.
    pub corrected: &'static str,
    /// Legend of what is known as a sum only.
    pub coarse: &'static str,
    /// Legend of the peaks of single minutes.
    pub peak: &'static str,
    /// Before the newest value.
    pub latest: &'static str,
    /// Before the mean.
    pub mean: &'static str,
    /// Before the highest value.
    pub highest: &'static str,
    /// Before the sum.
    pub total: &'static str,
    /// Legend of a day's bar.
    pub day: &'static str,
    /// Legend of the bar of the current day.
    pub today: &'static str,
    /// Legend of the mean of the last 14 days.
    pub trend: &'static str,
    /// After the unit of the bars: `/day`.
    pub per_day: &'static str,
    /// A number with so many decimals.
    pub number: fn(value: f64, decimals: usize) -> String,
    /// `strftime` format of a day on the axis of a week; librrd knows only
    /// English names unless the system's locale says otherwise.
    pub weekday_format: &'static str,
    /// `strftime` format of a day on the axis of a month.
    pub day_format: &'static str,
    /// `strftime` format of a month on the axis of a year.
    pub month_format: &'static str,
}

/// A graph to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Graph<'a> {
    /// How much time it shows. Up to a week it shows power or flow, beyond that the energy or volume of
    /// each local day.
    pub kind: PeriodKind,
    /// Its colours.
    pub theme: Theme,
    /// The meter's own one.
    pub colour: Colour,
    /// Its layout.
    pub size: Size,
    /// Its format.
    pub picture: Picture,
    /// Its language.
    pub words: &'a Words,
    /// Its title: any text, shown as it is. Empty for none.
    pub title: &'a str,
    /// What the meter counts in.
    pub unit: Unit,
    /// Legend of the line: power, or flow.
    pub rate: &'a str,
    /// The meter constant now.
    pub constant: MeterConstant,
    /// Constants that the meter had before, each with the first minute in which it
    /// no longer applied, ascending.
    pub earlier: &'a [(Minute, MeterConstant)],
    /// The power in W, or flow in l/h, of each minute that was watched of an hour, day or week, ascending; for a meter
    /// with few pulses, of which the time between them tells more than how many there were in a minute. The meter's own
    /// file is not drawn then.
    pub rates: Option<&'a [(Minute, f64)]>,
    /// Times that somebody has corrected, ascending: they are marked.
    pub corrected: &'a [(Minute, Minute)],
    /// Times of which only sums are known that are longer than what is drawn, ascending: they are marked.
    pub coarse: &'a [(Minute, Minute)],
    /// The span's total in the unit, from the ledger: librrd's own sums are up to
    /// 0.4 % off. `None` if there is nothing to sum up.
    pub total: Option<f64>,
    /// What that costs, with its currency: any text, shown as it is. Empty for none.
    pub amount: &'a str,
    /// The minute in progress.
    pub now: Minute,
    /// From this minute to that one, if it does not end now. For a month or a year
    /// these are local midnights.
    pub range: Option<(Minute, Minute)>,
}

impl Graph<'_> {
    /// How many minutes a graph of power shows.
    pub(crate) fn minutes(&self) -> i64 {
        match self.kind {
            PeriodKind::Hour => 60,
            PeriodKind::Day => 24 * 60,
            _ => 7 * 24 * 60,
        }
    }

    /// How many pulses of the current constant a pulse of that minute is worth.
    pub(crate) fn worth(&self, minute: Minute) -> f64 {
        let earlier = self.earlier.iter().find(|(until, _)| minute < *until);
        earlier.map_or(1.0, |(_, constant)| self.worth_of(*constant))
    }

    /// The same as an RPN expression; a value covers the minute before its stamp.
    pub(crate) fn worth_rpn(&self) -> String {
        self.earlier.iter().rev().fold("1".to_owned(), |later, (until, constant)| {
            format!("TIME,{},LE,{},{later},IF", until.start(), self.worth_of(*constant))
        })
    }

    fn worth_of(&self, constant: MeterConstant) -> f64 {
        self.constant.per_unit() / constant.per_unit()
    }
}

/// Text on one line, as librrd shows it: no markup is enabled, so `<` and `%`
/// are ordinary characters, and `:` and `\` mean nothing in a title.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pulses_from_before_a_change_are_worth_what_they_were() {
        let constant = |number: u64| MeterConstant::try_from(number).unwrap();
        let minute = |number: i64| Minute::nearest(29_000_000 + number);
        let words = Words {
            corrected: "",
            coarse: "",
            peak: "",
            latest: "",
            mean: "",
            highest: "",
            total: "",
            day: "",
            today: "",
            trend: "",
            per_day: "",
            number: |_, _| String::new(),
            weekday_format: "",
            day_format: "",
            month_format: "",
        };
        let earlier = [(minute(10), constant(1000)), (minute(20), constant(250))];
        let graph = Graph {
            kind: PeriodKind::Hour,
            theme: Theme::Light,
            colour: Colour::default(),
            size: Size::Wide,
            picture: Picture::Svg,
            words: &words,
            title: "",
            unit: Unit::KilowattHour,
            rate: "",
            constant: constant(500),
            earlier: &earlier,
            rates: None,
            corrected: &[],
            coarse: &[],
            total: None,
            amount: "",
            now: minute(60),
            range: None,
        };
        assert_eq!([9, 10, 19, 20].map(|at| graph.worth(minute(at))), [0.5, 2.0, 2.0, 1.0]);
        let (first, second) = (minute(10).start(), minute(20).start());
        assert_eq!(graph.worth_rpn(), format!("TIME,{first},LE,0.5,TIME,{second},LE,2,1,IF,IF"));
        assert_eq!(Graph { earlier: &[], ..graph }.worth_rpn(), "1");
    }
}
