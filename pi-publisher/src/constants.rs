//! The meter constants over time, as the outbox keeps them: a replaced meter may
//! have another one, and minutes from before keep theirs.

use meter_messages::{ConstantFrom, MeterConstant, Minute};
use rusqlite::params;

use crate::outbox::{Account, Outbox, OutboxError};

/// A constant, and since when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Its first minute.
    pub minute: Minute,
    /// The total, in pulses, when it began.
    pub total: u64,
    /// The constant.
    pub constant: MeterConstant,
}

/// A meter's constants, the current one last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constants(Vec<Since>);

impl Constants {
    /// One that has always applied.
    pub fn always(constant: MeterConstant) -> Self {
        Self(vec![Since { minute: Minute::nearest(0), total: 0, constant }])
    }

    /// How much `total` pulses are, in kWh or m³.
    pub fn quantity(&self, total: u64) -> f64 {
        let ends = self.0.iter().skip(1).map(|since| since.total).chain([total]);
        let parts = self
            .0
            .iter()
            .zip(ends)
            .map(|(since, end)| since.constant.quantity(end.saturating_sub(since.total)));
        parts.sum()
    }

    /// The `history` of `info`: empty unless they changed.
    pub fn history(&self) -> Vec<ConstantFrom> {
        let from = |since: &Since| ConstantFrom { minute: since.minute, constant: since.constant };
        if self.0.len() > 1 { self.0.iter().map(from).collect() } else { Vec::new() }
    }
}

impl Outbox {
    /// The constants of a meter whose settings say `present`. If that is new, it
    /// applies from the minute after `newest` on, and from `total` pulses.
    pub fn constants(
        &mut self,
        account: &Account,
        present: MeterConstant,
        newest: Option<Minute>,
        total: u64,
    ) -> Result<Constants, OutboxError> {
        let mut known = self.known_constants(account)?;
        if known.last().is_some_and(|last| last.constant == present) {
            return Ok(Constants(known));
        }
        let since = match newest {
            Some(newest) if !known.is_empty() => {
                Since { minute: Minute::nearest(newest.epoch_minutes() + 1), total, constant: present }
            }
            _ => Since { minute: Minute::nearest(0), total: 0, constant: present },
        };
        known.retain(|before| before.minute < since.minute);
        known.push(since);
        self.connection.execute(
            "INSERT OR REPLACE INTO constant (account, from_minute, from_total, millionths)
             VALUES (?1, ?2, ?3, ?4)",
            params![account.row, since.minute.epoch_minutes(), since.total, present.millionths()],
        )?;
        Ok(Constants(known))
    }

    fn known_constants(&self, account: &Account) -> Result<Vec<Since>, OutboxError> {
        let mut statement = self.connection.prepare(
            "SELECT from_minute, from_total, millionths FROM constant WHERE account = ?1 ORDER BY from_minute",
        )?;
        let rows = statement.query_map([account.row], |row| {
            let constant: u64 = row.get(2)?;
            Ok(Since {
                minute: Minute::nearest(row.get(0)?),
                total: row.get(1)?,
                constant: MeterConstant::from_millionths(constant)
                    .map_err(|_| rusqlite::Error::InvalidQuery)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
