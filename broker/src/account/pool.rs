//! Something there is only so much of, and who has how much of it.

use std::collections::HashMap;

use crate::account::Owner;

/// See [`account`](crate::account) for how it is divided.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Each user's part, and that of all addresses together.
    part: usize,
    /// What is nobody's part.
    rest: usize,
    used: HashMap<Owner, usize>,
    /// What users have beyond their parts.
    beyond: usize,
    /// What all addresses have.
    addresses: usize,
}

impl Pool {
    pub(super) fn new(total: usize, users: usize) -> Pool {
        let mut pool = Pool { part: 0, rest: 0, used: HashMap::new(), beyond: 0, addresses: 0 };
        pool.divide(total, users);
        pool
    }

    /// From now on there is so much, for so many users.
    pub(super) fn divide(&mut self, total: usize, users: usize) {
        let parts = users + 1;
        self.part = total / 2 / parts;
        self.rest = total - self.part * parts;
        let users = self.used.iter().filter(|(owner, _)| matches!(owner, Owner::User(_)));
        self.beyond = users.map(|(_, used)| used.saturating_sub(self.part)).sum();
    }

    /// All who have something, and how much.
    pub(super) fn owners(&self) -> impl Iterator<Item = (&Owner, usize)> {
        self.used.iter().map(|(owner, used)| (owner, *used))
    }

    pub(super) fn used(&self, owner: &Owner) -> usize {
        self.used.get(owner).copied().unwrap_or(0)
    }

    /// What `owner` has; of an address, what all addresses have.
    pub(super) fn used_together(&self, owner: &Owner) -> usize {
        match owner {
            Owner::User(_) => self.used(owner),
            Owner::Address(_) => self.addresses,
        }
    }

    /// As much as `owner` may have while the others have what they have.
    pub(super) fn share(&self, owner: &Owner) -> usize {
        let (part, left) = self.left_to(owner);
        part + most_of(left)
    }

    /// As much as `owner` can have without another one's having less than its part.
    pub(super) fn limit(&self, owner: &Owner) -> usize {
        let (part, left) = self.left_to(owner);
        part + left
    }

    /// The part of `owner`, and what the others leave of the rest.
    fn left_to(&self, owner: &Owner) -> (usize, usize) {
        let used = self.used(owner);
        match owner {
            Owner::User(_) => {
                let others = self.beyond - used.saturating_sub(self.part);
                let others = others + self.addresses.saturating_sub(self.part);
                (self.part, self.rest.saturating_sub(others))
            }
            Owner::Address(_) => {
                // Addresses have only one part together, since there is no end of them.
                let others = self.beyond + self.addresses - used;
                (0, (self.part + self.rest).saturating_sub(others))
            }
        }
    }

    pub(super) fn fits(&self, owner: &Owner, amount: usize) -> bool {
        self.used(owner).saturating_add(amount) <= self.share(owner)
    }

    pub(super) fn charge(&mut self, owner: &Owner, amount: usize) {
        let used = self.used(owner);
        self.set(owner, used, used + amount);
    }

    pub(super) fn credit(&mut self, owner: &Owner, amount: usize) {
        let used = self.used(owner);
        debug_assert!(used >= amount, "{owner} has {used}, not {amount}");
        self.set(owner, used, used.saturating_sub(amount));
    }

    fn set(&mut self, owner: &Owner, before: usize, after: usize) {
        match owner {
            Owner::User(_) => {
                self.beyond -= before.saturating_sub(self.part);
                self.beyond += after.saturating_sub(self.part);
            }
            Owner::Address(_) => self.addresses = self.addresses - before + after,
        }
        if after == 0 {
            // Addresses come and go.
            self.used.remove(owner);
        } else if let Some(used) = self.used.get_mut(owner) {
            *used = after;
        } else {
            self.used.insert(owner.clone(), after);
        }
    }
}

/// Three quarters of it, and of a single thing that thing.
pub(super) fn most_of(amount: usize) -> usize {
    amount - amount / 4
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(name: &str) -> Owner {
        Owner::User(name.into())
    }

    fn address(text: &str) -> Owner {
        Owner::Address(text.parse().unwrap())
    }

    /// Takes as much as it gets, one by one; how much that is.
    fn take_all(pool: &mut Pool, owner: &Owner) -> usize {
        while pool.fits(owner, 1) {
            pool.charge(owner, 1);
        }
        pool.used(owner)
    }

    #[test]
    fn who_takes_all_leaves_the_others_parts_and_some_of_the_rest() {
        let mut pool = Pool::new(1_000, 4);
        assert_eq!((pool.part, pool.rest), (100, 500));
        assert_eq!(take_all(&mut pool, &user("greedy")), 100 + 375);
        assert_eq!(take_all(&mut pool, &user("greedy, too")), 100 + 94);
        for honest in ["one", "other"] {
            assert!(pool.fits(&user(honest), 100), "{honest}");
        }
        // What one gives back, another gets.
        pool.credit(&user("greedy"), 475);
        assert!(pool.fits(&user("one"), 400));
    }

    #[test]
    fn addresses_take_no_users_part_however_many_they_are() {
        let mut pool = Pool::new(1_000, 4);
        for number in 0..200 {
            take_all(&mut pool, &address(&format!("10.0.0.{number}")));
        }
        assert!(pool.addresses <= 600, "{}", pool.addresses);
        assert!(pool.fits(&user("one"), 100));
    }

    #[test]
    fn without_users_one_address_gets_three_quarters() {
        let mut pool = Pool::new(1_000, 0);
        assert_eq!(take_all(&mut pool, &address("127.0.0.1")), 750);
        assert_eq!(take_all(&mut pool, &address("127.0.0.2")), 188);
        let mut single = Pool::new(1, 0);
        assert_eq!(take_all(&mut single, &address("127.0.0.1")), 1);
        assert!(!single.fits(&address("127.0.0.2"), 1));
    }

    #[test]
    fn other_settings_take_nothing_away() {
        let mut pool = Pool::new(1_000, 1);
        let [old, new] = [user("old"), user("new")];
        assert_eq!(take_all(&mut pool, &old), 250 + 375);
        pool.divide(100, 2);
        assert_eq!(pool.used(&old), 625);
        assert!(!pool.fits(&old, 1) && pool.fits(&new, 16));
        pool.credit(&old, 625);
        assert_eq!((pool.beyond, pool.used.len()), (0, 0));
    }

    proptest! {
        /// Whatever they do: never more than there is, and always a part for each user.
        #[test]
        fn the_total_holds_and_so_do_the_parts(
            total in 1_usize..2_000,
            users in 0_usize..6,
            steps in prop::collection::vec((0_usize..12, 1_usize..300, any::<bool>()), 0..300),
        ) {
            let owner = |number: usize| match number {
                number if number < users => user(&number.to_string()),
                number => address(&format!("10.0.0.{number}")),
            };
            let mut pool = Pool::new(total, users);
            for (number, amount, back) in steps {
                let owner = owner(number);
                if back {
                    pool.credit(&owner, amount.min(pool.used(&owner)));
                } else if pool.fits(&owner, amount) {
                    pool.charge(&owner, amount);
                }
                prop_assert!(pool.used.values().sum::<usize>() <= total);
                // After a restart all of it has room again.
                prop_assert!(pool.used.iter().all(|(owner, used)| *used <= pool.limit(owner)));
                for number in 0..users {
                    let user = user(&number.to_string());
                    prop_assert!(pool.used(&user) >= pool.part || pool.fits(&user, pool.part - pool.used(&user)));
                }
            }
        }
    }
}
