//! Colours by which several meters are told apart.

use meter_messages::Colour;

/// A colour for each, none twice: its own, if none before it has that one. Where there are more than colours, they begin
/// anew.
pub(crate) fn distinct(own: impl IntoIterator<Item = Colour>) -> Vec<Colour> {
    let others: Vec<Colour> = Colour::ALL.into_iter().filter(|colour| *colour != Colour::Grey).collect();
    let mut taken: Vec<Colour> = Vec::new();
    for colour in own {
        let free = || others.iter().copied().find(|other| !taken.contains(other));
        let colour = match taken.contains(&colour) {
            true => free().unwrap_or_else(|| others[taken.len() % others.len()]),
            false => colour,
        };
        taken.push(colour);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_colour_of_its_own_as_long_as_there_are_some() {
        use Colour::{Blue, Green, Red, Teal};
        assert_eq!(distinct([Teal, Teal, Red, Teal]), [Teal, Blue, Red, Green]);
        let many = distinct(std::iter::repeat_n(Teal, 20));
        assert_eq!(many.len(), 20);
        assert!((0..8).all(|one| (0..one).all(|other| many[one] != many[other])), "{many:?}");
    }
}
