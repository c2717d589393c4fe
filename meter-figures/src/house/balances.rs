//! What can be reckoned of the meters of a medium, and of which of them. Pure.

use meter_messages::{Measures, Medium};

use super::House;

/// Some meters less others, by their places, in times that all of `among` watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balance {
    pub(super) plus: Vec<usize>,
    pub(super) minus: Vec<usize>,
    pub(super) among: Vec<usize>,
}

impl Balance {
    fn new(plus: &[&[usize]], minus: &[&[usize]]) -> Self {
        let (plus, minus) = (plus.concat(), minus.concat());
        let among = [plus.as_slice(), minus.as_slice()].concat();
        Self { plus, minus, among }
    }

    /// Some meters, added.
    pub fn of(places: &[usize]) -> Self {
        Self::new(&[places], &[])
    }

    /// The places of what is added.
    pub fn plus(&self) -> &[usize] {
        &self.plus
    }

    /// The places of what is taken off.
    pub fn minus(&self) -> &[usize] {
        &self.minus
    }

    /// The same in the times of another one.
    fn in_times_of(&self, other: &Self) -> Self {
        Self { among: other.among.clone(), ..self.clone() }
    }
}

/// What is reckoned of a medium; `None` where the meters that it needs are not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balances {
    /// What comes in, is made, goes out, and what is taken without being part of what comes in.
    pub(super) roots: [Vec<usize>; 4],
    /// What is made and not fed in: known if both are measured.
    pub(super) own_use: Option<Balance>,
    /// What is made, in the times of that.
    pub(super) made: Option<Balance>,
    /// What comes in and what is taken besides, and own use.
    pub(super) house_use: Option<Balance>,
    /// Own use in the times of that.
    pub(super) own_use_of_house: Option<Balance>,
    /// What the house uses and no part measures, where what comes in has parts.
    pub(super) not_measured: Option<Balance>,
    /// The same of each meter with parts. If something is made here, what comes in cannot be compared with its
    /// parts: these may take what is made.
    pub(super) rests: Vec<(usize, Balance)>,
    /// Whether something is fed in, but not measured as it is made: then more than is reckoned may have been used.
    pub at_least: bool,
}

impl Balances {
    /// What can be reckoned of a house's meters of a medium.
    pub fn new(house: &House, medium: Medium) -> Self {
        let roots = [Measures::Import, Measures::Production, Measures::Export, Measures::Consumption]
            .map(|measures| house.roots(medium, measures));
        let [comes_in, made, goes_out, taken] = &roots;
        let parts = |place: &usize| house.tree().parts(*place);
        let with_parts: Vec<usize> =
            comes_in.iter().copied().filter(|place| !parts(place).is_empty()).collect();
        let their_parts: Vec<usize> = with_parts.iter().flat_map(parts).copied().collect();

        let is_made_here = !made.is_empty() || !goes_out.is_empty();
        let own_use = (!made.is_empty() && !goes_out.is_empty()).then(|| Balance::new(&[made], &[goes_out]));
        let is_known = !is_made_here || (own_use.is_some() && !comes_in.is_empty());
        let house_use = (is_known && comes_in.len() + taken.len() > 0)
            .then(|| Balance::new(&[comes_in, taken, made], &[goes_out]));
        let at_least = made.is_empty() && !goes_out.is_empty();
        let not_measured = match with_parts.is_empty() {
            true => None,
            false if at_least => Some(Balance::new(&[&with_parts], &[&their_parts])),
            false => {
                house_use.as_ref().map(|_| Balance::new(&[&with_parts, made], &[goes_out, &their_parts]))
            }
        };
        let rests = house.meters().iter().enumerate().filter(|(place, known)| {
            let is_compared = at_least || !is_made_here || !comes_in.contains(place);
            known.medium == medium && is_compared && !parts(place).is_empty()
        });
        let rests = rests.map(|(place, _)| (place, Balance::new(&[&[place]], &[parts(&place)]))).collect();
        Self {
            made: own_use.as_ref().map(|own_use| Balance::new(&[made], &[]).in_times_of(own_use)),
            own_use_of_house: own_use
                .as_ref()
                .zip(house_use.as_ref())
                .map(|(own, house)| own.in_times_of(house)),
            own_use,
            house_use,
            not_measured,
            rests,
            at_least,
            roots,
        }
    }

    /// What comes in.
    pub fn comes_in(&self) -> Balance {
        Balance::of(&self.roots[0])
    }

    /// What is made.
    pub fn made(&self) -> Balance {
        Balance::of(&self.roots[1])
    }

    /// What goes out.
    pub fn goes_out(&self) -> Balance {
        Balance::of(&self.roots[2])
    }

    /// What is made and not fed in.
    pub fn own_use(&self) -> Option<&Balance> {
        self.own_use.as_ref()
    }

    /// What is used here, wherever it comes from.
    pub fn house_use(&self) -> Option<&Balance> {
        self.house_use.as_ref()
    }

    /// What of that no part measures.
    pub fn not_measured(&self) -> Option<&Balance> {
        self.not_measured.as_ref()
    }

    /// What the parts of the meter at a place do not measure.
    pub fn rest(&self, place: usize) -> Option<&Balance> {
        self.rests.iter().find(|(of, _)| *of == place).map(|(_, balance)| balance)
    }
}
