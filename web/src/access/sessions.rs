//! What the server keeps of sessions: a secret of its own, without which nobody can make one, and those that were ended
//! before their time, so that a kept cookie is good for nothing after a restart either.
//!
//! Both are in one file: whoever deletes it, or puts a server back from a backup, which has none, ends all sessions.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use broker_users::PasswordHash;
use daemon_runtime::{replace_file, warn_if_others_can_read};
use jiff::Timestamp;

use super::session::{Claim, SessionSecret};

/// The file's name in the server's folder.
const FILE: &str = "sessions";

/// A longer file is none of ours, in bytes: that is for some hundred users who sign out all day.
const LONGEST: u64 = 4 << 20;

/// So many sessions of a user that were ended are known one by one; beyond that, the user's oldest ones are over.
const MOST_ENDED: usize = 100;

/// Sessions of one user that were ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ended {
    /// Until when each would hold, and which it is.
    one_by_one: Vec<(i64, String)>,
    /// All that would hold until then at most.
    all_until: i64,
}

impl Ended {
    fn end(&mut self, until: i64, id: &str) {
        self.one_by_one.push((until, id.to_owned()));
        if self.one_by_one.len() > MOST_ENDED {
            // The one that was begun first; of all the user's sessions none begun before it is still wanted.
            self.one_by_one.sort();
            self.all_until = self.all_until.max(self.one_by_one.remove(0).0);
        }
    }

    fn has(&self, until: i64, id: &str) -> bool {
        until <= self.all_until || self.one_by_one.iter().any(|(_, ended)| ended == id)
    }

    /// Forgets those that are over by themselves; whether nothing is left.
    fn forget(&mut self, now: i64) -> bool {
        self.one_by_one.retain(|(until, _)| *until > now);
        self.one_by_one.is_empty() && self.all_until <= now
    }
}

/// What is kept.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    secret: SessionSecret,
    ended: HashMap<String, Ended>,
}

impl Kept {
    fn new() -> Self {
        Self { secret: SessionSecret::random(), ended: HashMap::new() }
    }

    /// Takes over what others say was ended of the same sessions; whether that was news.
    fn take_over(&mut self, others: Self) -> bool {
        let (mut is_news, is_same) = (false, self.secret == others.secret);
        for (name, ended) in others.ended.into_iter().filter(|_| is_same) {
            let ours = self.ended.entry(name).or_default();
            is_news |= ended.all_until > ours.all_until;
            ours.all_until = ours.all_until.max(ended.all_until);
            for (until, id) in ended.one_by_one {
                if !ours.has(until, &id) {
                    ours.end(until, &id);
                    is_news = true;
                }
            }
        }
        is_news
    }

    /// A line for the secret, and one for each session, or all earlier ones, of a user. The name comes last: it may have
    /// blanks.
    fn to_text(&self) -> String {
        let mut text = format!("secret {}\n", self.secret.to_hex());
        for (name, ended) in &self.ended {
            if ended.all_until > 0 {
                text.push_str(&format!("ended {} * {name}\n", ended.all_until));
            }
            for (until, id) in &ended.one_by_one {
                text.push_str(&format!("ended {until} {id} {name}\n"));
            }
        }
        text
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let secret = SessionSecret::from_hex(lines.next()?.strip_prefix("secret ")?)?;
        let mut ended: HashMap<String, Ended> = HashMap::new();
        for line in lines {
            let mut parts = line.strip_prefix("ended ")?.splitn(3, ' ');
            let (until, id, name) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
            let of_user = ended.entry(name.to_owned()).or_default();
            match id {
                "*" => of_user.all_until = until,
                id => of_user.one_by_one.push((until, id.to_owned())),
            }
        }
        Some(Self { secret, ended })
    }
}

/// All sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    file: PathBuf,
    kept: Mutex<Option<Kept>>,
    /// Held by who writes, so that the newest is written last; checks do not wait for the disk.
    writing: Mutex<()>,
    /// Whether the file is there, as far as we know.
    on_disk: AtomicBool,
}

impl Sessions {
    /// Those of the server's folder. It is looked at when they are first needed.
    pub(super) fn of(folder: &Path) -> Self {
        let (kept, writing) = (Mutex::default(), Mutex::default());
        Self { file: folder.join(FILE), kept, writing, on_disk: AtomicBool::new(false) }
    }

    /// Reads the file, now that there are users, or makes it. Where it cannot be kept, sessions end with this program.
    pub(super) fn read(&self) {
        let _alone = lock(&self.writing);
        let read = match self.file.metadata() {
            Ok(file) if file.len() > LONGEST => Ok(None),
            Ok(_) => std::fs::read_to_string(&self.file).map(|text| Kept::from_text(&text)),
            Err(error) => Err(error),
        };
        let path = self.file.display();
        match read {
            Ok(Some(mut kept)) => {
                warn_if_others_can_read(&self.file);
                self.on_disk.store(true, Ordering::Relaxed);
                let mut ours = lock(&self.kept);
                // What was ended while the disk took nothing stays so.
                let is_news = ours.take().is_some_and(|before| kept.take_over(before));
                *ours = Some(kept);
                drop(ours);
                if is_news {
                    self.write();
                }
                return;
            }
            Ok(None) => {
                tracing::error!("{path} is damaged: it is made anew, and everybody has to sign in again");
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Where it could never be kept, nobody has taken it away: sessions go on.
                if lock(&self.kept).is_some() && !self.on_disk.load(Ordering::Relaxed) {
                    return;
                }
            }
            Err(error) => {
                // It may be readable again: nothing takes its place.
                let mut kept = lock(&self.kept);
                let then = match kept.is_some() {
                    true => "sessions go on as they were",
                    false => "everybody has to sign in again",
                };
                tracing::error!("{path} cannot be read, {then}: {error}");
                kept.get_or_insert_with(Kept::new);
                return;
            }
        }
        *lock(&self.kept) = Some(Kept::new());
        self.write();
    }

    /// A session for a user.
    pub(super) fn begin(&self, name: &str, hash: &PasswordHash, now: Timestamp) -> Claim {
        let mut kept = lock(&self.kept);
        Claim::new(name, hash, &kept.get_or_insert_with(Kept::new).secret, now)
    }

    /// Whether a session holds.
    pub(super) fn holds(&self, claim: &Claim, hash: &PasswordHash, now: Timestamp) -> bool {
        let kept = lock(&self.kept);
        let Some(kept) = kept.as_ref() else { return false };
        let is_over = kept.ended.get(&claim.name).is_some_and(|ended| ended.has(claim.until, &claim.id));
        !is_over && claim.holds(hash, &kept.secret, now)
    }

    /// Ends one that holds. It is on disk then.
    pub(super) fn end(&self, claim: &Claim, now: Timestamp) {
        let _alone = lock(&self.writing);
        if let Some(kept) = lock(&self.kept).as_mut() {
            kept.ended.entry(claim.name.clone()).or_default().end(claim.until, &claim.id);
            kept.ended.retain(|_, ended| !ended.forget(now.as_second()));
        }
        self.write();
    }

    /// Writes it; a word in the log, if that is not possible.
    fn write(&self) {
        let Some(text) = lock(&self.kept).as_ref().map(Kept::to_text) else { return };
        match replace_file(&self.file, &text, 0o600, None) {
            Ok(()) => self.on_disk.store(true, Ordering::Relaxed),
            Err(error) => tracing::warn!("sessions cannot be kept, and end with this program: {error:#}"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn at(folder: &Path) -> Sessions {
        let sessions = Sessions::of(folder);
        sessions.read();
        sessions
    }

    #[test]
    fn what_was_ended_stays_so_and_all_else_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (hash, now) = (PasswordHash::of(b"one").unwrap(), daemon_runtime::now());
        let first = at(folder.path());
        let (ended, other) = (first.begin("a b", &hash, now), first.begin("a b", &hash, now));
        first.end(&ended, now);
        let mode = folder.path().join(FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for sessions in [first, at(folder.path())] {
            assert!(!sessions.holds(&ended, &hash, now) && sessions.holds(&other, &hash, now));
        }
    }

    #[test]
    fn who_signs_out_without_end_makes_no_ended_session_hold_again() {
        let folder = tempfile::tempdir().unwrap();
        let (hash, now) = (PasswordHash::of(b"one").unwrap(), daemon_runtime::now());
        let sessions = at(folder.path());
        let others = sessions.begin("ernst", &hash, now);
        let ended: Vec<Claim> = (0..3 * MOST_ENDED)
            .map(|second| {
                let at = Timestamp::from_second(now.as_second() + second as i64).unwrap();
                let claim = sessions.begin("anna", &hash, at);
                sessions.end(&claim, now);
                claim
            })
            .collect();
        let again = at(folder.path());
        assert!(ended.iter().all(|claim| !again.holds(claim, &hash, now)));
        assert!(again.holds(&others, &hash, now));
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text.lines().count(), 1 + 1 + MOST_ENDED);
        // Those that are over by themselves need no word any more.
        let later = Timestamp::from_second(now.as_second() + 40 * 86_400).unwrap();
        again.end(&again.begin("ernst", &hash, later), later);
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn a_damaged_file_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let (hash, now) = (PasswordHash::of(b"one").unwrap(), daemon_runtime::now());
        let sessions = at(folder.path());
        let (ended, other) = (sessions.begin("anna", &hash, now), sessions.begin("anna", &hash, now));
        sessions.end(&ended, now);
        let file = folder.path().join(FILE);
        let whole = std::fs::read_to_string(&file).unwrap();
        for damaged in
            [String::new(), whole.replace("ended", "x"), whole[..40].to_owned(), "secret 00".into()]
        {
            std::fs::write(&file, damaged).unwrap();
            let after = at(folder.path());
            assert!(!after.holds(&ended, &hash, now) && !after.holds(&other, &hash, now));
            let new = after.begin("anna", &hash, now);
            assert!(at(folder.path()).holds(&new, &hash, now), "it was made anew");
        }
        std::fs::remove_file(&file).unwrap();
        let replaced = at(folder.path());
        assert!(!replaced.holds(&other, &hash, now));
    }

    #[test]
    fn a_disk_that_fails_brings_no_ended_session_back_and_ends_none() {
        let folder = tempfile::tempdir().unwrap();
        let (hash, now) = (PasswordHash::of(b"one").unwrap(), daemon_runtime::now());
        let (place, away) = (folder.path().join("web"), folder.path().join("away"));
        std::fs::create_dir(&place).unwrap();
        let sessions = at(&place);
        let (ended, other) = (sessions.begin("anna", &hash, now), sessions.begin("anna", &hash, now));
        let hold = |sessions: &Sessions| [&ended, &other].map(|claim| sessions.holds(claim, &hash, now));
        std::fs::rename(&place, &away).unwrap();
        sessions.end(&ended, now);
        std::fs::rename(&away, &place).unwrap();
        sessions.read();
        assert_eq!(hold(&sessions), [false, true], "it was ended while nothing could be written");
        assert_eq!(hold(&at(&place)), [false, true], "and is on disk now");
        // A file that cannot be read.
        let (file, kept) = (place.join(FILE), place.join("kept"));
        std::fs::rename(&file, &kept).unwrap();
        std::fs::create_dir(&file).unwrap();
        sessions.read();
        assert_eq!(hold(&sessions), [false, true], "nobody has to sign in again");
        assert_eq!(hold(&at(&place)), [false, false], "a server that is started then knows none");
        std::fs::remove_dir(&file).unwrap();
        std::fs::rename(&kept, &file).unwrap();
        assert_eq!(hold(&at(&place)), [false, true], "and has written none in its place");
    }

    #[test]
    fn without_a_folder_sessions_last_as_long_as_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let (hash, now) = (PasswordHash::of(b"one").unwrap(), daemon_runtime::now());
        let nowhere = folder.path().join("nowhere");
        let sessions = at(&nowhere);
        let claim = sessions.begin("anna", &hash, now);
        // A reload ends nothing.
        sessions.read();
        assert!(sessions.holds(&claim, &hash, now) && !at(&nowhere).holds(&claim, &hash, now));
    }
}
