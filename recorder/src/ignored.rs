//! Why a message is ignored, or left to its publisher.

use meter_ledger::{CorrectingError, LedgerError, Reason};
use meter_messages::{PayloadError, TopicError};

use crate::day_prices::NotEntered;

/// Why a message is ignored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ignored {
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("a minute without an outbox, of a meter whose info has not arrived yet")]
    NoInfoYet,
    #[error("what the ledger holds of the meter does not let it be recorded: {0}")]
    Rows(LedgerError),
    #[error("its meter or its site has had as many outboxes as it may have")]
    TooManyOutboxes,
    #[error("a retained info that is older than one received since")]
    Outdated,
    #[error("a retained info of a meter that was forgotten since")]
    Forgotten,
    #[error("its site has as many meters as it may have")]
    TooManyMeters,
    #[error("a minute far in the future of a site of which too many are kept aside")]
    TooFarAhead,
    #[error("a reading of a meter that has never been recorded")]
    UnknownMeter,
    #[error("a reading in the wrong unit: kwh is for electricity, m3 for gas and water")]
    OtherUnit,
    #[error("the meter has as many readings as it may have")]
    TooManyReadings,
    #[error("a retained reading, which may be older than its correction")]
    RetainedReading,
    #[error("a retained correction, which may have been undone since")]
    RetainedCorrection,
    #[error(transparent)]
    Correction(CorrectingError),
    #[error(transparent)]
    Prices(#[from] NotEntered),
}

impl Ignored {
    /// Why the meter's publisher has to keep what it says; `None` where nothing is kept.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Rows(_) => Some(Reason::Rows),
            Self::TooManyOutboxes => Some(Reason::TooManyOutboxes),
            Self::TooManyMeters => Some(Reason::TooManyMeters),
            Self::TooFarAhead => Some(Reason::TooFarAhead),
            _ => None,
        }
    }
}
