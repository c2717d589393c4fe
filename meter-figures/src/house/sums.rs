//! What the meters of a house come to in some time. Pure.

use std::ops::Range;

use meter_ledger::Sum;
use meter_messages::{Medium, Minute};

use super::House;
use super::account::{Account, Reckoned, minutes};
use super::balances::{Balance, Balances};

/// What all meters come to in some time, piece by piece of it.
#[derive(Debug, Clone, PartialEq)]
pub struct HouseSums {
    /// How many minutes have been added, watched or not.
    pub minutes: i64,
    /// What each meter measured, by its place.
    pub of_meters: Vec<Sum>,
    /// What is reckoned of them, for each medium that there is.
    pub media: Vec<MediumSums>,
}

/// What is reckoned of the meters of a medium.
#[derive(Debug, Clone, PartialEq)]
pub struct MediumSums {
    /// Which one.
    pub medium: Medium,
    /// Which meters are reckoned with.
    pub balances: Balances,
    own_use: Option<Account>,
    made: Option<Account>,
    house_use: Option<Account>,
    own_use_of_house: Option<Account>,
    not_measured: Option<Account>,
    rests: Vec<(usize, Account)>,
}

/// What several meters measured that are no others' part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// The energy in kWh, or the volume in m³; `None` where nobody watched.
    pub quantity: Option<f64>,
    /// Seconds that were watched, of all of these meters together.
    pub watched_s: u64,
    /// How many meters these are.
    pub meters: usize,
}

impl HouseSums {
    /// Nothing yet.
    pub fn new(house: &House) -> Self {
        Self {
            minutes: 0,
            of_meters: vec![Sum::default(); house.meters().len()],
            media: house.media().map(|medium| MediumSums::new(house, medium)).collect(),
        }
    }

    /// Adds a piece of time that has begun, after those before it; `sums` are of all meters by their places.
    pub fn add(&mut self, piece: &Range<Minute>, sums: &[&Sum]) {
        self.minutes += minutes(piece);
        for (all, sum) in self.of_meters.iter_mut().zip(sums).filter(|(_, sum)| sum.minutes > 0) {
            *all = all.and(sum);
        }
        self.media.iter_mut().flat_map(MediumSums::accounts).for_each(|account| account.add(piece, sums));
    }

    /// What comes in.
    pub fn comes_in(&self, of: &MediumSums) -> Flow {
        self.flow(&of.balances.roots[0])
    }

    /// What is made.
    pub fn made(&self, of: &MediumSums) -> Flow {
        self.flow(&of.balances.roots[1])
    }

    /// What goes out.
    pub fn goes_out(&self, of: &MediumSums) -> Flow {
        self.flow(&of.balances.roots[2])
    }

    /// What is taken by meters that are no others' part.
    pub fn taken(&self, of: &MediumSums) -> Flow {
        self.flow(&of.balances.roots[3])
    }

    fn flow(&self, places: &[usize]) -> Flow {
        let sums = || places.iter().filter_map(|place| self.of_meters.get(*place));
        Flow {
            quantity: sums().filter_map(Sum::quantity).reduce(|one, other| one + other),
            watched_s: sums().map(|sum| sum.watched_s).sum(),
            meters: places.len(),
        }
    }
}

impl MediumSums {
    fn new(house: &House, medium: Medium) -> Self {
        let balances = Balances::new(house, medium);
        let pulse = |place: usize| house.meters().get(place).map_or(0.0, |known| known.constant.quantity(1));
        let account = |balance: &Balance| Account::new(balance.clone(), pulse);
        let begun = |balance: &Option<Balance>| balance.as_ref().map(account);
        Self {
            medium,
            own_use: begun(&balances.own_use),
            made: begun(&balances.made),
            house_use: begun(&balances.house_use),
            own_use_of_house: begun(&balances.own_use_of_house),
            not_measured: begun(&balances.not_measured),
            rests: balances.rests.iter().map(|(place, balance)| (*place, account(balance))).collect(),
            balances,
        }
    }

    fn accounts(&mut self) -> impl Iterator<Item = &mut Account> {
        let Self { own_use, made, house_use, own_use_of_house, not_measured, rests, .. } = self;
        let of_all = [own_use, made, house_use, own_use_of_house, not_measured];
        of_all.into_iter().flatten().chain(rests.iter_mut().map(|(_, account)| account))
    }

    /// What is made and not fed in.
    pub fn own_use(&self) -> Option<Reckoned> {
        self.own_use.as_ref()?.reckoned()
    }

    /// The same of a piece of time by itself; `None` where not all of these meters watched it.
    pub fn own_use_of(&self, piece: &Range<Minute>, sums: &[&Sum]) -> Option<f64> {
        self.own_use.as_ref()?.of(piece, sums)
    }

    /// What is used here, wherever it comes from.
    pub fn house_use(&self) -> Option<Reckoned> {
        self.house_use.as_ref()?.reckoned()
    }

    /// What of that no part measures.
    pub fn not_measured(&self) -> Option<Reckoned> {
        self.not_measured.as_ref()?.reckoned()
    }

    /// What the parts of the meter at a place do not measure; `None` also where it has none.
    pub fn rest(&self, place: usize) -> Option<Reckoned> {
        self.rests.iter().find(|(of, _)| *of == place)?.1.reckoned()
    }

    /// How much of what is made is used here, in percent.
    pub fn own_use_percent(&self) -> Option<f64> {
        percent(self.own_use()?, self.made.as_ref()?.reckoned()?)
    }

    /// How much of what is used here is made here, in percent.
    pub fn self_sufficiency_percent(&self) -> Option<f64> {
        percent(self.own_use_of_house.as_ref()?.reckoned()?, self.house_use()?)
    }
}

/// A part of a whole that is above zero; `None` where they contradict each other.
fn percent(part: Reckoned, whole: Reckoned) -> Option<f64> {
    let percent = part.quantity / whole.quantity * 100.0;
    (whole.quantity > 0.0 && (0.0..100.5).contains(&percent)).then_some(percent.min(100.0))
}
