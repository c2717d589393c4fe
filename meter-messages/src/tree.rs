//! Which meter is a part of which, of all meters together. Pure.
//!
//! A relation that cannot be is left out, and says why; the meter is then a root. Nothing else depends on it: its
//! minutes are recorded all the same.

use std::collections::HashMap;
use std::fmt;

use crate::id::Meter;
use crate::relation::{Measures, Relation};
use crate::units::Medium;

/// A meter, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Which one.
    pub meter: Meter,
    /// What flows through it.
    pub medium: Medium,
    /// What it measures, and whose part it is.
    pub relation: Relation,
}

/// The meters by their places in the list that it was made of. Every meter is at most one other's part, and none
/// its own, by however many others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    parents: Vec<Option<usize>>,
    parts: Vec<Vec<usize>>,
    refused: Vec<Refused>,
}

/// A relation that is left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refused {
    /// Whose.
    pub meter: Meter,
    /// Why.
    pub why: Unfit,
}

/// Why a meter is not a part of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unfit {
    /// That is itself.
    Itself,
    /// There is no such meter.
    Unknown(Meter),
    /// Something else flows there.
    Medium {
        /// The whole.
        whole: Meter,
        /// What flows through the part and through the whole.
        media: (Medium, Medium),
    },
    /// What it measures is no part of what that measures.
    Measures {
        /// The whole.
        whole: Meter,
        /// What the part and the whole measure.
        measures: (Measures, Measures),
    },
    /// That is a part of it, by itself or by others: these, in their order.
    Circle(Vec<Meter>),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { meter, why } = self;
        match why {
            Unfit::Itself => write!(f, "{meter} cannot be part of itself; take out its part_of"),
            Unfit::Unknown(whole) => {
                write!(
                    f,
                    "{meter} is said to be part of {whole}, but there is no such meter; correct its part_of"
                )
            }
            Unfit::Medium { whole, media: (part, of) } => write!(
                f,
                "{meter} measures {} and cannot be part of {whole}, which measures {}; correct its part_of",
                part.as_str(),
                of.as_str()
            ),
            Unfit::Measures { whole, measures: (part, of) } => write!(
                f,
                "{meter} measures {} and cannot be part of {whole}, which measures {}; take out its part_of, or \
                 correct what they measure",
                part.as_str(),
                of.as_str()
            ),
            Unfit::Circle(circle) => {
                write!(f, "{meter} is said to be part of itself, by way of ")?;
                for (index, by) in circle.iter().take(5).enumerate() {
                    write!(f, "{}{by}", if index > 0 { ", " } else { "" })?;
                }
                let more = if circle.len() > 5 { " …" } else { "" };
                write!(f, "{more}; take out one of their part_of")
            }
        }
    }
}

/// Whether what a meter measures can be a part of what another does: what is taken is a part of what comes in or of
/// what something larger takes; otherwise like is part of like.
fn fits(part: Measures, whole: Measures) -> bool {
    part == whole || (part, whole) == (Measures::Consumption, Measures::Import)
}

impl Tree {
    /// The tree of meters that are there once each.
    pub fn new(meters: &[Related]) -> Self {
        let places: HashMap<&Meter, usize> =
            meters.iter().enumerate().map(|(place, related)| (&related.meter, place)).collect();
        let mut refused = Vec::new();
        let mut parents: Vec<Option<usize>> = meters
            .iter()
            .map(|part| match parent(part, meters, &places)? {
                Ok(place) => Some(place),
                Err(why) => {
                    refused.push(Refused { meter: part.meter.clone(), why });
                    None
                }
            })
            .collect();
        for circle in circles(&parents) {
            let names = |from: usize| -> Vec<Meter> {
                let others = circle.iter().cycle().skip(from + 1).take(circle.len() - 1);
                others.map(|place| meters[*place].meter.clone()).collect()
            };
            for (at, place) in circle.iter().enumerate() {
                parents[*place] = None;
                refused.push(Refused { meter: meters[*place].meter.clone(), why: Unfit::Circle(names(at)) });
            }
        }
        let mut parts = vec![Vec::new(); meters.len()];
        for (place, parent) in parents.iter().enumerate() {
            parent.iter().for_each(|parent| parts[*parent].push(place));
        }
        Self { parents, parts, refused }
    }

    /// What is left out, and why.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Whether the meter at a place is no other's part.
    pub fn is_root(&self, place: usize) -> bool {
        self.parents.get(place).is_some_and(Option::is_none)
    }

    /// The meter of which the one at a place is a part.
    pub fn parent(&self, place: usize) -> Option<usize> {
        self.parents.get(place).copied().flatten()
    }

    /// The parts of the meter at a place; not their parts.
    pub fn parts(&self, place: usize) -> &[usize] {
        self.parts.get(place).map_or(&[], Vec::as_slice)
    }

    /// All places, each before its parts and behind the whole; and of how many others, one in another, it is a part.
    pub fn in_order(&self) -> Vec<(usize, usize)> {
        let mut order = Vec::with_capacity(self.parents.len());
        let mut left: Vec<(usize, usize)> = (0..self.parents.len())
            .rev()
            .filter(|place| self.is_root(*place))
            .map(|root| (root, 0))
            .collect();
        while let Some((place, depth)) = left.pop() {
            order.push((place, depth));
            left.extend(self.parts[place].iter().rev().map(|part| (*part, depth + 1)));
        }
        order
    }
}

/// The place of the meter whose part this is; `None` if it is nobody's.
fn parent(
    part: &Related,
    meters: &[Related],
    places: &HashMap<&Meter, usize>,
) -> Option<Result<usize, Unfit>> {
    let whole = part.relation.part_of.as_ref()?;
    if *whole == part.meter {
        return Some(Err(Unfit::Itself));
    }
    let Some(&place) = places.get(whole) else { return Some(Err(Unfit::Unknown(whole.clone()))) };
    let of = &meters[place];
    let (media, measures) = ((part.medium, of.medium), (part.relation.measures(), of.relation.measures()));
    Some(if media.0 != media.1 {
        Err(Unfit::Medium { whole: whole.clone(), media })
    } else if !fits(measures.0, measures.1) {
        Err(Unfit::Measures { whole: whole.clone(), measures })
    } else {
        Ok(place)
    })
}

/// The places that are their own parts by way of each other, each circle once.
fn circles(parents: &[Option<usize>]) -> Vec<Vec<usize>> {
    // On which walk a place was come to; 0 for none yet.
    let mut seen = vec![0; parents.len()];
    let mut circles = Vec::new();
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut at = Some(start);
        while let Some(place) = at.filter(|place| seen[*place] == 0) {
            seen[place] = walk;
            at = parents[place];
        }
        // The walk has come to where it was before.
        if let Some(first) = at.filter(|place| seen[*place] == walk) {
            let mut circle = vec![first];
            let mut next = parents[first];
            while let Some(place) = next.filter(|place| *place != first) {
                circle.push(place);
                next = parents[place];
            }
            circles.push(circle);
        }
    }
    circles
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn related(said: &str) -> Related {
        let mut words = said.split(' ');
        let meter = format!("hq/{}", words.next().unwrap()).parse().unwrap();
        let mut related = Related { meter, medium: Medium::Electricity, relation: Relation::default() };
        for word in words {
            match (word.parse::<Measures>(), word.parse::<Medium>()) {
                (Ok(measures), _) => related.relation.measures = Some(measures),
                (_, Ok(medium)) => related.medium = medium,
                _ => related.relation.part_of = Some(format!("hq/{word}").parse().unwrap()),
            }
        }
        related
    }

    fn tree(meters: &[&str]) -> Tree {
        Tree::new(&meters.iter().map(|said| related(said)).collect::<Vec<_>>())
    }

    #[test]
    fn a_house_is_a_tree_of_its_meters() {
        let house = tree(&["kiln shop", "main", "shop main", "laser shop", "sun production", "gas gas"]);
        assert!(house.refused().is_empty());
        assert_eq!(house.in_order(), [(1, 0), (2, 1), (0, 2), (3, 2), (4, 0), (5, 0)]);
        assert_eq!((house.parts(2), house.parent(0)), (&[0, 3][..], Some(2)));
        assert!(house.is_root(1) && !house.is_root(2) && !house.is_root(9));
    }

    #[test]
    fn what_cannot_be_is_left_out_with_a_sentence() {
        for (meters, said) in [
            (&["a a"][..], "hq/a cannot be part of itself"),
            (&["a b"], "hq/a is said to be part of hq/b, but there is no such meter"),
            (&["a b", "b gas"], "hq/a measures electricity and cannot be part of hq/b, which measures gas"),
            (&["a b water", "b gas"], "hq/a measures water and cannot be part of hq/b, which measures gas"),
            (
                &["a b production", "b"],
                "hq/a measures production and cannot be part of hq/b, which measures import",
            ),
            (
                &["a b", "b export"],
                "hq/a measures consumption and cannot be part of hq/b, which measures export",
            ),
            (&["a b", "b a"], "hq/a is said to be part of itself, by way of hq/b; take out one"),
        ] {
            let tree = tree(meters);
            assert!(tree.refused()[0].to_string().starts_with(said), "{}", tree.refused()[0]);
            assert!(tree.is_root(0));
        }
    }

    #[test]
    fn only_those_in_a_circle_are_taken_out_of_it() {
        let house = tree(&["a b", "b c", "c a", "d c", "e d"]);
        let refused: Vec<String> = house.refused().iter().map(|it| it.meter.to_string()).collect();
        assert_eq!(refused, ["hq/a", "hq/b", "hq/c"]);
        assert!(house.refused()[1].to_string().contains("by way of hq/c, hq/a;"), "{}", house.refused()[1]);
        assert_eq!(house.in_order(), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2)]);
    }

    proptest! {
        #[test]
        fn whatever_is_said_it_is_a_tree(said in proptest::collection::vec((0..12_usize, 0..5_usize), 0..12)) {
            let meters: Vec<Related> = said.iter().enumerate().map(|(place, (parent, measures))| Related {
                meter: format!("hq/m{place}").parse().unwrap(),
                medium: Medium::Electricity,
                relation: Relation {
                    measures: Measures::ALL.get(*measures).copied(),
                    part_of: (*parent < 10).then(|| format!("hq/m{parent}").parse().unwrap()),
                },
            }).collect();
            let tree = Tree::new(&meters);
            // Each once, and above it only wholes.
            let mut places: Vec<usize> = tree.in_order().into_iter().map(|(place, _)| place).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..meters.len()).collect::<Vec<_>>());
            for (place, related) in meters.iter().enumerate() {
                let is_refused = tree.refused().iter().filter(|refused| refused.meter == related.meter).count();
                let is_part = usize::from(!tree.is_root(place));
                prop_assert_eq!(is_refused + is_part, usize::from(related.relation.part_of.is_some()));
                if let Some(parent) = tree.parent(place) {
                    prop_assert_eq!(Some(&meters[parent].meter), related.relation.part_of.as_ref());
                }
            }
        }
    }
}
