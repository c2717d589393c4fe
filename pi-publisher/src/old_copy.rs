//! An outbox that is an old copy of one that went on: its card was set back.
//!
//! It gives numbers to new minutes that the recorder already has for others. The
//! mark shows this: it lies beyond the outbox, or its minute is not the one with
//! that number here, or the recorder says so. Then all that it holds goes on in a new outbox. Which of it is recorded
//! nobody can tell from numbers that mean two things: a mark may be older than the ledger that was put back, and the
//! copy may have counted minutes before the mark's. The recorder knows by their content those that it has.

use meter_messages::{Mark, MeterId, OutboxId, PulseCount};
use rusqlite::params;

use crate::interim::{Interim, resume};
use crate::outbox::{Account, Entry, Outbox, OutboxError};
use crate::safekeeping::{Newest, Safekeeping, boot_id, kept};
use crate::settings::Settings;

/// What a mark says of the outbox that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its minutes are this outbox's.
    Own,
    /// They are not: this outbox is an old copy.
    OldCopy,
    /// It is an old copy, but the disk is full, and no new outbox can be started. The mark is not taken: it covers
    /// numbers that this copy gives to other minutes. It comes again once the first of them is sent.
    Later,
}

/// Compares a mark with the outbox's minute of the mark's number, and with the number where the outbox ends.
pub fn judge(mark: &Mark, row: Option<&PulseCount>, last_seq: u64, writable: bool) -> Verdict {
    match (shows_old_copy(mark, row, last_seq), writable) {
        (false, _) => Verdict::Own,
        (true, true) => Verdict::OldCopy,
        (true, false) => Verdict::Later,
    }
}

fn shows_old_copy(mark: &Mark, row: Option<&PulseCount>, last_seq: u64) -> bool {
    match (mark.minute, row) {
        _ if mark.set_back || mark.seq > last_seq => true,
        (Some(minute), Some(row)) => row.minute != minute,
        // Before the first minute, or dropped since: nothing to compare with.
        (None, _) | (_, None) => false,
    }
}

/// Starts a new outbox with all that is there; `None` if the meter has none.
///
/// # Errors
/// If the disk fails or the outbox is damaged; the outbox is then unchanged.
pub(crate) fn begin_anew(settings: &Settings, meter: &MeterId) -> Result<Option<OutboxId>, OutboxError> {
    let mut outbox = Outbox::open(&settings.state_dir)?;
    let Some(account) = outbox.existing_account(meter)? else { return Ok(None) };
    let kept = kept(&settings.runtime_dir, &settings.state_dir, meter, &account);
    let resumed = resume(&account, &kept, &boot_id());
    // What the previous run could not write any more.
    let in_progress = resumed.in_progress;
    let account = Account { counter: resumed.counter.clone(), ..account };
    outbox.append(&mut [Entry { account: account.clone(), finished: resumed.finished, in_progress }])?;
    let new = outbox.new_id()?;
    // Pulses that wait for the clock are nowhere else.
    let interim = Interim {
        outbox: new.clone(),
        finished: Vec::new(),
        in_progress,
        waiting: resumed.waiting,
        line: resumed.line,
        clock: None,
        counter: resumed.counter,
    };
    let renamed = Account { outbox: new.clone(), ..account };
    Safekeeping::new(&settings.runtime_dir, meter, &renamed, Newest::default()).keep(&interim);
    outbox.renumber(&renamed)?;
    Ok(Some(new))
}

impl Outbox {
    fn new_id(&self) -> Result<OutboxId, OutboxError> {
        let id: String =
            self.connection.query_row("SELECT lower(hex(randomblob(8)))", [], |row| row.get(0))?;
        Ok(id.parse().map_err(|_| rusqlite::Error::InvalidQuery)?)
    }

    /// Gives an account another id, and its minutes numbers from 1 on.
    fn renumber(&mut self, renamed: &Account) -> Result<(), OutboxError> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "UPDATE account SET outbox = ?2, mark = 0 WHERE id = ?1",
            params![renamed.row, renamed.outbox.as_str()],
        )?;
        // Through negative numbers, so that none is used twice meanwhile. An outbox that begins with 1 keeps its own.
        transaction.execute(
            "UPDATE minute SET seq = -place
             FROM (SELECT seq AS old, row_number() OVER (ORDER BY seq) AS place FROM minute WHERE account = ?1)
             WHERE account = ?1 AND seq = old AND old != place",
            [renamed.row],
        )?;
        transaction.execute("UPDATE minute SET seq = -seq WHERE account = ?1 AND seq < 0", [renamed.row])?;
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::Minute;

    use super::*;
    use crate::pulse_counter::FinishedMinute;

    fn minute(number: i64) -> Minute {
        Minute::from_epoch_minutes(29_000_000 + number).unwrap()
    }

    fn mark(seq: u64, number: i64) -> Mark {
        Mark::new("a".parse().unwrap(), seq, (seq > 0).then(|| minute(number)))
    }

    fn row(seq: u64, number: i64) -> PulseCount {
        PulseCount { minute: minute(number), watched_s: 60, seq, pulses: 1, total: seq }
    }

    #[test]
    fn a_mark_for_other_minutes_shows_an_old_copy() {
        assert!(shows_old_copy(&mark(11, 11), None, 10), "beyond the end");
        assert!(shows_old_copy(&mark(5, 5), Some(&row(5, 60)), 10), "another minute");
        assert!(!shows_old_copy(&mark(5, 5), Some(&row(5, 5)), 10));
        assert!(!shows_old_copy(&mark(5, 5), None, 10), "dropped since");
        let set_back = Mark { set_back: true, ..mark(5, 5) };
        assert!(
            shows_old_copy(&set_back, Some(&row(5, 5)), 10),
            "of what it was copied from nothing is taken either"
        );
        assert!(!shows_old_copy(&mark(0, 0), None, 0), "nothing is recorded");
        // On a full disk it is not taken for the copy's own.
        let of_full_disk = |mark, last_seq| judge(&mark, None, last_seq, false);
        assert_eq!(
            (of_full_disk(mark(11, 11), 10), of_full_disk(mark(11, 11), 11)),
            (Verdict::Later, Verdict::Own)
        );
        assert_eq!(judge(&mark(11, 11), None, 10, true), Verdict::OldCopy);
    }

    #[test]
    fn all_that_a_copy_holds_is_numbered_anew() {
        let folder = tempfile::TempDir::new().unwrap();
        let meter: MeterId = "main".parse().unwrap();
        let settings = Settings {
            state_dir: folder.path().to_owned(),
            runtime_dir: folder.path().to_owned(),
            ..Settings::default()
        };
        assert_eq!(begin_anew(&settings, &meter).unwrap(), None);
        let mut outbox = Outbox::open(folder.path()).unwrap();
        let mut account = outbox.account(&meter, 100).unwrap();
        let old = account.outbox.clone();
        let finished = [1, 2, 3, 50, 51].map(|n| FinishedMinute {
            minute: minute(n),
            watched_s: 60,
            pulses: 10,
            times: None,
        });
        outbox
            .append(&mut [Entry { account: account.clone(), finished: finished.into(), in_progress: None }])
            .unwrap();
        let in_order = |outbox: &Outbox, account: &Account| -> Vec<_> {
            let counts = outbox.after(account, 0, 10).unwrap();
            counts.iter().map(|kept| (kept.count.seq, kept.count.minute, kept.count.total)).collect()
        };
        let all = [1, 2, 3, 50, 51].map(minute).into_iter().zip(1..);
        let all: Vec<_> = all.map(|(minute, seq)| (seq, minute, 100 + 10 * seq)).collect();

        let new = begin_anew(&settings, &meter).unwrap().unwrap();
        account = outbox.existing_account(&meter).unwrap().unwrap();
        assert_ne!(new, old);
        assert_eq!((account.outbox.clone(), account.last_seq, account.mark, account.total), (new, 5, 0, 150));
        assert_eq!(in_order(&outbox, &account), all);

        // Minutes that have made room have left no hole.
        account.mark = 5;
        assert_eq!(outbox.prune(&account, minute(3)).unwrap(), 3);
        begin_anew(&settings, &meter).unwrap();
        account = outbox.existing_account(&meter).unwrap().unwrap();
        let left: Vec<_> = all[2..].iter().map(|&(seq, minute, total)| (seq - 2, minute, total)).collect();
        assert_eq!((in_order(&outbox, &account), account.total, account.mark), (left, 150, 0));
    }
}
