//! Keeps what is counted and not in the outbox yet ([`Interim`]) through
//! `kill -9` and power cuts.
//!
//! In a tmpfs after every read of the line: a small file that is replaced by
//! renaming, so that a reader finds either the old version or the new one. And
//! on disk at most every ten seconds, if pulses have come since: two slots of a
//! block each, written in turn, in place, so that a checkpoint costs a card one
//! block, and the older slot is whole while the newer is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use daemon_runtime::OwnerThread;
use flume::{RecvTimeoutError, Sender};
use meter_messages::MeterId;

use crate::interim::Interim;
use crate::outbox::Account;

/// The most that a power cut may lose.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// One slot on disk, in bytes: a block of a file system.
const SLOT: usize = 4096;

/// Number and checksum before the text of a slot, and its length.
const HEAD: usize = 16;

/// Where one meter's interim count is kept.
#[derive(Debug)]
pub struct Safekeeping {
    file: PathBuf,
    next: PathBuf,
    complained: bool,
    newest: Arc<Mutex<Option<Interim>>>,
}

impl Safekeeping {
    /// Keeps the count of one outbox. `newest` is what the checkpoints are made
    /// from.
    pub fn new(runtime_dir: &Path, meter: &MeterId, account: &Account, newest: Newest) -> Self {
        let file = runtime_file(runtime_dir, meter, account);
        Self { next: file.with_extension("new"), file, complained: false, newest }
    }

    /// Replaces the previous version.
    pub fn keep(&mut self, interim: &Interim) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(interim.clone());
        // Plain numbers and text: this does not fail.
        let text = serde_json::to_vec(interim).unwrap_or_default();
        let outcome = fs::write(&self.next, text).and_then(|()| fs::rename(&self.next, &self.file));
        match outcome {
            Ok(()) => self.complained = false,
            Err(error) if !std::mem::replace(&mut self.complained, true) => tracing::warn!(
                file = %self.file.display(), %error,
                "the minute in progress would not survive a kill; set runtime_dir to a folder in a tmpfs"
            ),
            Err(_) => {}
        }
    }
}

/// What was kept, of all places.
pub fn kept(runtime_dir: &Path, state_dir: &Path, meter: &MeterId, account: &Account) -> Vec<Interim> {
    let in_tmpfs = fs::read(runtime_file(runtime_dir, meter, account)).unwrap_or_default();
    let checkpoints = fs::read(checkpoint_file(state_dir, meter, account)).unwrap_or_default();
    let on_disk = checkpoints.chunks(SLOT).filter_map(read_slot).map(|(_, interim)| interim);
    serde_json::from_slice(&in_tmpfs).ok().into_iter().chain(on_disk).collect()
}

/// The kernel's id of this boot.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn runtime_file(folder: &Path, meter: &MeterId, account: &Account) -> PathBuf {
    folder.join(format!("{meter}-{}.json", account.outbox))
}

fn checkpoint_file(folder: &Path, meter: &MeterId, account: &Account) -> PathBuf {
    folder.join(format!("checkpoint-{meter}-{}", account.outbox))
}

/// The newest version of one meter, shared with the thread that writes it down.
pub type Newest = Arc<Mutex<Option<Interim>>>;

/// One meter's checkpoints.
#[derive(Debug)]
struct Checkpoint {
    path: PathBuf,
    newest: Newest,
    number: u64,
    written: Option<Interim>,
    complained: bool,
}

/// Writes checkpoints in a thread of its own, because a card may take seconds;
/// ends when the returned sender is gone.
pub fn spawn_checkpoints(
    state_dir: &Path,
    meters: Vec<(MeterId, Account, Newest)>,
) -> io::Result<(Sender<()>, OwnerThread)> {
    let (stop, stopped) = flume::bounded(0);
    let mut checkpoints: Vec<Checkpoint> = meters
        .into_iter()
        .map(|(meter, account, newest)| Checkpoint {
            path: checkpoint_file(state_dir, &meter, &account),
            newest,
            number: 0,
            written: None,
            complained: false,
        })
        .collect();
    let thread = OwnerThread::spawn("checkpoints", move |alive| {
        checkpoints.iter_mut().for_each(Checkpoint::go_on_from_disk);
        while alive.wait(|| stopped.recv_timeout(CHECKPOINT_EVERY)) == Err(RecvTimeoutError::Timeout) {
            for checkpoint in &mut checkpoints {
                alive.step();
                checkpoint.write();
            }
        }
        Ok(())
    })?;
    Ok((stop, thread))
}

impl Checkpoint {
    fn go_on_from_disk(&mut self) {
        let mut bytes = Vec::new();
        if File::open(&self.path).and_then(|mut file| file.read_to_end(&mut bytes)).is_ok() {
            self.number =
                bytes.chunks(SLOT).filter_map(read_slot).map(|(number, _)| number).max().unwrap_or(0);
        }
    }

    /// Writes the newest version, if it has pulses that the last one had not.
    fn write(&mut self) {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(mut newest) = newest else { return };
        // After a power cut nobody knows when that was.
        newest.waiting = None;
        (newest.line, newest.clock) = (None, None);
        // A slot has room for an hour of minutes without them, and they count nothing.
        newest.finished.iter_mut().for_each(|minute| minute.times = None);
        let same = |written: &Interim| {
            let counted = |interim: &Interim| {
                (interim.finished.clone(), interim.in_progress.map(|now| (now.minute, now.pulses)))
            };
            counted(written) == counted(&newest)
        };
        let nothing_yet = newest.finished.is_empty() && newest.in_progress.is_none_or(|now| now.pulses == 0);
        if self.written.as_ref().is_some_and(same) || nothing_yet {
            return;
        }
        match write_slot(&self.path, self.number + 1, &newest) {
            Ok(()) => {
                self.number += 1;
                self.written = Some(newest);
                self.complained = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::warn!(file = %self.path.display(), %error, "a checkpoint could not be written");
                }
            }
        }
    }
}

fn write_slot(path: &Path, number: u64, interim: &Interim) -> io::Result<()> {
    let text = serde_json::to_vec(interim)?;
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    if text.len() > SLOT - HEAD {
        return Err(io::Error::other("more minutes are waiting for the disk than a checkpoint can hold"));
    }
    let mut slot = vec![0; SLOT];
    slot[..8].copy_from_slice(&number.to_le_bytes());
    slot[8..12].copy_from_slice(&length.to_le_bytes());
    slot[HEAD..HEAD + text.len()].copy_from_slice(&text);
    let checksum = checksum(number, length, &text);
    slot[12..HEAD].copy_from_slice(&checksum.to_le_bytes());
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    if file.metadata()?.len() < 2 * SLOT as u64 {
        // Both slots from the beginning, so that later ones change no metadata.
        file.write_all_at(&[0; 2 * SLOT], 0)?;
        file.sync_all()?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
    }
    file.write_all_at(&slot, number % 2 * SLOT as u64)?;
    file.sync_data()
}

fn read_slot(slot: &[u8]) -> Option<(u64, Interim)> {
    let number = u64::from_le_bytes(slot.get(..8)?.try_into().ok()?);
    let length = u32::from_le_bytes(slot.get(8..12)?.try_into().ok()?);
    let told = u32::from_le_bytes(slot.get(12..HEAD)?.try_into().ok()?);
    let text = slot.get(HEAD..HEAD.checked_add(length as usize)?)?;
    (checksum(number, length, text) == told)
        .then(|| serde_json::from_slice(text).ok())?
        .map(|read| (number, read))
}

fn checksum(number: u64, length: u32, text: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(text);
    hasher.finalize()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::Minute;
    use tempfile::TempDir;

    use super::*;
    use crate::outbox::Outbox;
    use crate::pulse_counter::MinuteInProgress;

    fn interim(account: &Account, pulses: u32) -> Interim {
        let minute = Minute::from_epoch_minutes(29_000_000).unwrap();
        let now = MinuteInProgress {
            minute,
            watched_ns: 1,
            pulses,
            until_utc_ns: minute.start() * 1_000_000_000,
            times_ms: None,
        };
        Interim {
            outbox: account.outbox.clone(),
            finished: Vec::new(),
            in_progress: Some(now),
            waiting: None,
            line: None,
            clock: None,
            counter: None,
        }
    }

    fn place() -> (TempDir, MeterId, Account) {
        let folder = TempDir::new().unwrap();
        let meter: MeterId = "main".parse().unwrap();
        let account = Outbox::open(folder.path()).unwrap().account(&meter, 0).unwrap();
        (folder, meter, account)
    }

    #[test]
    fn a_half_written_checkpoint_leaves_the_one_before() {
        let (folder, meter, account) = place();
        let path = checkpoint_file(folder.path(), &meter, &account);
        for number in 1..=3 {
            write_slot(&path, number, &interim(&account, number as u32)).unwrap();
        }
        let read = || {
            let kept = kept(Path::new("/nowhere"), folder.path(), &meter, &account);
            kept.iter().map(|interim| interim.in_progress.unwrap().pulses).collect::<Vec<_>>()
        };
        assert_eq!(read(), [2, 3]);
        assert_eq!(fs::metadata(&path).unwrap().len(), 2 * SLOT as u64);
        let mut bytes = fs::read(&path).unwrap();
        bytes[SLOT + HEAD + 20] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(), [2]);
        fs::write(&path, &bytes[..SLOT - 1]).unwrap();
        assert_eq!(read(), [2], "cut short in the padding");
        fs::write(&path, b"nonsense").unwrap();
        assert_eq!(read(), [0_u32; 0]);
    }

    #[test]
    fn a_checkpoint_is_written_only_when_pulses_have_come() {
        let (folder, meter, account) = place();
        let newest = Newest::default();
        let path = checkpoint_file(folder.path(), &meter, &account);
        let mut checkpoint =
            Checkpoint { path, newest: newest.clone(), number: 0, written: None, complained: false };
        let mut numbers = Vec::new();
        for pulses in [0, 1, 1, 1, 2] {
            *newest.lock().unwrap() = Some(interim(&account, pulses));
            checkpoint.write();
            numbers.push(checkpoint.number);
        }
        assert_eq!(numbers, [0, 1, 1, 1, 2]);
    }

    #[test]
    fn what_is_kept_in_a_tmpfs_is_found_again() {
        let (folder, meter, account) = place();
        let run = folder.path().join("run");
        fs::create_dir(&run).unwrap();
        let mut safekeeping = Safekeeping::new(&run, &meter, &account, Newest::default());
        safekeeping.keep(&interim(&account, 1));
        safekeeping.keep(&interim(&account, 2));
        assert_eq!(kept(&run, folder.path(), &meter, &account), [interim(&account, 2)]);
    }
}
