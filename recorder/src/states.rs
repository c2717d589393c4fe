//! How far each meter is recorded, in the words of the ledger: what a recorder goes on with.

use std::collections::{HashMap, HashSet};

use meter_ledger::{Batch, Ledger, LedgerError, OutboxMark, UnheardMeter};
use meter_messages::{Meter, SiteId};

use crate::meter_state::{MeterState, progress_from};
use crate::progress::Progress;

/// The states of some sites' meters, and which others there are.
pub(crate) struct States {
    pub(crate) of: HashMap<Meter, MeterState>,
    pub(crate) others: Vec<Meter>,
}

/// What the ledger says of all meters.
struct Said {
    former: HashMap<Meter, Meter>,
    unheard: HashSet<Meter>,
}

/// Those of all meters of a ledger that is this recorder's alone.
pub(crate) fn of_file(ledger: &Ledger) -> Result<HashMap<Meter, MeterState>, LedgerError> {
    let mut said = Said::new(ledger.former_names()?, ledger.unheard_meters()?);
    let mut states = HashMap::new();
    for (meter, mark) in ledger.outbox_marks()? {
        let read = |mark: OutboxMark| {
            let (beyond, lost) = (ledger.beyond(&mark)?, ledger.lost(&mark)?);
            Ok(Progress::new(mark, beyond, lost))
        };
        let state = said.state(&meter, read(mark))?;
        states.extend(state.map(|state| (meter, state)));
    }
    Ok(states)
}

/// Those of some sites of a ledger that others write as well.
pub(crate) fn of_sites(batch: &mut Batch<'_>, sites: &HashSet<SiteId>) -> Result<States, LedgerError> {
    let mut said = Said::new(batch.former_names()?, batch.unheard_meters()?);
    let (mut of, mut others) = (HashMap::new(), Vec::new());
    for (meter, mark) in batch.outbox_marks()? {
        if !sites.contains(&meter.site) {
            others.push(meter);
            continue;
        }
        let state = said.state(&meter, progress_from(batch, mark))?;
        of.extend(state.map(|state| (meter, state)));
    }
    Ok(States { of, others })
}

impl Said {
    fn new(former: HashMap<Meter, Meter>, unheard: Vec<UnheardMeter>) -> Self {
        Self { former, unheard: unheard.into_iter().map(|it| it.meter).collect() }
    }

    /// That of a meter; `None`, and a line in the log, if its rows cannot be read.
    fn state(
        &mut self,
        meter: &Meter,
        progress: Result<Progress, LedgerError>,
    ) -> Result<Option<MeterState>, LedgerError> {
        match progress {
            Ok(progress) => {
                let mut state = MeterState::new(progress);
                state.is_unheard = self.unheard.contains(meter);
                state.now = self.former.remove(meter);
                Ok(Some(state))
            }
            Err(error) if error.is_of_rows() => {
                tracing::error!(%meter, %error, "what the ledger holds of this meter is damaged; it is not recorded");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
