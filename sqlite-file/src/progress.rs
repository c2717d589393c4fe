//! How far a long step is, for whoever reads the log.

/// How far the upgrade of a file is; a line is logged for each tenth of it.
#[derive(Debug)]
pub struct Progress {
    name: &'static str,
    done: u64,
    of: u64,
    tenths: u64,
}

impl Progress {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, done: 0, of: 0, tenths: 0 }
    }

    /// How much there is to do, in whatever [`Self::add`] counts.
    pub fn expect(&mut self, of: u64) {
        (self.done, self.of, self.tenths) = (0, of, 0);
    }

    /// So much more is done.
    pub fn add(&mut self, done: u64) {
        self.done += done;
        let tenths = (10 * self.done).checked_div(self.of).unwrap_or(10);
        if tenths > self.tenths {
            self.tenths = tenths;
            tracing::info!("upgrading the {}: {} %", self.name, 10 * tenths);
        }
    }
}
