//! What flows now: what meters say of this moment, added up.

use std::collections::HashMap;

use meter_figures::{Balance, Balances, House};
use meter_messages::Meter;

use crate::texts::Texts;

/// The power in W, or flow in l/h, of meters that say so, as far as it is of now.
#[derive(Debug, Default)]
pub(crate) struct RatesNow(pub(crate) HashMap<Meter, f64>);

/// What flows through some meters less others, as browsers keep it up to date.
pub(super) struct FlowNow {
    /// The meters, those that are taken off with a `!` before them, which no name has.
    pub(super) of: String,
    /// What it is now; a dash where one of them says nothing.
    pub(super) now: String,
}

impl FlowNow {
    /// What flows through a balance's meters now; `None` without any.
    pub(super) fn new(
        of: &Balance,
        house: &House,
        RatesNow(rates): &RatesNow,
        texts: &Texts,
    ) -> Option<Self> {
        if of.plus().is_empty() {
            return None;
        }
        let signed = || {
            let plus = of.plus().iter().map(|place| (1.0, place));
            plus.chain(of.minus().iter().map(|place| (-1.0, place)))
        };
        let meter = |place: &usize| house.meters().get(*place).map(|known| &known.meter);
        let name = |(sign, place): (f64, &usize)| {
            Some(format!("{}{}", if sign < 0.0 { "!" } else { "" }, meter(place)?))
        };
        let names: Vec<String> = signed().filter_map(name).collect();
        let rate = |(sign, place): (f64, &usize)| Some(sign * rates.get(meter(place)?)?);
        let sum: Option<f64> = signed().map(rate).sum();
        // Values of different seconds do not fit quite.
        let now = sum.map_or_else(|| "–".to_owned(), |sum| texts.number(sum.max(0.0), 0));
        Some(Self { of: names.join(" "), now })
    }
}

/// What the figures of a medium are made of, as its quantities are reckoned.
pub(super) struct Flows {
    pub(super) comes_in: Balance,
    pub(super) made: Balance,
    pub(super) goes_out: Balance,
    pub(super) own_use: Balance,
    pub(super) used: Balance,
    pub(super) not_measured: Balance,
}

impl From<&Balances> for Flows {
    fn from(balances: &Balances) -> Self {
        let reckoned = |balance: Option<&Balance>| balance.cloned().unwrap_or_default();
        Self {
            comes_in: balances.comes_in(),
            made: balances.made(),
            goes_out: balances.goes_out(),
            own_use: reckoned(balances.own_use()),
            used: reckoned(balances.house_use()),
            not_measured: reckoned(balances.not_measured()),
        }
    }
}
