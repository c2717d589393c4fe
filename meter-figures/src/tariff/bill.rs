//! A bill: what a time costs, line by line. Pure.

use jiff::civil::Date;

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillItem {
    /// Energy, gas or water at a price of the tariff.
    Quantity,
    /// Energy at the prices of the day.
    AtDayPrices,
    /// The base fee.
    BaseFee,
    /// The highest quarter of an hour.
    Capacity,
}

/// A line of a bill.
#[derive(Debug, Clone, PartialEq)]
pub struct BillLine {
    /// What it is for.
    pub item: BillItem,
    /// The first day of its tariff.
    pub tariff_from: Date,
    /// How many kWh or m³; 0 of what does not depend on these.
    pub quantity: f64,
    /// The price of one, without VAT, where it is the same for all of them.
    pub price: Option<f64>,
    /// Without VAT.
    pub net: f64,
    /// Value-added tax.
    pub vat_percent: f64,
}

/// A bill: lines in the order in which they first come up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bill {
    /// Its lines.
    pub lines: Vec<BillLine>,
    /// The kWh that are in no line, because nobody knows the price of their day.
    pub unpriced: f64,
}

impl BillLine {
    /// What stands on the bill, in hundredths.
    pub fn net_cents(&self) -> i64 {
        cents(self.net)
    }

    /// What one was in the mean, without VAT; `None` of what does not depend on a quantity.
    pub fn mean_price(&self) -> Option<f64> {
        self.price.or((self.quantity != 0.0).then(|| self.net / self.quantity))
    }
}

impl Bill {
    /// Adds to the line that is for the same at the same price; `price` and `amount` are with VAT, as tariffs keep them.
    pub(super) fn add(
        &mut self,
        (item, price): (BillItem, Option<f64>),
        (tariff_from, vat_percent): (Date, f64),
        (quantity, amount): (f64, f64),
    ) {
        if quantity == 0.0 && amount == 0.0 {
            return;
        }
        let untaxed = |amount: f64| amount / (1.0 + vat_percent / 100.0);
        let (price, net) = (price.map(untaxed), untaxed(amount));
        let is_same =
            |line: &&mut BillLine| (line.item, line.tariff_from, line.price) == (item, tariff_from, price);
        match self.lines.iter_mut().find(is_same) {
            Some(line) => {
                line.quantity += quantity;
                line.net += net;
            }
            None => self.lines.push(BillLine { item, tariff_from, quantity, price, net, vat_percent }),
        }
    }

    /// The sum of its lines as they stand on it, in hundredths.
    pub fn net_cents(&self) -> i64 {
        self.lines.iter().map(BillLine::net_cents).sum()
    }

    /// Each rate of value-added tax in percent, the lowest first, and what it comes to, in hundredths.
    pub fn vat_cents(&self) -> Vec<(f64, i64)> {
        let mut rates: Vec<f64> = self.lines.iter().map(|line| line.vat_percent).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        let of_rate = |percent: f64| {
            let lines = self.lines.iter().filter(|line| line.vat_percent == percent);
            let net = lines.map(BillLine::net_cents).sum::<i64>();
            (percent, to_whole(net as f64 * percent / 100.0))
        };
        rates.into_iter().filter(|percent| *percent != 0.0).map(of_rate).collect()
    }

    /// What is to be paid, in hundredths.
    pub fn total_cents(&self) -> i64 {
        self.net_cents() + self.vat_cents().iter().map(|(_, vat)| vat).sum::<i64>()
    }
}

fn cents(amount: f64) -> i64 {
    to_whole(amount * 100.0)
}

/// Rounds halves away from zero, as merchants do. What adds up to a half is one, whatever
/// binary fractions have made of it: what lies within a fifth of a millionth of a half is taken for it.
fn to_whole(hundredths: f64) -> i64 {
    const LOST: f64 = 2e-7;
    (hundredths + LOST.copysign(hundredths)).round() as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A reckoning in whole numbers: pulses, hundredths of a cent, and percents of VAT.
        #[test]
        fn a_line_is_exact_to_the_cent(
            hours in proptest::collection::vec(0u32..500, 1..300),
            constant in proptest::sample::select(vec![10u32, 75, 100, 500, 800, 1_000, 2_000, 10_000]),
            price in 0i128..20_000,
            vat in proptest::sample::select(vec![0u32, 5, 7, 19, 20]),
        ) {
            let (mut bill, from) = (Bill::default(), Date::constant(2026, 1, 1));
            let gross = price as f64 / 1e4 * (1.0 + f64::from(vat) / 100.0);
            for pulses in &hours {
                let quantity = f64::from(*pulses) / f64::from(constant);
                bill.add((BillItem::Quantity, Some(gross)), (from, f64::from(vat)), (quantity, quantity * gross));
            }
            let pulses: i128 = hours.iter().map(|pulses| i128::from(*pulses)).sum();
            let half_up = |numerator: i128, denominator: i128| (2 * numerator + denominator) / (2 * denominator);
            let net = half_up(pulses * price, i128::from(constant) * 100);
            prop_assert_eq!(i128::from(bill.net_cents()), net);
            prop_assert_eq!(i128::from(bill.total_cents()), net + half_up(net * i128::from(vat), 100));
        }
    }

    #[test]
    fn what_stands_on_a_bill_adds_up() {
        let (mut bill, first, then) =
            (Bill::default(), Date::constant(2026, 1, 1), Date::constant(2026, 7, 1));
        // 1.19 with VAT is 1 without it.
        for _ in 0..3 {
            bill.add((BillItem::Quantity, Some(0.238)), (first, 19.0), (10.0, 2.38));
            bill.add((BillItem::BaseFee, None), (first, 19.0), (0.0, 3.966));
            bill.add((BillItem::AtDayPrices, None), (then, 0.0), (4.0, -0.1));
            bill.add((BillItem::Quantity, Some(0.5)), (then, 0.0), (0.0, 0.0));
        }
        let shown = |line: &BillLine| (line.item, line.quantity, line.net_cents());
        let lines: Vec<_> = bill.lines.iter().map(shown).collect();
        let expected = [
            (BillItem::Quantity, 30.0, 600),
            (BillItem::BaseFee, 0.0, 1000),
            (BillItem::AtDayPrices, 12.0, -30),
        ];
        assert_eq!(lines, expected);
        assert!((bill.lines[0].price.unwrap_or_default() - 0.2).abs() < 1e-9);
        assert!((bill.lines[2].mean_price().unwrap_or_default() + 0.025).abs() < 1e-9);
        assert_eq!((bill.net_cents(), bill.vat_cents(), bill.total_cents()), (1570, vec![(19.0, 304)], 1874));
    }
}
