//! A picture: which one it is, and until when it is the newest.

use std::sync::Arc;

use daemon_runtime::OwnerEnded;
use meter_figures::Period;
use meter_messages::{Meter, PeriodKind};
use meter_rrd::{DatabaseError, Picture, Size, Theme};
use web_http::{Lasts, Prepared};

use crate::ledger::reader::ReadError;
use crate::texts::Language;

/// Seconds after a minute's end until it is surely recorded: pictures change then.
const SETTLED_S: i64 = 8;

/// Which picture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PictureKey {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// How much time.
    pub(crate) kind: PeriodKind,
    /// Which time, where it is not the time up to now.
    pub(crate) period: Option<Period>,
    /// Its format.
    pub(crate) picture: Picture,
    /// Its colours.
    pub(crate) theme: Theme,
    /// Its layout.
    pub(crate) size: Size,
    /// Its words.
    pub(crate) language: Language,
}

/// A picture, and until when it is the newest.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// The file.
    pub(crate) file: Arc<Prepared>,
    /// The minute (by its pictures, not the clock) it belongs to, see [`round`].
    pub(super) round: i64,
    /// Whether it shows a time that is over.
    pub(super) over: bool,
}

impl Drawn {
    /// Until when nobody need ask again.
    pub(crate) fn lasts(&self) -> Lasts {
        match self.over {
            true => Lasts::closed(),
            false => Lasts::until((self.round + 1) * 60 + SETTLED_S),
        }
    }

    /// Whether it need not be drawn anew.
    pub(super) fn is_good(&self) -> bool {
        round() == self.round
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    /// Nobody recorded this meter, or its file is not there yet.
    #[error("this meter has no picture")]
    NotFound,
    /// The ledger does not answer.
    #[error(transparent)]
    Ledger(#[from] ReadError),
    /// Nobody draws any more.
    #[error("the drawing thread has stopped")]
    Stopped(#[from] OwnerEnded),
    /// It cannot be drawn.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The minute to which a picture belongs that is drawn now.
pub(super) fn round() -> i64 {
    (daemon_runtime::now().as_second() - SETTLED_S).div_euclid(60)
}
