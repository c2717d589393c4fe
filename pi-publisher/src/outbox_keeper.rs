//! The one thread that owns the outbox: writes what was counted, reads what is
//! to be sent.

use std::time::{Duration, Instant};

use daemon_runtime::{Alive, OwnerThread};
use flume::{Receiver, RecvTimeoutError, Sender};
use meter_messages::Minute;
use tokio::sync::{oneshot, watch};

use crate::outbox::{Account, Entry, KeptMinute, Outbox, OutboxError};
use crate::pulse_counter::{FinishedMinute, MinuteInProgress};
use crate::totals::counter_state::CounterState;

/// How long a refused write (a full disk) waits for its next try. Meanwhile
/// what was counted stays in memory.
const RETRY: Duration = Duration::from_secs(1);

/// How often delivered minutes that are too old are dropped.
const PRUNE_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// Finished minutes of one meter, and the one that goes on.
#[derive(Debug)]
pub struct Counted {
    /// The meter's place among the publisher's meters.
    pub meter: usize,
    /// Minutes that are over.
    pub finished: Vec<FinishedMinute>,
    /// The minute that is not.
    pub in_progress: Option<MinuteInProgress>,
    /// Where the counter stands that they are made of, if they are.
    pub counter: Option<CounterState>,
}

/// What the thread is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Keep this.
    Counted(Counted),
    /// The recorder has everything up to `seq`.
    Mark {
        /// The meter's place.
        meter: usize,
        /// The mark.
        seq: u64,
    },
    /// Read minutes after `seq`.
    Read {
        /// The meter's place.
        meter: usize,
        /// The last one not wanted.
        after: u64,
        /// At most so many.
        limit: usize,
        /// Where they go.
        reply: oneshot::Sender<Result<Vec<KeptMinute>, OutboxError>>,
    },
}

/// How far a meter's outbox reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The lowest `seq` that is kept.
    pub oldest_seq: u64,
    /// The highest one.
    pub last_seq: u64,
    /// Whether it can be written: a full disk refuses, and minutes wait in memory.
    pub writable: bool,
}

/// The thread's state.
pub struct OutboxKeeper {
    outbox: Outbox,
    entries: Vec<Entry>,
    extents: Vec<watch::Sender<Extent>>,
    keep_days: u32,
    pruned: Option<Instant>,
    refused: bool,
}

impl OutboxKeeper {
    /// Keeps the given accounts; each receiver tells how far its outbox reaches.
    pub fn new(
        outbox: Outbox,
        accounts: Vec<Account>,
        keep_days: u32,
    ) -> (Self, Vec<watch::Receiver<Extent>>) {
        let extent = |account: &Account| Extent {
            oldest_seq: account.oldest_seq,
            last_seq: account.last_seq,
            writable: true,
        };
        let (extents, newest) = accounts.iter().map(|account| watch::channel(extent(account))).unzip();
        let entries = accounts.into_iter().map(|account| {
            let in_progress = account.in_progress;
            Entry { account, finished: Vec::new(), in_progress }
        });
        let keeper =
            Self { outbox, entries: entries.collect(), extents, keep_days, pruned: None, refused: false };
        (keeper, newest)
    }

    /// Works until every sender of commands is gone.
    pub fn spawn(mut self) -> std::io::Result<(Sender<Command>, OwnerThread)> {
        // Counting never waits for a disk: what it hands over waits here.
        let (sender, commands) = flume::unbounded();
        let thread = OwnerThread::spawn("outbox", move |alive| {
            self.run(alive, &commands);
            Ok(())
        })?;
        Ok((sender, thread))
    }

    fn run(&mut self, alive: &Alive, commands: &Receiver<Command>) {
        loop {
            let refused = self.refused;
            let first = alive.wait(|| match refused {
                true => commands.recv_timeout(RETRY),
                false => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
            });
            let gone = matches!(first, Err(RecvTimeoutError::Disconnected));
            // Whatever has come together goes to disk together.
            for command in first.into_iter().chain(commands.try_iter()) {
                self.take(command);
            }
            self.write(gone);
            if gone {
                return;
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Counted(counted) => {
                let entry = &mut self.entries[counted.meter];
                entry.finished.extend(counted.finished);
                entry.in_progress = counted.in_progress;
                entry.account.counter = counted.counter.or(entry.account.counter.take());
            }
            Command::Mark { meter, seq } => self.entries[meter].account.mark = seq,
            Command::Read { meter, after, limit, reply } => {
                // Whoever asked may have lost its connection meanwhile.
                let _ = reply.send(self.outbox.after(&self.entries[meter].account, after, limit));
            }
        }
    }

    /// Commits what has come; at the `end` also without a finished minute, for
    /// the sake of the minute in progress.
    fn write(&mut self, end: bool) {
        if !end && self.entries.iter().all(|entry| entry.finished.is_empty()) {
            return;
        }
        match self.outbox.append(&mut self.entries) {
            Ok(()) => {
                if std::mem::take(&mut self.refused) {
                    tracing::info!("the outbox can be written again");
                }
                self.prune();
                self.publish_extents();
            }
            Err(error) if end => tracing::error!(%error, "the last minutes could not be written"),
            Err(error) => {
                if !std::mem::replace(&mut self.refused, true) {
                    tracing::error!(%error, "the outbox cannot be written; counting continues in memory");
                    self.publish_extents();
                }
            }
        }
    }

    fn prune(&mut self) {
        if self.pruned.is_some_and(|at| at.elapsed() < PRUNE_EVERY) {
            return;
        }
        self.pruned = Some(Instant::now());
        for entry in &mut self.entries {
            let Some(newest) = entry.account.last_minute else { continue };
            let days = i64::from(self.keep_days) * 24 * 60;
            let keep_from = Minute::nearest(newest.epoch_minutes() - days);
            match self.outbox.prune(&entry.account, keep_from) {
                Ok(oldest_seq) => entry.account.oldest_seq = oldest_seq,
                Err(error) => tracing::warn!(%error, "old minutes could not be deleted"),
            }
        }
    }

    fn publish_extents(&self) {
        for (entry, extent) in self.entries.iter().zip(&self.extents) {
            let Account { oldest_seq, last_seq, .. } = entry.account;
            extent.send_replace(Extent { oldest_seq, last_seq, writable: !self.refused });
        }
    }
}
