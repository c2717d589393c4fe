//! What flows now: what meters say of this moment, added up.

use std::collections::HashMap;

use meter_figures::House;
use meter_messages::{Measures, Medium, Meter};

use crate::texts::Texts;

/// The power in W, or flow in l/h, of meters that say so, as far as it is of now.
#[derive(Debug, Default)]
pub(crate) struct RatesNow(pub(crate) HashMap<Meter, f64>);

/// What flows through some meters less others, as browsers keep it up to date.
pub(super) struct FlowNow {
    /// The meters, those that are taken off with a `-` before them.
    pub(super) of: String,
    /// What it is now; a dash where one of them says nothing.
    pub(super) now: String,
}

/// The places of meters that are added, and of those that are taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    plus: Vec<usize>,
    minus: Vec<usize>,
}

impl Places {
    /// These less those.
    pub(super) fn new(plus: &[&[usize]], minus: &[&[usize]]) -> Self {
        Self { plus: plus.concat(), minus: minus.concat() }
    }

    /// What flows through them now; `None` without any.
    pub(super) fn flow(&self, house: &House, rates: &RatesNow, texts: &Texts) -> Option<FlowNow> {
        if self.plus.is_empty() {
            return None;
        }
        let signed = || {
            let plus = self.plus.iter().map(|place| (1.0, place));
            plus.chain(self.minus.iter().map(|place| (-1.0, place)))
        };
        let meter = |place: &usize| house.meters().get(*place).map(|known| &known.meter);
        let name = |(sign, place): (f64, &usize)| {
            Some(format!("{}{}", if sign < 0.0 { "-" } else { "" }, meter(place)?))
        };
        let names: Vec<String> = signed().filter_map(name).collect();
        let rate = |(sign, place): (f64, &usize)| Some(sign * rates.0.get(meter(place)?)?);
        let sum: Option<f64> = signed().map(rate).sum();
        // Values of different seconds do not fit quite.
        let now = sum.map_or_else(|| "–".to_owned(), |sum| texts.number(sum.max(0.0), 0));
        Some(FlowNow { of: names.join(" "), now })
    }
}

/// What the figures of a medium are made of.
pub(super) struct Flows {
    pub(super) comes_in: Places,
    pub(super) made: Places,
    pub(super) goes_out: Places,
    pub(super) own_use: Places,
    pub(super) used: Places,
    pub(super) not_measured: Places,
}

impl Flows {
    /// As its quantities are reckoned.
    pub(super) fn new(house: &House, medium: Medium) -> Self {
        let [comes_in, made, out, taken] =
            [Measures::Import, Measures::Production, Measures::Export, Measures::Consumption]
                .map(|measures| house.roots(medium, measures));
        let (with_parts, parts) = with_parts(house, &comes_in);
        Self {
            own_use: Places::new(&[&made], &[&out]),
            used: Places::new(&[&comes_in, &taken, &made], &[&out]),
            not_measured: match made.is_empty() {
                true => Places::new(&[&with_parts], &[&parts]),
                false => Places::new(&[&with_parts, &made], &[&out, &parts]),
            },
            comes_in: Places::new(&[&comes_in], &[]),
            made: Places::new(&[&made], &[]),
            goes_out: Places::new(&[&out], &[]),
        }
    }
}

/// Those that have parts, and all of these.
fn with_parts(house: &House, places: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let parts = |place: &usize| house.tree().parts(*place);
    let whole: Vec<usize> = places.iter().copied().filter(|place| !parts(place).is_empty()).collect();
    let all = whole.iter().flat_map(parts).copied().collect();
    (whole, all)
}
