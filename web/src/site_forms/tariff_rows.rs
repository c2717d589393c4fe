//! The rows of a tariff's times and blocks: their fields, and how many there are.

use meter_figures::MOST_PRICES;

use super::Values;

/// Rows that are offered beyond those that are filled in.
const MORE_ROWS: usize = 2;

/// How many rows of times or blocks a form has.
pub(super) fn rows(values: &Values, fields: &[&str]) -> usize {
    let is_used = |row: usize| fields.iter().any(|field| values.has(&format!("{field}_{row}")));
    let used = (0..MOST_PRICES).rev().find(|row| is_used(*row)).map_or(0, |row| row + 1);
    (used + MORE_ROWS).min(MOST_PRICES)
}

pub(super) const TIME: [&str; 4] = ["hours", "days", "season", "time_price"];
pub(super) const BLOCK: [&str; 2] = ["up_to", "block_price"];
