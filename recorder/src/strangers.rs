//! Meters that send minutes, but of which it is not known what they are.

use std::collections::{HashMap, HashSet};

use daemon_runtime::Shares;
use meter_messages::{Meter, OutboxId, SiteId};

/// Meters whose `info` was asked for over this connection. There may be as many as are recorded: minutes of
/// made-up ones cost no more.
#[derive(Debug)]
pub(crate) struct Strangers {
    asked: HashSet<Meter>,
    shares: Shares<SiteId>,
}

impl Strangers {
    /// Nobody was asked yet, of as many as there may be.
    pub(crate) fn new(max_meters: usize) -> Self {
        Self { asked: HashSet::new(), shares: Shares::new(max_meters) }
    }

    /// Those who were not asked for yet.
    pub(crate) fn introduce(
        &mut self,
        strangers: HashMap<Meter, Option<OutboxId>>,
    ) -> Vec<(Meter, Option<OutboxId>)> {
        let new = |(meter, _): &(Meter, _)| !self.asked.contains(meter) && self.shares.take(&meter.site);
        let new: Vec<_> = strangers.into_iter().filter(new).collect();
        self.asked.extend(new.iter().map(|(meter, _)| meter.clone()));
        new
    }
}
