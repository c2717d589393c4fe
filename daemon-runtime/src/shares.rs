//! Places of which everybody gets a part: pure.

use std::collections::HashMap;
use std::hash::Hash;

/// For so many holders half of the places is enough to give each a part of its own.
const PARTS: usize = 25;

/// A limited number of places. Half of them are parts: each holder has a fiftieth of all places that nobody
/// else can take, as long as there are no more than 25 who use theirs up. The other half goes to who comes
/// first. So one holder can take half of everything and its part, and another one still gets in.
#[derive(Debug, Clone)]
pub struct Shares<H> {
    most: usize,
    taken: HashMap<H, usize>,
    /// Places that holders have within their parts.
    within_parts: usize,
    /// Places that holders have beyond them.
    beyond: usize,
}

impl<H: Eq + Hash + Clone> Shares<H> {
    /// So many places, at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), taken: HashMap::new(), within_parts: 0, beyond: 0 }
    }

    /// How many places each holder has for itself.
    pub fn part(&self) -> usize {
        (self.most / 2 / PARTS).max(1)
    }

    /// How many places `holder` has.
    pub fn of(&self, holder: &H) -> usize {
        self.taken.get(holder).copied().unwrap_or_default()
    }

    /// Takes a place for `holder`; false where there is none for it.
    pub fn take(&mut self, holder: &H) -> bool {
        let rest = self.most / 2;
        let within = self.of(holder) < self.part() && self.within_parts < self.most - rest;
        if !within && self.beyond >= rest {
            return false;
        }
        self.note(holder, within);
        true
    }

    /// Notes a place that `holder` has already, whatever is left.
    pub fn hold(&mut self, holder: &H) {
        self.note(holder, self.of(holder) < self.part());
    }

    fn note(&mut self, holder: &H, within: bool) {
        *(if within { &mut self.within_parts } else { &mut self.beyond }) += 1;
        *self.taken.entry(holder.clone()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_by(shares: &mut Shares<u32>, holder: u32, tries: usize) -> usize {
        (0..tries).filter(|_| shares.take(&holder)).count()
    }

    #[test]
    fn who_takes_all_there_is_leaves_the_others_their_parts() {
        let mut shares = Shares::new(1000);
        assert_eq!(taken_by(&mut shares, 0, 5000), 520);
        for holder in 1..25 {
            assert_eq!(taken_by(&mut shares, holder, 5000), 20, "{holder}");
        }
        assert_eq!(taken_by(&mut shares, 25, 5000), 0, "all places are taken");
        assert_eq!((shares.of(&0), shares.of(&24), shares.of(&25)), (520, 20, 0));
    }

    #[test]
    fn who_has_little_gets_of_the_rest_where_all_parts_are_taken() {
        let mut shares = Shares::new(1000);
        let newcomers = (0..2000).filter(|holder| shares.take(holder)).count();
        assert_eq!(newcomers, 1000);
    }

    #[test]
    fn what_is_held_counts_even_if_it_is_too_much() {
        let mut shares = Shares::new(100);
        (0..90).for_each(|_| shares.hold(&0));
        assert!(!shares.take(&0) && shares.take(&1) && shares.take(&1) && !shares.take(&1));
    }

    #[test]
    fn a_single_place_is_one() {
        let mut shares = Shares::new(0);
        assert_eq!((taken_by(&mut shares, 0, 3), taken_by(&mut shares, 1, 3)), (1, 0));
    }
}
