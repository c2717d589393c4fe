//! How long a period is: one idea for addresses, pages, files of rows and pictures.

/// The length of a period of the site's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeriodKind {
    /// An hour.
    Hour,
    /// A local day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl PeriodKind {
    /// All of them, the shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// Its name in addresses and interfaces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The kind of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Local days, today's included, of a picture of such a time up to now: a month's and a year's show the
    /// energy or volume of each day. `None` where power or flow is shown instead: of the last 60
    /// minutes, 24 hours or 7 times 24 hours.
    pub fn days_up_to_now(self) -> Option<u16> {
        match self {
            Self::Hour | Self::Day | Self::Week => None,
            Self::Month => Some(30),
            Self::Year => Some(365),
        }
    }
}
