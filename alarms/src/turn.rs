//! One alarms program among several beside a ledger in PostgreSQL: whether it has the watch, and the record that goes with it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use daemon_runtime::Owner;
use meter_ledger::{Address, AlarmWatch, LedgerError, LedgerHome, Watcher};
use tokio_util::sync::CancellationToken;

use crate::patience::Patience;
use crate::record::Record;

/// How often each looks, and who has the watch gives a sign of life.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the thread owns that asks the database.
#[derive(Debug)]
pub struct Turn {
    address: Address,
    row: Option<AlarmWatch>,
    /// Its number, if it has the watch as far as it knows.
    me: Option<Watcher>,
    patience: Patience,
}

impl Turn {
    /// Starts the thread; `None` where the ledger is a file, which belongs to one program.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn start(ledger: &LedgerHome) -> anyhow::Result<Option<Owner<Self>>> {
        let LedgerHome::Database(address) = ledger else { return Ok(None) };
        let turn = Self { address: (**address).clone(), row: None, me: None, patience: Patience::default() };
        let (turn, _ends_by_itself) = Owner::spawn("watch", turn).context("starting the watch's thread")?;
        Ok(Some(turn))
    }

    /// Whether it has the watch; it takes it if nobody else has.
    fn has_come(&mut self) -> Result<bool, LedgerError> {
        let (me, mut patience) = (self.me, std::mem::take(&mut self.patience));
        let looked = self.ask(|row| {
            let seen = row.look()?;
            if Some(seen.watcher) == me && seen.signs.is_some() {
                return Ok(me);
            }
            if patience.is_over(seen, Instant::now()) { row.take(seen) } else { Ok(None) }
        });
        self.patience = patience;
        self.me = looked?;
        Ok(self.me.is_some())
    }

    /// Whether it still has the watch. It is a sign of life, too.
    pub(crate) fn lasts(&mut self) -> Result<bool, LedgerError> {
        let Some(me) = self.me else { return Ok(false) };
        self.ask(|row| row.give_sign_of_life(me))
    }

    /// Puts the record on disk; false if the watch is another's.
    pub(crate) fn keep(&mut self, record: &str) -> Result<bool, LedgerError> {
        let Some(me) = self.me else { return Ok(false) };
        self.ask(|row| row.keep(me, record))
    }

    fn leave(&mut self) -> Result<(), LedgerError> {
        let Some(me) = self.me.take() else { return Ok(()) };
        self.ask(|row| row.leave(me))
    }

    fn ask<T>(
        &mut self,
        question: impl FnOnce(&AlarmWatch) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let row = match self.row.take() {
            Some(row) => row,
            None => AlarmWatch::open(&self.address)?,
        };
        let answer = question(&row)?;
        self.row = Some(row);
        Ok(answer)
    }
}

/// Stands by until this program has the watch; what is known of alarms then, `None` if nobody ever watched beside this
/// ledger. `None` on `shutdown`, too.
pub(crate) async fn stand_by(turn: &Owner<Turn>, shutdown: &CancellationToken) -> Option<Option<String>> {
    let (mut is_refused, mut is_told) = (false, false);
    loop {
        let taken = turn.ask(|turn| match turn.has_come()? {
            true => turn.ask(AlarmWatch::record).map(Some),
            false => Ok(None),
        });
        match taken.await.ok()? {
            Ok(Some(record)) => return Some(record),
            Ok(None) if !std::mem::replace(&mut is_told, true) => {
                tracing::info!("another powerpi-alarms watches; this one stands by");
            }
            Ok(None) => {}
            Err(error) if !std::mem::replace(&mut is_refused, true) => {
                tracing::warn!(
                    "nothing is watched yet: {error}{}; retried every second",
                    what_is_needed(&error)
                );
            }
            Err(_) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return None,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

fn what_is_needed(error: &LedgerError) -> &'static str {
    match error.is_refused() {
        true => " (this program's user of the database needs UPDATE on alarm_watch, see docs/CLUSTER.md)",
        false => "",
    }
}

/// Gives signs of life until `stop`, and stops the others once the watch is another's.
pub(crate) async fn hold(turn: &Owner<Turn>, stop: &CancellationToken) {
    let mut is_refused = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        match turn.ask(Turn::lasts).await {
            Ok(Ok(true)) => is_refused = false,
            Ok(Ok(false)) => {
                tracing::warn!("another powerpi-alarms has taken this one for gone, and watches");
                stop.cancel();
            }
            Ok(Err(error)) if !std::mem::replace(&mut is_refused, true) => {
                tracing::warn!("no notice is sent until the database answers: {error}");
            }
            Ok(Err(_)) => {}
            Err(_) => stop.cancel(),
        }
    }
}

/// Leaves the watch to others. If that fails, they notice in some seconds.
pub(crate) async fn leave(turn: &Owner<Turn>) {
    if let Ok(Err(error)) = turn.ask(Turn::leave).await {
        tracing::warn!("others notice only in some seconds that this program has ended: {error}");
    }
}

/// What is known of alarms when the watch is taken.
pub(crate) fn known(record: Option<String>, state_file: &Path) -> anyhow::Result<Record> {
    match record {
        Some(json) => {
            serde_json::from_str(&json).context("what the ledger's database keeps of alarms is damaged")
        }
        // Before there was a database, this program kept it here.
        None => Record::read(state_file),
    }
}
