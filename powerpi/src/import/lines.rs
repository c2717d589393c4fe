//! Lines of a file, one at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};

/// A longer line is no line: `mysqldump` writes up to 16 MiB.
const LONGEST: u64 = 32 << 20;

pub(super) struct Lines {
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        Ok(Self { file: BufReader::with_capacity(1 << 16, file), line: Vec::new(), number: 0 })
    }

    /// The next one, with its number, from 1 on; a byte order mark is left out.
    pub(super) fn next_line(&mut self) -> anyhow::Result<Option<(u64, &[u8])>> {
        self.line.clear();
        self.number += 1;
        let read = (&mut self.file).take(LONGEST).read_until(b'\n', &mut self.line);
        let read = read.with_context(|| format!("reading line {}", self.number))?;
        if read as u64 == LONGEST {
            bail!("line {} is longer than 32 MiB", self.number);
        }
        let line = if self.number == 1 { self.line.strip_prefix(b"\xef\xbb\xbf") } else { None };
        Ok((read > 0).then_some((self.number, line.unwrap_or(&self.line))))
    }
}
