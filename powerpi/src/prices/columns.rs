//! Which columns of a table are times and prices. Pure.

use anyhow::{Context, bail};

use super::numbers::{PriceUnit, number};
use super::table::Table;
use super::when::{When, clock};

/// The columns that are read, and their names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Where a price begins to hold.
    pub(super) time: usize,
    /// The time of day, where that column has only a date.
    pub(super) clock: Option<usize>,
    /// The price.
    pub(super) price: usize,
    /// As people call it.
    pub(super) time_name: String,
    /// As people call it.
    pub(super) price_name: String,
}

impl Columns {
    /// Those with these names; where none is given, what looks like it.
    ///
    /// # Errors
    /// A name that is not there, or a file in which nothing looks like times or prices.
    pub(super) fn find(table: &Table, time: Option<&str>, price: Option<&str>) -> anyhow::Result<Self> {
        let all = table.names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let named = |name: &str| {
            let place = table.names.iter().position(|known| known == name);
            place.with_context(|| format!("no column is called \"{name}\"; there are {all}"))
        };
        let is_time = |column: &usize| mostly(table, *column, |text| When::parse(text).is_some());
        // A date like 01.01.2026 could be a number, too.
        let is_price =
            |column: &usize| !is_time(column) && mostly(table, *column, |text| number(text).is_some());
        let columns = || 0..table.names.len();
        let time = match time {
            Some(name) => Some(named(name)?),
            None => columns().find(is_time),
        };
        let Some(time) = time else {
            bail!("no column looks like times; name it with --time-column (there are {all})");
        };
        let prices: Vec<usize> = columns().filter(|column| *column != time && is_price(column)).collect();
        let says_unit = |column: &&usize| PriceUnit::in_name(&table.names[**column]).is_some();
        let price = match price {
            Some(name) => Some(named(name)?),
            None => prices.iter().find(says_unit).or(prices.first()).copied(),
        };
        let Some(price) = price else {
            bail!("no column looks like prices; name it with --price-column (there are {all})");
        };
        let is_date = mostly(table, time, |text| matches!(When::parse(text), Some(When::Date(_))));
        let clock = columns().find(|column| mostly(table, *column, |text| clock(text).is_some()));
        let clock = clock.filter(|_| is_date);
        let (time_name, price_name) = (table.names[time].clone(), table.names[price].clone());
        Ok(Self { time, clock, price, time_name, price_name })
    }
}

/// Whether more than half of what stands in a column is like that.
fn mostly(table: &Table, column: usize, is: impl Fn(&str) -> bool) -> bool {
    let (fitting, all) =
        table.column(column).fold((0, 0), |(fitting, all), text| (fitting + usize::from(is(text)), all + 1));
    2 * fitting > all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn find(text: &str) -> Columns {
        Columns::find(&Table::read(text.as_bytes()).unwrap(), None, None).unwrap()
    }

    #[test]
    fn times_and_prices_are_found_by_what_they_look_like() {
        let found =
            find("Area;MTU (CET);Load;Day-ahead [EUR/MWh]\nDE;01.01.2026 00:00 - 01.01.2026 01:00;5;84,32\n");
        assert_eq!((found.time, found.clock, found.price), (1, None, 3));
        let found =
            find("Datum;Anfang;Preis\n01.01.2026;00:00;84,32\n01.01.2026;01:00;-\n01.01.2026;02:00;3\n");
        assert_eq!((found.time, found.clock, found.price), (0, Some(1), 2));
        let table = Table::read(b"a,b\nx,y\n").unwrap();
        let error = Columns::find(&table, None, None).unwrap_err().to_string();
        assert!(error.contains("--time-column") && error.contains("\"a\", \"b\""), "{error}");
        let error = Columns::find(&table, Some("c"), None).unwrap_err().to_string();
        assert!(error.contains("no column is called \"c\""), "{error}");
    }
}
