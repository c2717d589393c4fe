//! The interactive chart of a page.

/// What the interactive chart shows.
pub(crate) struct Chart {
    /// From this Unix time on.
    pub(crate) from: i64,
    /// Up to this one.
    pub(crate) to: i64,
    /// The first one there is.
    pub(crate) first: i64,
    /// Whether it goes on with the time.
    pub(crate) live: bool,
    /// How many seconds earlier what it is compared with begins.
    pub(crate) ghost: Option<i64>,
    /// Up to this time at most.
    pub(crate) until: Option<i64>,
    /// How often a correction of the meter was said or undone: a browser keeps what it has of a time that is over.
    pub(crate) edition: u64,
    /// The site's time zone by its IANA name; empty where it has none.
    pub(crate) zone: String,
}
