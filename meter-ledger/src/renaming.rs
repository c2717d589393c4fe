//! Giving a meter another name. Its history goes along, and what its publisher still sends under the old one is its own, too:
//! see `names`.

use foreign_text::foreign;
use jiff::Timestamp;
use meter_messages::{Meter, Minute};

use crate::error::if_readable;
use crate::home::{OptionalRow, SqlError, params};
use crate::names::{self, Name};
use crate::{Batch, Forgotten, LedgerError, rows};

/// Why a meter was not renamed, or not merged into another. Then nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum MovingError {
    /// The ledger has failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no such meter, or its `info` has not come yet.
    #[error("the ledger knows no meter {0}; `powerpi ledger meters` lists those that it knows")]
    UnknownMeter(Meter),
    /// It is called otherwise by now.
    #[error("{0} is a former name of {1}; name that")]
    FormerName(Meter, Meter),
    /// Both names are the same.
    #[error("both are the same meter")]
    Same,
    /// The new name is another meter's.
    #[error("there is a meter {1} already; `powerpi ledger merge {0} {1}` puts both together")]
    IsThere(Meter, Meter),
    /// They measure different things.
    #[error("they count different things: {0} and {1}")]
    OtherMedium(String, String),
    /// Both have minutes in a time in which their constants differ.
    #[error(
        "the times in which they were counted overlap, and there their meter constants differ, as on {0}: their pulses \
         cannot be added up"
    )]
    OtherConstant(Minute),
    /// Both have watched the same minutes.
    #[error(
        "both were counted in the same time: in {minutes} minutes, first on {first}. Together they would be counted \
         twice; if one of them is wrong there, forget it instead"
    )]
    CountedTwice {
        /// How many minutes.
        minutes: u64,
        /// The first of them.
        first: Minute,
    },
    /// A correction of one is of minutes of the other.
    #[error(
        "correction {0} is of a time in which the other meter was counted, too, and would change that as well; take it \
         back first: `powerpi ledger undo {0}`"
    )]
    Corrected(i64),
    /// They would have more corrections together than a meter may have.
    #[error("together they would have more corrections than a meter may have")]
    TooManyCorrections,
}

impl From<SqlError> for MovingError {
    fn from(error: SqlError) -> Self {
        Self::Ledger(error.into())
    }
}

/// A meter that has another name now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// What it was called.
    pub before: Meter,
    /// What it is called now.
    pub now: Meter,
    /// Its name for people.
    pub name: String,
    /// Its newest minute.
    pub newest: Option<Minute>,
}

/// A meter that is to move.
pub(crate) struct Moving {
    pub(crate) row: i64,
    pub(crate) name: String,
    pub(crate) newest: Option<Minute>,
}

impl Batch<'_> {
    /// Gives a meter another name at `now`. What comes under the old one is recorded for it as before. Names that it had
    /// before can be taken again.
    ///
    /// # Errors
    /// If there is no such meter, or another one of the new name.
    pub fn rename(
        &mut self,
        before: &Meter,
        now: &Meter,
        by: &str,
        at: Timestamp,
    ) -> Result<Renamed, MovingError> {
        let moving = self.moving(before)?;
        if before == now {
            return Err(MovingError::Same);
        }
        let taken = names::find(self.transaction(), now)?;
        match taken {
            Some(taken) if !taken.is_former() => {
                return Err(MovingError::IsThere(before.clone(), now.clone()));
            }
            Some(taken) if taken.meter_row != moving.row => {
                return Err(self.former_name(now, taken)?);
            }
            _ => {}
        }
        self.exchange_names((before, moving.row), now, taken)?;
        self.move_site_of_kept_aside(moving.row, before, now)?;
        let Moving { name, newest, .. } = moving;
        let gone = Forgotten {
            id: 0,
            meter: before.clone(),
            name: name.clone(),
            newest,
            moved_to: Some(now.clone()),
        };
        self.note_gone(gone, by, at)?;
        self.look_again()?;
        Ok(Renamed { before: before.clone(), now: now.clone(), name, newest })
    }

    /// The meter's outboxes stay with the name that they send under.
    fn exchange_names(
        &mut self,
        (before, row): (&Meter, i64),
        now: &Meter,
        taken: Option<Name>,
    ) -> Result<(), LedgerError> {
        let transaction = self.transaction();
        let former: i64 = transaction.query_row(
            "INSERT INTO meter (site, meter, name, constant_millionths, outbox, moved_to)
             SELECT '', '', '', 0, outbox, id FROM meter WHERE id = ?1 RETURNING id",
            [row],
            |row| row.get(0),
        )?;
        let give = |to: i64, from: i64| {
            transaction.execute("UPDATE outbox SET meter = ?1 WHERE meter = ?2", [to, from])
        };
        give(former, row)?;
        if let Some(taken) = taken {
            give(row, taken.row)?;
            transaction.execute(
                "UPDATE meter SET outbox = (SELECT outbox FROM meter WHERE id = ?2) WHERE id = ?1",
                [row, taken.row],
            )?;
            transaction.execute("DELETE FROM meter WHERE id = ?1", [taken.row])?;
        }
        let name = |row: i64, meter: &Meter| {
            transaction.execute(
                "UPDATE meter SET site = ?2, meter = ?3 WHERE id = ?1",
                params![row, meter.site.as_str(), meter.meter.as_str()],
            )
        };
        name(row, now)?;
        name(former, before)?;
        Ok(())
    }

    /// A meter by its present name, which has said what it is.
    pub(crate) fn moving(&self, meter: &Meter) -> Result<Moving, MovingError> {
        let unknown = || MovingError::UnknownMeter(meter.clone());
        let known = names::find(self.transaction(), meter)?.ok_or_else(unknown)?;
        if known.is_former() {
            return Err(self.former_name(meter, known)?);
        }
        let name: Option<String> = self
            .transaction()
            .query_row(
                "SELECT name FROM meter WHERE id = ?1 AND constant_millionths > 0",
                [known.row],
                |row| row.get(0),
            )
            .optional()?;
        let name = foreign(&name.ok_or_else(unknown)?).to_string();
        let newest = if_readable(meter, rows::before(self.transaction(), known.row, i64::MAX))?;
        let newest = newest.unwrap_or_default().first().map(|row| Minute::nearest(row.minute));
        Ok(Moving { row: known.row, name, newest })
    }

    fn former_name(&self, meter: &Meter, known: Name) -> Result<MovingError, LedgerError> {
        debug_assert!(known.is_former());
        let now = names::now(self.transaction(), meter)?;
        Ok(MovingError::FormerName(meter.clone(), now.unwrap_or_else(|| meter.clone())))
    }

    /// How many minutes are kept aside is limited by their site.
    pub(crate) fn move_site_of_kept_aside(
        &self,
        row: i64,
        before: &Meter,
        now: &Meter,
    ) -> Result<(), LedgerError> {
        let add = |site: &str, sign: i64| {
            self.transaction().execute(
                "INSERT INTO aside_of_site (site, minutes) SELECT ?1, count(*) FROM aside WHERE meter = ?2 HAVING count(*) > 0
                 ON CONFLICT (site) DO UPDATE SET minutes = aside_of_site.minutes + ?3 * excluded.minutes",
                params![site, row, sign],
            )
        };
        if before.site != now.site {
            add(before.site.as_str(), -1)?;
            add(now.site.as_str(), 1)?;
        }
        Ok(())
    }
}
