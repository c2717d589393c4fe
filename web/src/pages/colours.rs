//! Colours by which several meters are told apart.

use meter_messages::Colour;

/// A colour for each, none twice: its own, if none before it has that one, and otherwise one that nobody has. Where there
/// are more of them than colours, each gets the one that was used longest ago, so that no neighbours look alike.
pub(crate) fn distinct(own: impl IntoIterator<Item = Colour>) -> Vec<Colour> {
    let own: Vec<Colour> = own.into_iter().collect();
    // What is left over stands in grey beside them.
    let others = || Colour::ALL.into_iter().filter(|colour| *colour != Colour::Grey);
    let is_first = |at: usize| !own[..at].contains(&own[at]);
    let mut free: Vec<Colour> = others().filter(|colour| !own.contains(colour)).rev().collect();
    let mut given: Vec<Colour> = Vec::new();
    for (at, colour) in own.iter().copied().enumerate() {
        let longest_ago = || {
            let last = |colour: &Colour| given.iter().rposition(|other| other == colour);
            let own_to_come = |colour: &Colour| own[at..].contains(colour) && last(colour).is_none();
            others().filter(|colour| !own_to_come(colour)).min_by_key(last)
        };
        let colour = if is_first(at) { colour } else { free.pop().or_else(longest_ago).unwrap_or(colour) };
        given.push(colour);
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_colour_of_its_own_as_long_as_there_are_some() {
        use Colour::{Amber, Blue, Green, Red, Teal};
        assert_eq!(distinct([Teal, Teal, Red, Teal]), [Teal, Blue, Red, Green]);
        // Nobody gets a colour that another one has chosen.
        assert_eq!(distinct([Teal, Teal, Blue, Green]), [Teal, Amber, Blue, Green]);
        let many = distinct(std::iter::repeat_n(Teal, 20));
        assert_eq!(many.len(), 20);
        assert!((0..8).all(|one| (0..one).all(|other| many[one] != many[other])), "{many:?}");
        assert!((1..20).all(|one| many[one] != many[one - 1]), "{many:?}");
    }
}
