//! Checks a file before librrd reads it.
//!
//! librrd maps the file and trusts its header: a truncated file kills the process
//! by SIGBUS, a wrong count by SIGFPE. So the header is read first, in
//! the layout of `rrd_format.h`, whose words are C longs of this machine.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::DatabaseError;
use crate::layout::{ARCHIVE_ROWS, DATA_SOURCE, HEARTBEAT_S, STEP_S};

/// A C long.
const WORD: usize = size_of::<usize>();

/// Ten parameters of eight bytes follow each definition.
const PARAMETERS: usize = 10 * 8;

/// Both name fields of a definition.
const NAME: usize = 20;

/// Identifies byte order and floating point format.
const FLOAT_COOKIE: f64 = 8.642135E130;

/// Checks everything in a file that could crash librrd; returns the time of its last update, in seconds since 1970.
pub(crate) fn check(path: &Path) -> Result<i64, DatabaseError> {
    let mut file = File::open(path).map_err(DatabaseError::io(path))?;
    let length = file.metadata().map_err(DatabaseError::io(path))?.len();
    let rows = ARCHIVE_ROWS as u64 * 8;
    let header = length.checked_sub(rows).filter(|&header| header < 4096);
    let mut bytes = vec![0; header.unwrap_or_default() as usize];
    file.read_exact(&mut bytes).map_err(DatabaseError::io(path))?;
    last_update(&bytes).map_err(|why| DatabaseError::Damaged { path: path.to_owned(), why })
}

/// The time of the last update in a header, given from the first byte to the first value; or what is wrong with it.
fn last_update(header: &[u8]) -> Result<i64, &'static str> {
    let mut fields = Fields { header, at: 0 };
    let checks: [(bool, &'static str); 12] = [
        (fields.text(4) == b"RRD", "not an RRD file"),
        (fields.text(5) == b"0003", "of an unknown format"),
        (fields.float() == Some(FLOAT_COOKIE), "from another kind of machine"),
        (fields.word() == Some(1), "the number of data sources"),
        (fields.word() == Some(1), "the number of archives"),
        (fields.word() == Some(STEP_S), "the step"),
        (fields.skip(PARAMETERS).text(NAME) == DATA_SOURCE.as_bytes(), "the data source's name"),
        (fields.text(NAME) == b"GAUGE", "the data source's type"),
        (fields.word() == Some(HEARTBEAT_S), "the heartbeat"),
        (fields.rest_of_parameters().text(NAME) == b"AVERAGE", "the archive's consolidation"),
        (fields.word() == Some(ARCHIVE_ROWS), "the archive's length"),
        (fields.word() == Some(1), "the archive's steps"),
    ];
    if let Some((_, why)) = checks.into_iter().find(|(right, _)| !right) {
        return Err(why);
    }
    let mut live = Fields { header, at: fields.skipped(PARAMETERS) };
    // Two times of the last update (seconds and more), what was last given, what is being consolidated.
    let end = header.len() - WORD;
    let times = end.checked_sub(live.at + (32 + PARAMETERS) + PARAMETERS);
    let last = match times {
        Some(16) => live.take(8, 8).and_then(|bytes| Some(i64::from_ne_bytes(bytes.try_into().ok()?))),
        Some(times) if times == 2 * WORD => live.word().map(|last| last as i64),
        _ => None,
    };
    let current_row = Fields { header, at: end }.word();
    if current_row.is_none_or(|row| row >= ARCHIVE_ROWS) {
        return Err("the place of its newest value");
    }
    last.ok_or("its size")
}

/// Reads one field after the other, each at a multiple of its size.
struct Fields<'a> {
    header: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize, align: usize) -> Option<&'a [u8]> {
        let start = self.at.next_multiple_of(align);
        self.at = start + length;
        self.header.get(start..self.at)
    }

    /// A text of up to `length` bytes, terminated by a zero.
    fn text(&mut self, length: usize) -> &'a [u8] {
        let field = self.take(length, 1).unwrap_or_default();
        field.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    fn word(&mut self) -> Option<usize> {
        Some(usize::from_ne_bytes(self.take(WORD, WORD)?.try_into().ok()?))
    }

    fn float(&mut self) -> Option<f64> {
        Some(f64::from_ne_bytes(self.take(8, 8)?.try_into().ok()?))
    }

    fn skipped(&self, length: usize) -> usize {
        self.at.next_multiple_of(8) + length
    }

    fn skip(&mut self, length: usize) -> &mut Self {
        self.at = self.skipped(length);
        self
    }

    /// The parameters behind the first one, which was read as a word.
    fn rest_of_parameters(&mut self) -> &mut Self {
        self.skip(PARAMETERS - 8)
    }
}
