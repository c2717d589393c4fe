//! What depends on what a meter counts.

/// The words of energy and power, or of volume and flow.
#[derive(Debug)]
pub(crate) struct Measure {
    /// Legend of a curve: power.
    pub(crate) rate: &'static str,
    /// For screen readers, before the large number.
    pub(crate) rate_now: &'static str,
    /// Figure, and a column of tables.
    pub(crate) mean_rate: &'static str,
    /// What charts show.
    pub(crate) rate_over_time: &'static str,
    /// Figure and heading: energy.
    pub(crate) quantity: &'static str,
    /// What pictures of a month or a year show.
    pub(crate) quantity_of_days: &'static str,
    /// Figure: what flows even in quiet hours of the night.
    pub(crate) quiet_rate: &'static str,
    /// Caption of the table behind the heat map.
    pub(crate) mean_of_hours: &'static str,
}
