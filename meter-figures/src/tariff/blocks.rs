//! Prices by how much of a month's energy, gas or water was used before. Pure.

use std::ops::Range;

/// The prices of what is used first in a month.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Blocks(Vec<Block>);

#[derive(Debug, Clone, PartialEq)]
struct Block {
    /// In kWh or m³ of the month.
    up_to: f64,
    /// With VAT.
    price: f64,
}

impl Blocks {
    /// The ends and prices of blocks that follow each other; `None` if one ends before it begins.
    pub(super) fn new(blocks: impl Iterator<Item = (f64, f64)>) -> Option<Self> {
        let blocks: Vec<Block> = blocks.map(|(up_to, price)| Block { up_to, price }).collect();
        let begins = std::iter::once(0.0).chain(blocks.iter().map(|block| block.up_to));
        let ascend = begins.zip(&blocks).all(|(begin, block)| block.up_to.is_finite() && begin < block.up_to);
        ascend.then_some(Self(blocks))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a part of a month's quantity costs; the price beyond the last block is `price`.
    pub(super) fn cost(&self, part: Range<f64>, price: f64) -> f64 {
        self.pieces(part, price).fold(0.0, |cost, (quantity, price)| cost + quantity * price)
    }

    /// How much of a part of a month's quantity has which price, in that order.
    pub(super) fn pieces(&self, part: Range<f64>, price: f64) -> impl Iterator<Item = (f64, f64)> {
        let blocks = self.0.iter().map(|block| (block.up_to, block.price));
        let mut at = part.start;
        blocks.chain([(f64::INFINITY, price)]).filter_map(move |(up_to, price)| {
            let end = part.end.min(up_to);
            (end > at).then(|| (end - std::mem::replace(&mut at, end), price))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_block_has_its_price() {
        let blocks = Blocks::new([(100.0, 0.1), (200.0, 0.2)].into_iter()).unwrap();
        for (part, cost) in [
            (0.0..50.0, 5.0),
            (50.0..150.0, 15.0),
            (0.0..300.0, 60.0),
            (150.0..150.0, 0.0),
            (250.0..260.0, 3.0),
        ] {
            assert!((blocks.cost(part.clone(), 0.3) - cost).abs() < 1e-9, "{part:?}");
        }
        assert_eq!(Blocks::new([(100.0, 0.1), (100.0, 0.2)].into_iter()), None);
        assert_eq!(Blocks::new([(0.0, 0.1)].into_iter()), None);
        assert_eq!(Blocks::new([(f64::NAN, 0.1)].into_iter()), None);
    }
}
