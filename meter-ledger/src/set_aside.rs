//! What the ledger does not take for a meter, and why: so much of it is kept, or left with its publisher, and none of it stops
//! the others.

use foreign_text::foreign;
use jiff::Timestamp;
use meter_messages::{Meter, Minute};

use crate::error::{damaged, if_readable};
use crate::home::{Row, params};
use crate::{Batch, Ledger, LedgerError};

/// How many meters and reasons are noted: names can be made up.
const MOST_REFUSED: u64 = 1_000;

/// Why something was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A minute lies too far ahead of the recorder's clock. It is kept, and recorded once its time has come.
    Future,
    /// The same minute came with another count. The first one is recorded, the other one kept.
    Contradiction,
    /// More minutes of the far future than are kept of a site. Their publisher keeps them.
    TooFarAhead,
    /// What the ledger holds of the meter cannot be read. Its publisher keeps what is new.
    Rows,
    /// The meter has had as many outboxes as it may have. Its publisher keeps what is new.
    TooManyOutboxes,
    /// Its site has as many meters as it may have. Its publisher keeps what it has.
    TooManyMeters,
}

impl Reason {
    const ALL: [Self; 6] = [
        Self::Future,
        Self::Contradiction,
        Self::TooFarAhead,
        Self::Rows,
        Self::TooManyOutboxes,
        Self::TooManyMeters,
    ];

    /// Its name in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Future => "future",
            Self::Contradiction => "contradiction",
            Self::TooFarAhead => "too far ahead",
            Self::Rows => "rows",
            Self::TooManyOutboxes => "too many outboxes",
            Self::TooManyMeters => "too many meters",
        }
    }

    fn of(text: &str) -> Result<Self, LedgerError> {
        let known = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        known.ok_or_else(|| damaged(format_args!("set aside because of \"{}\"", foreign(text))))
    }
}

/// What was set aside of a meter for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The meter, by the name that it came under or has now.
    pub meter: Meter,
    /// Why.
    pub reason: Reason,
    /// How many minutes are kept, or how often something was refused.
    pub number: u64,
    /// The last of the minutes that are kept, or when something was refused for the last time.
    pub last: Timestamp,
}

impl Batch<'_> {
    /// Notes that so many messages of a meter were refused at `now`; their publisher keeps what they said.
    pub fn note_refused(
        &mut self,
        meter: &Meter,
        reason: Reason,
        messages: u64,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let (site, id) = (meter.site.as_str(), meter.meter.as_str());
        let is_noted = self
            .transaction()
            .prepare_cached(
                "UPDATE refused SET messages = messages + ?4, newest = ?5 WHERE site = ?1 AND meter = ?2 AND reason = ?3",
            )?
            .execute(params![site, id, reason.as_str(), messages, now.as_second()])?;
        if is_noted == 0 {
            self.transaction()
                .prepare_cached(
                    "INSERT INTO refused (site, meter, reason, messages, newest) SELECT ?1, ?2, ?3, ?4, ?5
                     WHERE (SELECT count(*) FROM refused) < ?6",
                )?
                .execute(params![site, id, reason.as_str(), messages, now.as_second(), MOST_REFUSED])?;
        }
        Ok(())
    }
}

impl Ledger {
    /// All that was set aside, by meter and reason.
    pub fn set_aside(&self) -> Result<Vec<SetAside>, LedgerError> {
        let _state = self.one_state()?;
        let mut statement = self.connection.prepare_cached(
            "SELECT site, meter.meter, reason, count(*), max(minute) * 60 FROM aside JOIN meter ON meter.id = aside.meter
             GROUP BY meter.id, site, meter.meter, reason
             UNION ALL SELECT site, meter, reason, messages, newest FROM refused
             ORDER BY 1, 2, 3",
        )?;
        let rows = statement.query_map([], |row| Ok(SetAside::of(row)))?;
        rows.filter_map(|row| {
            row.map_err(LedgerError::from).and_then(|row| if_readable("unknown", row)).transpose()
        })
        .collect()
    }
}

impl SetAside {
    fn of(row: &Row<'_>) -> Result<Self, LedgerError> {
        let (site, meter, reason): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let last: i64 = row.get(4)?;
        Ok(Self {
            meter: Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? },
            reason: Reason::of(&reason)?,
            number: row.get(3)?,
            last: Timestamp::from_second(last)
                .unwrap_or_else(|_| Minute::nearest(last.div_euclid(Minute::SECONDS)).timestamp()),
        })
    }
}
