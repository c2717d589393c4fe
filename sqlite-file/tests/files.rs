//! What is refused stays as it is; what is older is brought on; what is copied is sound.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use sqlite_file::{CopyError, FileKind, OpenError, Progress, Reason, Step, copy_to, integrity_check};

const ONE: &str = "CREATE TABLE note (line TEXT NOT NULL) STRICT;";
const TWO: &str = "ALTER TABLE note ADD COLUMN kept INTEGER NOT NULL DEFAULT 7;";

const fn kind(steps: &'static [Step]) -> FileKind {
    FileKind {
        name: "notebook",
        writer: "notekeeper",
        setting: "`notes`",
        application_id: 0x4e6f_7465,
        steps,
        patience: Duration::from_millis(50),
        exclusive: false,
        incremental_vacuum: false,
    }
}

static OLD: FileKind = kind(&[Step::Sql(ONE)]);
static NEW: FileKind = kind(&[Step::Sql(ONE), Step::Sql(TWO)]);
static EXCLUSIVE: FileKind = FileKind { exclusive: true, ..kind(&[Step::Sql(ONE)]) };

fn folder_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|file| (file.display().to_string(), std::fs::read(file).unwrap())).collect()
}

/// Both ways of opening, which say the same and change nothing.
fn refusal(path: &Path) -> String {
    let before = folder_of(path.parent().unwrap());
    let reading = NEW.open_read_only(path).unwrap_err().to_string();
    assert_eq!(NEW.open(path).unwrap_err().to_string(), reading);
    assert_eq!(folder_of(path.parent().unwrap()), before);
    assert!(reading.contains(path.to_str().unwrap()), "{reading}");
    reading
}

#[test]
fn an_older_file_is_brought_on_by_its_writer_only() {
    let folder = tempfile::tempdir().unwrap();
    // SQLite would read a part of this name as its own settings.
    let path = folder.path().join("notes #1?mode=memory%20&ö.sqlite");
    OLD.open(&path).unwrap().execute("INSERT INTO note VALUES ('a')", []).unwrap();
    let said = NEW.open_read_only(&path).unwrap_err().to_string();
    assert!(said.contains("format 1") && said.contains("start the new notekeeper"), "{said}");
    let writer = NEW.open(&path).unwrap();
    let reader = NEW.open_read_only(&path).unwrap();
    for connection in [&writer, &reader] {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        assert_eq!(connection.query_row("SELECT line, kept FROM note", [], row).unwrap(), ("a".into(), 7));
    }
    let said = OLD.open(&path).unwrap_err().to_string();
    assert!(said.contains("format 2") && said.contains("install a newer PowerPi"), "{said}");
}

#[test]
fn a_file_whose_writer_was_killed_before_its_first_checkpoint_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.sqlite");
    let writer = NEW.open(&path).unwrap();
    writer.execute("INSERT INTO note (line) VALUES ('a')", []).unwrap();
    // As a kill leaves them: the file's own head says nothing yet.
    let copy = folder.path().join("killed.sqlite");
    for ending in ["", "-wal"] {
        let [from, to] = [&path, &copy].map(|path| format!("{}{ending}", path.display()));
        std::fs::copy(from, to).unwrap();
    }
    assert_eq!(std::fs::read(&copy).unwrap()[68..72], [0; 4]);
    NEW.open_read_only(&copy).unwrap();
    let lines: i64 =
        NEW.open(&copy).unwrap().query_row("SELECT count(*) FROM note", [], |row| row.get(0)).unwrap();
    assert_eq!(lines, 1);
}

#[test]
fn other_programs_files_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sqlite");
    for make in [
        "CREATE TABLE shopping (item TEXT);",
        "PRAGMA application_id = 5; PRAGMA user_version = 1;",
        "PRAGMA journal_mode = WAL; CREATE TABLE shopping (item TEXT); PRAGMA application_id = 5;",
        "PRAGMA user_version = 1;",
    ] {
        Connection::open(&path).unwrap().execute_batch(make).unwrap();
        let said = refusal(&path);
        assert!(said.contains("not a PowerPi notebook") && said.contains("`notes`"), "{make}: {said}");
        std::fs::remove_file(&path).unwrap();
    }
    std::fs::write(&path, "Dear diary, this is not a database, but it is long enough.".repeat(100)).unwrap();
    assert!(refusal(&path).contains("not a PowerPi notebook"));
    std::fs::remove_file(&path).unwrap();
    NEW.open(&path).unwrap().pragma_update(None, "user_version", 3).unwrap();
    assert!(refusal(&path).contains("has format 3, but this program only knows 2; install a newer PowerPi"));
}

/// One that is open in its own program, and that has its head in the log only.
#[test]
fn an_open_foreign_file_keeps_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sqlite");
    let other = Connection::open(&path).unwrap();
    let make = "PRAGMA journal_mode = WAL; CREATE TABLE shopping (item TEXT); PRAGMA application_id = 5;";
    other.execute_batch(make).unwrap();
    let log = folder.path().join("other.sqlite-wal");
    let before = [&path, &log].map(|file| std::fs::read(file).unwrap());
    assert!(matches!(NEW.open(&path), Err(OpenError { reason: Reason::Foreign, .. })));
    assert_eq!([&path, &log].map(|file| std::fs::read(file).unwrap()), before);
    other.execute("INSERT INTO shopping VALUES ('milk')", []).unwrap();
}

/// A disk that was full when the log was to move into the file left its first page only.
#[test]
fn a_file_that_makes_sense_with_its_log_only_opens() {
    for kind in [&OLD, &EXCLUSIVE] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.sqlite");
        let log = folder.path().join("notes.sqlite-wal");
        let writer = kind.open(&path).unwrap();
        writer.execute("INSERT INTO note (line) VALUES ('a')", []).unwrap();
        let in_the_log = std::fs::read(&log).unwrap();
        drop(writer);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
        std::fs::write(&log, in_the_log).unwrap();
        let lines: i64 =
            kind.open(&path).unwrap().query_row("SELECT count(*) FROM note", [], |row| row.get(0)).unwrap();
        assert_eq!(lines, 1);
    }
}

/// Also where there is no room for an index of the log: a disk may be full at the next start.
#[test]
fn an_exclusive_file_is_read_from_its_log_with_nothing_made_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open.sqlite");
    let writer = EXCLUSIVE.open(&open).unwrap();
    for (application_id, path) in [(EXCLUSIVE.application_id, "killed/ours"), (5, "foreign/other")] {
        writer.pragma_update(None, "application_id", application_id).unwrap();
        let path = folder.path().join(path);
        let killed = path.parent().unwrap();
        std::fs::create_dir(killed).unwrap();
        for ending in ["", "-wal"] {
            let [from, to] = [&open, &path].map(|path| format!("{}{ending}", path.display()));
            std::fs::copy(from, to).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap()[68..72], [0; 4]);
        let before = folder_of(killed);
        if application_id == EXCLUSIVE.application_id {
            let opened = EXCLUSIVE.open(&path).unwrap();
            assert_eq!(folder_of(killed).len(), 2);
            drop(opened);
        } else {
            assert!(matches!(EXCLUSIVE.open(&path), Err(OpenError { reason: Reason::Foreign, .. })));
            assert_eq!(folder_of(killed), before);
        }
    }
}

#[test]
fn an_empty_or_missing_file_is_made_by_its_writer_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.sqlite");
    assert!(matches!(NEW.open_read_only(&path), Err(OpenError { reason: Reason::Unusable(_), .. })));
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    assert!(matches!(NEW.open_read_only(&path), Err(OpenError { reason: Reason::Empty, .. })));
    NEW.open(&path).unwrap();
    NEW.open_read_only(&path).unwrap();
    assert!(matches!(
        NEW.open(&folder.path().join("nowhere/notes")),
        Err(OpenError { reason: Reason::Unusable(_), .. })
    ));
}

#[test]
fn an_exclusive_file_stays_exclusive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.sqlite");
    let held = EXCLUSIVE.open(&path).unwrap();
    assert!(!folder.path().join("notes.sqlite-shm").exists());
    for _ in 0..2 {
        assert!(matches!(EXCLUSIVE.open(&path), Err(OpenError { reason: Reason::InUse, .. })));
    }
    held.execute("INSERT INTO note VALUES ('a')", []).unwrap();
    drop(held);
    EXCLUSIVE.open(&path).unwrap();
}

#[test]
fn a_copy_is_one_state_of_a_file_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let writer = NEW.open(&folder.path().join("notes.sqlite")).unwrap();
    writer.execute("INSERT INTO note (line) VALUES ('in the log')", []).unwrap();
    let copy = folder.path().join("copy.sqlite");
    copy_to(&writer, &copy).unwrap();
    let count =
        |file: &Connection| file.query_row("SELECT count(*) FROM note", [], |row| row.get::<_, i64>(0));
    assert_eq!(count(&NEW.open(&copy).unwrap()).unwrap(), 1);
    assert!(matches!(copy_to(&writer, &copy), Err(CopyError::Disk(_))), "nothing is replaced");
    assert_eq!(count(&writer).unwrap(), 1);
}

#[test]
fn damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.sqlite");
    let writer = NEW.open(&path).unwrap();
    writer.execute("INSERT INTO note (line) VALUES (?1)", ["a".repeat(20_000)]).unwrap();
    assert_eq!(integrity_check(&writer).unwrap(), None);
    drop(writer);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 4096;
    bytes[last..].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(integrity_check(&NEW.open_read_only(&path).unwrap()), Ok(Some(_)) | Err(_)));
}

/// Makes all lines longer, and says how far it is.
fn lengthen(transaction: &rusqlite::Transaction<'_>, progress: &mut Progress) -> rusqlite::Result<()> {
    progress.expect(2);
    for _ in 0..2 {
        transaction.execute("UPDATE note SET line = line || 'x'", [])?;
        progress.add(1);
    }
    Ok(())
}

static BY_CODE: FileKind = kind(&[Step::Sql(ONE), Step::Sql(TWO), Step::Code(lengthen)]);

#[test]
fn what_is_upgraded_is_kept_as_it_was_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.sqlite");
    OLD.open(&path).unwrap().execute("INSERT INTO note VALUES ('a')", []).unwrap();
    let line = |kind: &'static FileKind, path: &Path| -> String {
        let file = kind.open_read_only(path).unwrap();
        file.query_row("SELECT line FROM note", [], |row| row.get(0)).unwrap()
    };
    drop(BY_CODE.open(&path).unwrap());
    assert_eq!(line(&BY_CODE, &path), "axx");
    assert_eq!(line(&OLD, &folder.path().join("notes.sqlite.format-1")), "a");
    // Once more, and nothing is left to do.
    drop(BY_CODE.open(&path).unwrap());
    assert_eq!(line(&BY_CODE, &path), "axx");
    let copies = folder_of(folder.path()).into_keys().filter(|name| name.contains("format-"));
    assert_eq!(copies.count(), 1);
}

fn refuse(_: &rusqlite::Transaction<'_>, _: &mut Progress) -> rusqlite::Result<()> {
    Err(rusqlite::Error::QueryReturnedNoRows)
}

#[test]
fn an_upgrade_is_whole_or_none() {
    static REFUSED: FileKind = kind(&[Step::Sql(ONE), Step::Sql(TWO), Step::Code(refuse)]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.sqlite");
    OLD.open(&path).unwrap().execute("INSERT INTO note VALUES ('a')", []).unwrap();
    REFUSED.open(&path).unwrap_err();
    let line: String =
        OLD.open(&path).unwrap().query_row("SELECT line FROM note", [], |row| row.get(0)).unwrap();
    assert_eq!(line, "a");
}

#[test]
fn what_an_upgrade_no_longer_needs_is_given_back_to_the_disk() {
    fn empty(transaction: &rusqlite::Transaction<'_>, _: &mut Progress) -> rusqlite::Result<()> {
        transaction.execute_batch("DELETE FROM note")
    }
    static EMPTIED: FileKind = kind(&[Step::Sql(ONE), Step::Code(empty)]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.sqlite");
    OLD.open(&path).unwrap().execute("INSERT INTO note VALUES (?1)", ["a".repeat(1_000_000)]).unwrap();
    drop(EMPTIED.open(&path).unwrap());
    let bytes = path.metadata().unwrap().len();
    assert!(bytes < 100_000, "{bytes} bytes");
}
