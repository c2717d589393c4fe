//! How much the exchange does at a stretch. Whatever may become much is counted, so that clients
//! are served in between.

/// Clients are served again after so much work: some 20 milliseconds of it.
pub(crate) const WORK_OF_A_ROUND: usize = 200_000;

/// What may still be done in this round. A unit is about what it takes to compare one level of a
/// topic with one of a filter.
#[derive(Debug)]
pub(crate) struct Work {
    left: usize,
    done: usize,
}

impl Work {
    pub(crate) fn of_a_round() -> Work {
        Work::of(WORK_OF_A_ROUND)
    }

    pub(crate) fn of(units: usize) -> Work {
        Work { left: units, done: 0 }
    }

    /// Whether the rest has to wait.
    pub(crate) fn is_used_up(&self) -> bool {
        self.left == 0
    }

    /// What was done, also beyond what may be.
    pub(crate) fn done(&self) -> usize {
        self.done
    }

    /// Levels are compared.
    pub(crate) fn levels(&mut self, count: usize) {
        self.spend(count);
    }

    /// A filter is granted.
    pub(crate) fn grant(&mut self) {
        self.spend(50);
    }

    /// A retained message is delivered.
    pub(crate) fn deliver(&mut self) {
        self.spend(100);
    }

    /// Whether rumqttd may be asked to compare so many topics with filters: each a call that takes
    /// both apart.
    pub(crate) fn matches(&mut self, count: usize) -> bool {
        let units = count.saturating_mul(10);
        let fits = units <= self.left;
        if fits {
            self.spend(units);
        }
        fits
    }

    fn spend(&mut self, units: usize) {
        self.left = self.left.saturating_sub(units);
        self.done += units;
    }
}
